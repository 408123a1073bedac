package io.shardflux.reshard.transfer;

import io.r2dbc.spi.Readable;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/**
 * A table of which rows move: its columns as the source has them, and the SQL that reads and writes
 * its rows as literals. A row's literals are made by the server, so that no value passes through a
 * type of Java.
 *
 * @param name its name
 * @param columns the columns that are written, without generated ones
 * @param primary the columns of its primary key, in the key's order
 * @param key the columns that say on which shard a row lies
 */
@Internal
public record MovedTable(
    String name, List<Column> columns, List<Column> primary, List<KeyColumn> key) {

  private static final Set<String> AS_NUMBER = Set.of("bit", "enum", "set", "year");
  private static final Set<String> AS_THEY_ARE =
      Set.of("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double");

  /** Has a statement lock the rows of its keys alone. */
  private static final String BY_KEY = " FORCE INDEX (PRIMARY)";

  private static final Set<String> TEXTS =
      Set.of("char", "varchar", "tinytext", "text", "mediumtext", "longtext");

  /**
   * A column.
   *
   * @param type its data type, in lower case
   * @param definition its type, character set and collation, to make another column like it
   * @param generated whether the server computes it
   */
  public record Column(String name, String type, String definition, boolean generated) {

    String quoted() {
      return "`" + name.replace("`", "``") + "`";
    }

    /** An expression that gives the value as a literal, also where it is NULL. */
    String literal() {
      String column = quoted();
      String text;
      if (type.equals("float")) {
        // As a text a FLOAT has too few digits.
        text = "CAST(" + column + " AS DOUBLE)";
      } else if (AS_NUMBER.contains(type)) {
        text = column + "+0";
      } else if (AS_THEY_ARE.contains(type)) {
        text = column;
      } else if (TEXTS.contains(type) || type.equals("json")) {
        text = "CONVERT(QUOTE(" + column + ") USING utf8mb4)";
      } else if (isBinary()) {
        text = "CONCAT('x''', HEX(" + column + "), '''')";
      } else {
        text = "QUOTE(CAST(" + column + " AS CHAR CHARACTER SET utf8mb4))";
      }
      // A value that is too long for the server to write down is NULL, too: no literal then.
      return "IF(" + column + " IS NULL, 'NULL', " + text + ")";
    }

    private boolean isBinary() {
      return type.endsWith("binary")
          || type.endsWith("blob")
          || type.startsWith("geom")
          || type.endsWith("point")
          || type.endsWith("linestring")
          || type.endsWith("polygon")
          || type.equals("vector");
    }
  }

  /** The table as a server has it; empty if it is not there. */
  public static Mono<MovedTable> read(Session session, String table, List<KeyColumn> key) {
    return session
        .rows(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME,"
                + " IS_NULLABLE, EXTRA, GENERATION_EXPRESSION FROM information_schema.COLUMNS"
                + " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = "
                + text(table)
                + " ORDER BY ORDINAL_POSITION",
            MovedTable::column)
        .collectList()
        .filter(columns -> !columns.isEmpty())
        .zipWith(
            session
                .rows(
                    "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA ="
                        + " DATABASE() AND INDEX_NAME = 'PRIMARY' AND TABLE_NAME = "
                        + text(table)
                        + " ORDER BY SEQ_IN_INDEX",
                    row -> Objects.requireNonNull(row.get(0, String.class)))
                .collectList(),
            (columns, primary) -> of(table, columns, primary, key));
  }

  private static MovedTable of(
      String table, List<Column> columns, List<String> primary, List<KeyColumn> key) {
    List<Column> ofKey = new ArrayList<>();
    for (String name : primary) {
      columns.stream().filter(column -> column.name.equals(name)).forEach(ofKey::add);
    }
    return new MovedTable(table, columns, ofKey, key);
  }

  private static Column column(Readable row) {
    String type = Objects.requireNonNull(row.get(1, String.class)).toLowerCase(Locale.ROOT);
    String charset = row.get(3, String.class);
    String expression = row.get(7, String.class);
    String extra = String.valueOf(row.get(6, String.class)).toUpperCase(Locale.ROOT);
    return new Column(
        Objects.requireNonNull(row.get(0, String.class)),
        type,
        Objects.requireNonNull(row.get(2, String.class))
            + (charset == null
                ? ""
                : " CHARACTER SET " + charset + " COLLATE " + row.get(4, String.class))
            + ("NO".equals(row.get(5, String.class)) ? " NOT NULL" : ""),
        (expression != null && !expression.isEmpty()) || extra.contains("VIRTUAL"));
  }

  /**
   * A condition of a strategy, by a row of a trigger. It has its columns in quotes and all else as
   * hexadecimal, numbers and words.
   */
  public String of(String row, String condition) {
    String ofRow = condition;
    for (KeyColumn column : key) {
      String quoted = quoted(column.name());
      ofRow = ofRow.replace(quoted, row + "." + quoted);
    }
    return ofRow;
  }

  /** A text as a literal. */
  public static String text(String value) {
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'";
  }

  public String quoted() {
    return quoted(name);
  }

  public static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }

  private List<Column> written() {
    return columns.stream().filter(column -> !column.generated).toList();
  }

  private static String list(List<Column> columns) {
    return columns.stream().map(Column::quoted).collect(Collectors.joining(", "));
  }

  public String primaryList() {
    return list(primary);
  }

  /** The literals of the primary key as columns of a select. */
  public String primaryLiterals() {
    return primary.stream().map(Column::literal).collect(Collectors.joining(", "));
  }

  /** The literals of a row, in parentheses. */
  private String rowLiterals() {
    return written().stream()
        .map(Column::literal)
        .collect(Collectors.joining(", ',', ", "CONCAT('(', ", ", ')')"));
  }

  /** The rows of a condition: how many, and their literals joined. */
  public String joined(String condition) {
    return joined(quoted(), condition);
  }

  private String joined(String from, String condition) {
    return "SELECT COUNT(*), GROUP_CONCAT(COALESCE("
        + rowLiterals()
        + ", '') SEPARATOR ',') FROM "
        + from
        + " WHERE "
        + condition;
  }

  /**
   * The one row of a condition: its literals, or NULL if they are too long, and those of its key.
   */
  String alone(String condition) {
    return "SELECT "
        + rowLiterals()
        + ", "
        + primaryLiterals()
        + " FROM "
        + quoted()
        + " WHERE "
        + condition;
  }

  /** The same, where writers cannot change the rows. */
  public String joinedLocked(String condition) {
    return joined(byKey(), condition) + " LOCK IN SHARE MODE";
  }

  /** A scan of the whole table would wait for each row that a writer has locked. */
  private String byKey() {
    return quoted() + BY_KEY;
  }

  /**
   * The SQL of three figures: the rows that a condition has, those of them that can be written
   * down, and a checksum that is the same however the rows are spread.
   */
  public String checksum(String condition) {
    return "SELECT COUNT(*), COUNT(r), CAST(COALESCE(BIT_XOR(CAST(CONV(LEFT(SHA2(r, 256), 16), 16,"
        + " 10) AS UNSIGNED)), 0) AS CHAR) FROM (SELECT "
        + rowLiterals()
        + " AS r FROM "
        + quoted()
        + " WHERE "
        + condition
        + ") AS chunk";
  }

  /**
   * The SQL of the rows of a condition, the bytes of their literals, and a hash of these in the
   * order of the primary key. Literals that are cut off, or of a row that can't be written down,
   * are those of no other rows.
   */
  String digest(String condition) {
    return "SELECT n, COALESCE(LENGTH(r), 0), SHA2(r, 256) FROM (SELECT COUNT(*) AS n,"
        + " GROUP_CONCAT(COALESCE("
        + rowLiterals()
        + ", RAND()) SEPARATOR ',') AS r FROM "
        + byKey()
        + " WHERE "
        + condition
        + ") AS chunk";
  }

  /** The literals of each row's primary key, and a hash of the row. */
  public String hashes(String condition) {
    return "SELECT "
        + primaryLiterals()
        + ", SHA2("
        + rowLiterals()
        + ", 256) FROM "
        + quoted()
        + " WHERE "
        + condition;
  }

  public String insert(String rows) {
    return "INSERT INTO " + quoted() + " (" + list(written()) + ") VALUES " + rows;
  }

  /** Puts rows in the place of those with the same primary key. */
  String upsert(String rows) {
    List<Column> set = new ArrayList<>(written());
    set.removeAll(primary);
    return insert(rows)
        + " ON DUPLICATE KEY UPDATE "
        + (set.isEmpty() ? primary : set)
            .stream()
                .map(column -> column.quoted() + " = VALUES(" + column.quoted() + ")")
                .collect(Collectors.joining(", "));
  }

  /**
   * Tells whether rows may be put in the place of those with the same primary key on a side. It
   * must say whether a row moves, since a side may have rows of its own that do not; and no other
   * unique key may lead to another row. Texts that differ may be the same key, and the one that is
   * there would stay.
   */
  Mono<Boolean> upserts(Session side) {
    boolean keyed =
        primary.stream().noneMatch(column -> TEXTS.contains(column.type))
            && key.stream()
                .allMatch(
                    part ->
                        primary.stream()
                            .anyMatch(column -> column.name.equalsIgnoreCase(part.name())));
    return keyed
        ? side.number(
                "SELECT COUNT(*) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA ="
                    + " DATABASE() AND NON_UNIQUE = 0 AND INDEX_NAME <> 'PRIMARY' AND TABLE_NAME = "
                    + text(name))
            .map(unique -> unique == 0)
        : Mono.just(false);
  }

  public String delete(String condition) {
    return "DELETE FROM " + quoted() + " WHERE " + condition;
  }

  public String deleteByKey(String condition) {
    return "DELETE " + quoted() + " FROM " + byKey() + " WHERE " + condition;
  }

  /** Locks the rows of a condition, and in their places those that are not there. */
  public String locking(String condition) {
    return "SELECT 1 FROM " + byKey() + " WHERE " + condition + " FOR UPDATE";
  }

  /** The literals of the key of the last of so many rows, or no row if there are fewer. */
  public String bound(String condition, int rows) {
    return "SELECT "
        + primaryLiterals()
        + " FROM "
        + quoted()
        + " WHERE "
        + condition
        + " ORDER BY "
        + primaryList()
        + " LIMIT 1 OFFSET "
        + (rows - 1);
  }

  /** A condition that the primary key is one of some, each as its literals. */
  public String in(List<List<String>> keys) {
    return keys.stream()
        .map(key -> primary.size() == 1 ? key.get(0) : "(" + String.join(", ", key) + ")")
        .collect(
            Collectors.joining(
                ", ",
                (primary.size() == 1 ? primaryList() : "(" + primaryList() + ")") + " IN (",
                ")"));
  }

  /** The literals of a primary key in a row, from a column on. */
  public List<String> key(Readable row, int from) {
    List<String> literals = new ArrayList<>();
    for (int i = 0; i < primary.size(); i++) {
      literals.add(Objects.requireNonNull(row.get(from + i, String.class)));
    }
    return literals;
  }

  /**
   * A range of primary keys, each bound as literals.
   *
   * @param after the key that the range begins behind; empty for the first
   * @param upTo the last key of the range; empty for all
   */
  public record KeyRange(List<String> after, List<String> upTo) {

    static final KeyRange ALL = new KeyRange(List.of(), List.of());

    public String condition(MovedTable table) {
      List<String> parts = new ArrayList<>();
      if (!after.isEmpty()) {
        parts.add(compared(table, after, ">", ">"));
      }
      if (!upTo.isEmpty()) {
        parts.add(compared(table, upTo, "<", "<="));
      }
      return parts.isEmpty() ? "TRUE" : String.join(" AND ", parts);
    }

    /** As a chain of comparisons, for which an index is used. */
    private static String compared(
        MovedTable table, List<String> key, String strictly, String last) {
      List<String> alternatives = new ArrayList<>();
      for (int i = 0; i < key.size(); i++) {
        StringBuilder all = new StringBuilder("(");
        for (int j = 0; j < i; j++) {
          all.append(table.primary.get(j).quoted())
              .append(" = ")
              .append(key.get(j))
              .append(" AND ");
        }
        String operator = i == key.size() - 1 ? last : strictly;
        all.append(table.primary.get(i).quoted()).append(' ').append(operator).append(' ');
        alternatives.add(all.append(key.get(i)).append(")").toString());
      }
      return "(" + String.join(" OR ", alternatives) + ")";
    }
  }
}
