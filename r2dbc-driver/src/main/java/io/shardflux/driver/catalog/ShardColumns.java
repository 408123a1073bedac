package io.shardflux.driver.catalog;

import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.sql.schema.Catalog;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A shard's description of its tables.
 *
 * @param version the server's
 * @param strange the settings that the planner takes to be others; empty if there are none
 * @param strict whether a value that does not fit its column is refused
 * @param quotients how the server computes with them
 * @param database the name of its own database
 * @param tables the columns that a star means, in their order
 * @param invisible the names of the others in lower case, where a table has any
 * @param unique the columns of each unique key beside the primary one, by the tables' names
 * @param at when this began to be read, of {@link System#nanoTime}
 */
@Internal
public record ShardColumns(
    String version,
    String strange,
    boolean strict,
    Catalog.Quotients quotients,
    String database,
    Map<String, List<Catalog.Column>> tables,
    Map<String, Set<String>> invisible,
    Map<String, List<List<String>>> unique,
    long at) {

  private static final String COLUMNS =
      "SELECT TABLE_NAME AS t, COLUMN_NAME AS c, COLUMN_TYPE AS y, IS_NULLABLE AS n,"
          + " COLLATION_NAME AS l, COLUMN_KEY AS k, EXTRA AS e, VERSION() AS v"
          + " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()";

  /**
   * The columns of unique keys. A part that is an expression, or a column's beginning, has none.
   */
  private static final String KEYS =
      "SELECT TABLE_NAME AS t, INDEX_NAME AS i, IF(SUB_PART IS NULL, COLUMN_NAME, NULL) AS c FROM"
          + " information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 AND"
          + " INDEX_NAME <> 'PRIMARY' ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";

  private static final String ONE_TABLE = " AND TABLE_NAME = ?";
  private static final String ORDER = " ORDER BY TABLE_NAME, ORDINAL_POSITION";

  /**
   * Read apart from the columns: a statement that asks for a variable is not a plain read, which
   * may be retried.
   */
  private static final String SETTINGS =
      "SELECT @@sql_mode AS m, @@div_precision_increment AS d, 1 / 3 * 3 AS q,"
          + " VERSION() AS v, DATABASE() AS b";

  /** Modes by which a server reads a text, or computes, in another way than the planner does. */
  private static final Set<String> OTHER_MODES =
      Set.of(
          "ANSI_QUOTES",
          "NO_BACKSLASH_ESCAPES",
          "HIGH_NOT_PRECEDENCE",
          "EMPTY_STRING_IS_NULL",
          "ORACLE");

  private static final int DIVISION_DIGITS = 4;

  /** A table's column. A star does not mean an invisible one, and it is not known here at all. */
  private record Found(String table, Catalog.Column column, boolean visible) {}

  /** A column of a unique key. */
  private record KeyPart(String table, String key, String column) {}

  /** A server's settings. */
  private record Settings(
      String version,
      String strange,
      boolean strict,
      Catalog.Quotients quotients,
      String database) {}

  /**
   * Reads the settings and the columns.
   *
   * @param on makes a statement for the shard
   */
  static Mono<ShardColumns> read(Function<String, StatementSpec> on) {
    return Mono.defer(
        () -> {
          long at = System.nanoTime();
          return on.apply(SETTINGS)
              .map((row, metadata) -> settings(row))
              .one()
              // One after the other, so that one connection will do.
              .zipWhen(settings -> found(on.apply(COLUMNS + ORDER)).zipWhen(tables -> keys(on)))
              .map(
                  all -> {
                    Settings settings = all.getT1();
                    List<Found> tables = all.getT2().getT1();
                    return new ShardColumns(
                        settings.version(),
                        settings.strange(),
                        settings.strict(),
                        settings.quotients(),
                        settings.database(),
                        visible(tables),
                        invisible(tables),
                        all.getT2().getT2(),
                        at);
                  });
        });
  }

  private static Mono<Map<String, List<List<String>>>> keys(Function<String, StatementSpec> on) {
    return on.apply(KEYS)
        .bounded()
        .map((row, metadata) -> new KeyPart(text(row, "t"), text(row, "i"), text(row, "c")))
        .all()
        .collectList()
        .map(ShardColumns::keys);
  }

  private static Map<String, List<List<String>>> keys(List<KeyPart> parts) {
    Map<String, Map<String, List<String>>> all = new HashMap<>();
    for (KeyPart part : parts) {
      all.computeIfAbsent(part.table(), table -> new TreeMap<>())
          .computeIfAbsent(part.key(), key -> new ArrayList<>())
          .add(part.column());
    }
    Map<String, List<List<String>>> keys = new HashMap<>();
    all.forEach((table, byName) -> keys.put(table, List.copyOf(byName.values())));
    return keys;
  }

  /** Reads the columns of only one table; none if it isn't there. */
  static Mono<List<Catalog.Column>> columns(String table, Function<String, StatementSpec> on) {
    return found(on.apply(COLUMNS + ONE_TABLE + ORDER).bind(0, table))
        .map(found -> visible(found).getOrDefault(table, List.of()));
  }

  private static Map<String, List<Catalog.Column>> visible(List<Found> all) {
    Map<String, List<Catalog.Column>> tables = new HashMap<>();
    for (Found found : all) {
      if (found.visible()) {
        tables.computeIfAbsent(found.table(), table -> new ArrayList<>()).add(found.column());
      }
    }
    return tables;
  }

  private static Map<String, Set<String>> invisible(List<Found> all) {
    Map<String, Set<String>> tables = new HashMap<>();
    for (Found found : all) {
      if (!found.visible()) {
        tables
            .computeIfAbsent(found.table(), table -> new HashSet<>())
            .add(found.column().name().toLowerCase(Locale.ROOT));
      }
    }
    return tables;
  }

  private static Mono<List<Found>> found(StatementSpec statement) {
    return statement.bounded().map((row, metadata) -> found(row)).all().collectList();
  }

  private static Settings settings(Row row) {
    return new Settings(text(row, "v"), strange(row), strict(row), quotients(row), text(row, "b"));
  }

  private static boolean strict(Row row) {
    return text(row, "m").contains("STRICT_");
  }

  private static String strange(Row row) {
    String modes = "," + text(row, "m") + ",";
    for (String each : OTHER_MODES) {
      if (modes.contains("," + each + ",")) {
        return "sql_mode: " + each + " (expected: none of " + OTHER_MODES + ")";
      }
    }
    int digits = Objects.requireNonNullElse(row.get("d", Integer.class), 0);
    return digits == DIVISION_DIGITS
        ? ""
        : "div_precision_increment: " + digits + " (expected: " + DIVISION_DIGITS + ")";
  }

  private static Catalog.Quotients quotients(Row row) {
    return switch (String.valueOf(row.get("q", BigDecimal.class))) {
      case "1.0000" -> Catalog.Quotients.KEPT;
      case "0.9999" -> Catalog.Quotients.ROUNDED;
      default -> Catalog.Quotients.UNKNOWN;
    };
  }

  private static Found found(Row row) {
    String extra = text(row, "e").toLowerCase(Locale.ROOT);
    Catalog.Column column =
        new Catalog.Column(
            text(row, "c"),
            text(row, "y"),
            text(row, "n").equals("YES"),
            collation(row),
            text(row, "k").equals("PRI"),
            filling(extra));
    return new Found(text(row, "t"), column, !extra.contains("invisible"));
  }

  /**
   * The collation's own name. To MariaDB, MySQL's names are other names for its own collations,
   * which compare otherwise.
   */
  private static @Nullable String collation(Row row) {
    String collation = row.get("l", String.class);
    if (collation == null || !text(row, "v").contains("MariaDB")) {
      return collation;
    }
    return collation.replace("_0900_bin", "_nopad_bin").replace("_0900_", "_uca1400_nopad_");
  }

  private static Catalog.Filling filling(String extra) {
    if (extra.contains("auto_increment")) {
      return Catalog.Filling.NUMBERED;
    }
    // MySQL's DEFAULT_GENERATED is a default that is an expression.
    boolean computed =
        extra.contains("on update")
            || extra.contains("virtual generated")
            || extra.contains("stored generated");
    return computed ? Catalog.Filling.COMPUTED : Catalog.Filling.GIVEN;
  }

  private static String text(Row row, String name) {
    return Objects.requireNonNullElse(row.get(name, String.class), "");
  }
}
