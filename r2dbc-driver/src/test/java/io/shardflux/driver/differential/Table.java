package io.shardflux.driver.differential;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A table of the differential tests.
 *
 * @param rule where its rows lie
 * @param primary its first columns, which are its primary key
 * @param columns all its columns
 * @param rows what it is filled with
 */
record Table(TableRule rule, int primary, List<Column> columns, List<List<@Nullable Object>> rows) {

  String name() {
    return rule.table();
  }

  boolean sharded() {
    return rule instanceof TableRule.Sharded;
  }

  boolean reference() {
    return rule instanceof TableRule.Reference;
  }

  /** The columns by which its rows are spread. */
  List<Column> key() {
    return columns.subList(0, rule instanceof TableRule.Sharded sharded ? sharded.key().size() : 0);
  }

  List<Column> primaryKey() {
    return columns.subList(0, primary);
  }

  List<Column> others() {
    return columns.subList(primary, columns.size());
  }

  Column column(String name) {
    return columns.stream().filter(column -> column.name().equals(name)).findFirst().orElseThrow();
  }

  ShardKey keyOf(List<@Nullable Object> row) {
    Object[] key = new Object[key().size()];
    for (int i = 0; i < key.length; i++) {
      key[i] = part(columns.get(i).kind(), row.get(i));
    }
    return ShardKey.of(key);
  }

  private static @Nullable Object part(Kind kind, @Nullable Object value) {
    if (kind == Kind.UUID && value instanceof String text) {
      return UUID.fromString(text);
    }
    return value instanceof ZonedDateTime at ? at.toInstant() : value;
  }

  String create() {
    return columns.stream()
        .map(Column::definition)
        .collect(
            Collectors.joining(
                ", ",
                "CREATE TABLE " + name() + " (",
                ", PRIMARY KEY ("
                    + names(primaryKey())
                    + ")) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"));
  }

  String insert(List<List<@Nullable Object>> some) {
    return some.stream()
        .map(row -> row.stream().map(Literals::plain).collect(Collectors.joining(", ", "(", ")")))
        .collect(
            Collectors.joining(
                ", ", "INSERT INTO " + name() + " (" + names(columns) + ") VALUES ", ""));
  }

  /** One row: how many rows there are, and a sum over all of what stands in them, byte by byte. */
  String checksum() {
    return columns.stream()
        .map(Column::digits)
        .collect(
            Collectors.joining(
                ", '|', ",
                "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT(",
                "))), 0) FROM " + name()));
  }

  static String names(List<Column> columns) {
    return columns.stream().map(Column::name).collect(Collectors.joining(", "));
  }

  /** Where a table's rows are spread by strategy. */
  static TableRule sharded(String name, String strategy, KeyColumn... key) {
    return new TableRule.Sharded(name, List.of(key), strategy);
  }

  static TableRule pinned(String name, ShardId shard) {
    return new TableRule.Pinned(name, shard);
  }

  @Override
  public String toString() {
    return name();
  }

  /** A row, of which no element but the nulls among {@code values} is null. */
  static List<@Nullable Object> row(@Nullable Object... values) {
    List<@Nullable Object> row = new ArrayList<>();
    for (Object value : Objects.requireNonNull(values)) {
      row.add(value);
    }
    return row;
  }
}
