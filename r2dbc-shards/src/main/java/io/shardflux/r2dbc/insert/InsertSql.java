package io.shardflux.r2dbc.insert;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * An {@code INSERT} or {@code REPLACE} of one row, to be sent with the row group of each of many.
 */
@Internal
public final class InsertSql {

  private static final int MAX_ROWS = 1_000;

  /** The bound on markers: a prepared statement counts them by two bytes. */
  private static final int MAX_MARKERS = 65_535;

  /** The command's byte and the prefix by which a server is told its bound. */
  private static final int AROUND = 128;

  private final SqlTemplate template;
  private final String head;
  private final String group;
  private final Set<String> names;

  private InsertSql(SqlTemplate template, int groupAt) {
    this.template = template;
    String sql = template.render();
    this.head = sql.substring(0, groupAt);
    this.group = sql.substring(groupAt).stripTrailing();
    this.names = new LinkedHashSet<>(template.markers());
  }

  /**
   * Reads a statement.
   *
   * @throws IllegalArgumentException if it can't be told of each of its rows what becomes of it
   */
  public static InsertSql of(SqlTemplate template) {
    int groupAt = template.rowGroup();
    if (groupAt < 0 || !template.named() || template.markers().size() > MAX_MARKERS) {
      throw new IllegalArgumentException(
          "sql: "
              + ShardTimeoutException.shortened(template.text())
              + " (expected: INSERT INTO … VALUES (…) or REPLACE INTO … VALUES (…), with :name"
              + " markers in its one row group alone, at most "
              + MAX_MARKERS
              + ", and nothing behind it; neither IGNORE nor ON DUPLICATE KEY UPDATE, which leave"
              + " open what became of a row)");
    }
    return new InsertSql(template, groupAt);
  }

  /**
   * Streams of rows for it.
   *
   * @param key where a row lies
   * @param values a row's values by the names of the markers
   */
  public <T> RowInserts<T> inserts(
      LiveShards live,
      String table,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values) {
    return new DefaultRowInserts<>(live, table, this, key, values);
  }

  SqlTemplate template() {
    return template;
  }

  /** Rows of one statement at most. */
  int maxRows() {
    return Math.min(MAX_ROWS, MAX_MARKERS / template.markers().size());
  }

  /** Stores rows by one statement, sent once it is subscribed to, and gives what it counts. */
  Mono<Long> affected(
      Connection connection,
      Dialect dialect,
      Timeouts timeouts,
      List<? extends InsertRow<?>> rows) {
    Statement statement =
        connection.createStatement(dialect.bounded(template, render(rows.size()), timeouts));
    int index = 0;
    for (InsertRow<?> row : rows) {
      for (Object value : row.values()) {
        Binds.bind(statement, index++, value);
      }
    }
    return Flux.<Result>from(statement.execute())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum);
  }

  /** The text for the driver, of so many rows. */
  String render(int rows) {
    StringBuilder sql = new StringBuilder(head.length() + rows * (group.length() + 1));
    sql.append(head).append(group);
    for (int i = 1; i < rows; i++) {
      sql.append(',').append(group);
    }
    return sql.toString();
  }

  /**
   * A row's values in the order of the markers.
   *
   * @throws IllegalArgumentException if a marker has no value, or a value no marker
   */
  @Nullable Object[] values(Map<String, ? extends @Nullable Object> byName) {
    List<String> markers = template.markers();
    @Nullable Object[] values = new @Nullable Object[markers.size()];
    for (int i = 0; i < values.length; i++) {
      String marker = markers.get(i);
      Object value = byName.get(marker);
      if (value == null && !byName.containsKey(marker)) {
        throw new IllegalArgumentException(
            "values: none for " + marker + " (expected: one for each of " + names + ")");
      }
      values[i] = value;
    }
    if (byName.size() > names.size()) {
      throw new IllegalArgumentException(
          "values: " + byName.keySet() + " (expected: " + names + " and no other)");
    }
    return values;
  }

  /** The bytes of a statement without its rows. */
  long headBytes() {
    return AROUND + 3L * head.length();
  }

  /**
   * A row's bytes in a statement at most.
   *
   * @throws IllegalArgumentException if a value is of a type whose length is not known
   */
  long bytes(@Nullable Object[] values) {
    long bytes = 1 + 3L * group.length();
    for (int i = 0; i < values.length; i++) {
      try {
        bytes += EncodedLength.most(values[i]);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException(
            "values: " + template.markers().get(i) + ", " + e.getMessage(), e);
      }
    }
    return bytes;
  }

  /** Tells whether a server that gives this count has stored all of these rows. */
  boolean proves(long affected, int rows) {
    // REPLACE also counts the rows that had to go.
    return template.replaces() ? affected >= rows : affected == rows;
  }
}
