package io.shardflux.sql;

import io.shardflux.sql.syntax.Shape;
import java.util.List;
import java.util.stream.Stream;

/** Statements of any length: lists of all clauses, and chains and nestings of all expressions. */
final class LongStatements {

  private LongStatements() {}

  /** Those that are answered however long they are, up to the characters of a text. */
  static Stream<Shape> lists() {
    return Stream.of(inserts(), conditions(), selects(), queries(), words()).flatMap(List::stream);
  }

  private static List<Shape> inserts() {
    String insert = "INSERT INTO users (id, name) VALUES ";
    return List.of(
        Shape.list("rows of markers", insert, ", ", i -> "(?, ?)", ""),
        Shape.list("rows of literals", insert, ", ", i -> "(" + i + ", 'a')", ""),
        Shape.list("rows of names", insert, ", ", i -> "(:id" + i + ", :name)", ""),
        Shape.list("rows of a REPLACE", "REPLACE INTO users VALUES ", ", ", i -> row(i), ""),
        Shape.list(
            "rows of a reference table", "INSERT INTO cities VALUES ", ", ", i -> "(?, ?)", ""),
        Shape.list(
            "updates", insert + "(1, 'a') ON DUPLICATE KEY UPDATE ", ", ", i -> "age = ?", ""),
        Shape.list(
            "columns set", "INSERT INTO users SET id = 1, ", ", ", i -> "c" + i + " = ?", ""),
        Shape.list(
            "assignments", "UPDATE users SET ", ", ", i -> "age = age + ?", " WHERE id = 1"));
  }

  private static String row(int id) {
    return "(" + id + ", 'a', 1, 'b', 1.5, 1, NULL, 'x', 0, NULL, NULL, NULL)";
  }

  private static List<Shape> conditions() {
    String where = "SELECT * FROM users WHERE ";
    return List.of(
        Shape.list("keys by markers", where + "id IN (", ", ", i -> "?", ")"),
        Shape.list("keys by names", where + "id IN (", ", ", i -> ":id" + i, ")"),
        Shape.list("keys by literals", where + "id IN (", ", ", i -> "" + i, ")"),
        Shape.list("no keys", where + "id NOT IN (", ", ", i -> "" + i, ")"),
        Shape.list("texts", where + "name IN (", ", ", i -> "'n" + i + "'", ")"),
        Shape.list(
            "rows",
            "SELECT * FROM docs WHERE (tenant, id) IN (",
            ", ",
            i -> "('a', " + i + ")",
            ")"),
        Shape.list("OR", where, " OR ", i -> "id = " + i, ""),
        Shape.list("OR of AND", where, " OR ", i -> "(id = " + i + " AND age > ?)", ""),
        Shape.list("AND", where, " AND ", i -> "age <> ?", ""),
        Shape.list("AND of IN", where, " AND ", i -> "id IN (1, 2, " + i + ")", ""),
        Shape.list("XOR", where, " XOR ", i -> "age = " + i, ""),
        Shape.list("deleted keys", "DELETE FROM users WHERE id IN (", ", ", i -> "?", ")"));
  }

  private static List<Shape> selects() {
    String select = "SELECT ";
    return List.of(
        Shape.list("items", select, ", ", i -> "id", " FROM users"),
        Shape.of("items in an order", n -> aliased(n) + " FROM users ORDER BY " + names(n)),
        Shape.of(
            "distinct items", n -> "SELECT DISTINCT" + aliased(n).substring(6) + " FROM users"),
        Shape.of("groups", n -> "SELECT " + sums(n) + " FROM users GROUP BY " + sums(n)),
        Shape.list("order", "SELECT * FROM users ORDER BY ", ", ", i -> "age + " + i + " DESC", ""),
        Shape.list("aggregates", select, ", ", i -> "AVG(age + " + i + ")", " FROM users"),
        Shape.list(
            "DISTINCT ones", select, ", ", i -> "COUNT(DISTINCT age + " + i + ")", " FROM users"),
        Shape.list(
            "HAVING",
            "SELECT age, COUNT(*) AS c FROM users GROUP BY age HAVING ",
            " AND ",
            i -> "c > " + i,
            ""),
        Shape.list(
            "WHEN", "SELECT CASE age ", " ", i -> "WHEN " + i + " THEN 'a'", " END FROM users"),
        Shape.list("arguments", "SELECT CONCAT(", ", ", i -> "name", ") FROM users ORDER BY 1"));
  }

  private static String aliased(int parts) {
    return Shape.list("", "SELECT ", ", ", i -> "age + " + i + " AS c" + i, "").of(parts);
  }

  private static String names(int parts) {
    return Shape.list("", "", ", ", i -> "c" + i, "").of(parts);
  }

  private static String sums(int parts) {
    return Shape.list("", "", ", ", i -> "age + " + i, "").of(parts);
  }

  private static List<Shape> queries() {
    return List.of(
        Shape.list("union", "", " UNION ALL ", i -> "SELECT id FROM users WHERE id = " + i, ""),
        Shape.list(
            "union of all", "", " UNION ALL ", i -> "SELECT id, age FROM users", " ORDER BY id"),
        Shape.list(
            "WITH",
            "WITH ",
            ", ",
            i -> "c" + i + " AS (SELECT id FROM users)",
            " SELECT * FROM c0"),
        Shape.list(
            "subqueries",
            "SELECT * FROM users u WHERE ",
            " AND ",
            i -> "EXISTS (SELECT 1 FROM orders o WHERE o.user_id = u.id)",
            ""),
        Shape.of(
            "derived columns",
            n ->
                "SELECT * FROM ("
                    + aliased(n)
                    + " FROM users) d WHERE "
                    + names(n)
                        .replace(",", " +")
                        .replace("c0 + ", "c0 OR ")
                        .replace(" + ", " OR ")));
  }

  private static List<Shape> words() {
    return List.of(
        Shape.list("comments", "SELECT 1 ", " ", i -> "/* a */", " FROM users"),
        Shape.list("line comments", "SELECT 1 ", "\n", i -> "-- a", "\nFROM users"),
        Shape.list("a string", "SELECT '", "", i -> "a''b\\n", "' FROM users"),
        Shape.list("strings side by side", "SELECT ", " ", i -> "'a'", " FROM users"),
        Shape.list("digits", "SELECT * FROM users WHERE id = ", "", i -> "7", ""),
        Shape.list(
            "digits behind the point", "SELECT * FROM users WHERE id = 1.", "", i -> "0", ""),
        Shape.list("bits", "SELECT 0x", "", i -> "ab", " FROM users"),
        Shape.list("spaces", "SELECT ", " ", i -> "", "1 FROM users"),
        Shape.list("index hints", "SELECT id FROM users ", " ", i -> "USE INDEX (a)", ""),
        Shape.list(
            "a key's text", "/* shardflux: key='", "", i -> "a", "' */ SELECT * FROM names"));
  }

  /** Hints that are none. */
  static Stream<Shape> wrongHints() {
    String statement = " */ SELECT * FROM docs";
    return Stream.of(
        Shape.list("an open list", "/* shardflux: key=(", "", i -> "a", statement),
        Shape.list("a list of parts", "/* shardflux: key=(", ", ", i -> "a", ")" + statement),
        Shape.list("an open list of parts", "/* shardflux: key=(", ", ", i -> "a", statement),
        Shape.list("parts without commas", "/* shardflux: key=(", " ", i -> "'a'", statement),
        Shape.list("an open quote", "/* shardflux: key='", "", i -> "''", statement),
        Shape.list("quotes", "/* shardflux: key=('", "", i -> "''", "' x" + statement),
        Shape.list("spaces", "/* shardflux: key=(", " ", i -> "", statement),
        Shape.list("commas", "/* shardflux: key=(a", "", i -> ",", ")" + statement),
        Shape.list("a name", "/* shardflux: ", "", i -> "a-", statement),
        Shape.list("a shard", "/* shardflux: shard=", "", i -> "a", statement),
        Shape.list("a time", "/* shardflux: timeout=", "", i -> "1", "ms" + statement),
        Shape.list("pairs", "/* shardflux: ", ", ", i -> "scatter=true", statement),
        Shape.list("digits", "/* shardflux: key=", "", i -> "7", " */ SELECT * FROM users"));
  }

  /** Those whose parts are in each other, and chains of operators. */
  static Stream<Shape> deep() {
    String select = "SELECT ";
    String from = " FROM users";
    String where = "SELECT id FROM users WHERE ";
    return Stream.of(
        Shape.nested("parentheses", select, "(", "1", ")", from),
        Shape.nested("parentheses of conditions", where, "(id = 1 AND ", "age", ")", ""),
        Shape.nested("OR of AND", where, "(id = 1 OR (age = 2 AND ", "id = 3", "))", ""),
        Shape.nested("functions", select, "ABS(", "age", ")", from),
        Shape.nested("aggregates", select, "COALESCE(1, ", "SUM(age)", ")", from),
        Shape.nested("CONCAT", select, "CONCAT('a', ", "name", ")", from + " ORDER BY 1"),
        Shape.nested("IF", select, "IF(age, 1, ", "2", ")", from + " ORDER BY 1"),
        Shape.nested(
            "CASE", select, "CASE WHEN age THEN 2 ELSE ", "1", " END", from + " ORDER BY 1"),
        Shape.nested("CASE base", select, "CASE ", "1", " WHEN 1 THEN 2 END", from),
        Shape.nested("CAST", select, "CAST(", "1", " AS CHAR)", from),
        Shape.nested("CONVERT", select, "CONVERT(", "'a'", " USING utf8mb4)", from),
        Shape.nested("ROW", where, "ROW(1, ", "2", ")", " = 1"),
        Shape.nested("rows", where, "(1, ", "2", ")", " = 1"),
        Shape.nested("INTERVAL", select, "created + INTERVAL (", "1", ") DAY", from),
        Shape.nested("open INTERVAL", select, "INTERVAL ", "1", " DAY", from),
        Shape.nested("GROUP_CONCAT", select, "GROUP_CONCAT(age ORDER BY ", "1", ")", from),
        Shape.nested("windows", select, "SUM(1) OVER (ORDER BY ", "1", ")", from),
        Shape.nested("TRIM", select, "TRIM(BOTH 'a' FROM ", "name", ")", from),
        Shape.nested("POSITION", select, "POSITION('a' IN ", "name", ")", from),
        Shape.nested("JSON_VALUE", select, "JSON_VALUE(", "data", ", '$' RETURNING CHAR)", from),
        Shape.nested("MATCH", select, "MATCH (name) AGAINST (", "'a'", ")", from),
        Shape.nested("IN", where, "id IN (1, ", "2", ")", ""),
        Shape.nested("BETWEEN", where, "id BETWEEN 1 AND ", "2", "", ""),
        Shape.nested("BETWEEN chain", where, "", "id", " BETWEEN 1 AND 2", ""),
        Shape.nested("LIKE", where, "(", "name", " LIKE 'a')", ""),
        Shape.nested("value subqueries", select, "(SELECT ", "1", ")", from),
        Shape.nested(
            "subqueries", where, "id = (SELECT user_id FROM orders WHERE user_id = ", "1", ")", ""),
        Shape.nested("EXISTS", where, "EXISTS (SELECT 1 FROM orders WHERE ", "1", ")", ""),
        Shape.nested(
            "IN subqueries", where, "id IN (SELECT user_id FROM orders WHERE ", "1", ")", ""),
        Shape.nested("ANY", where, "id = ANY (SELECT user_id FROM orders WHERE ", "1", ")", ""),
        Shape.nested("derived tables", "", "SELECT * FROM (", "SELECT id FROM users", ") d", ""),
        Shape.nested(
            "derived and joined",
            "",
            "SELECT d.id FROM orders JOIN (",
            "SELECT id FROM users",
            ") d",
            ""),
        Shape.nested("tables in parentheses", "SELECT 1 FROM ", "(", "users", ")", ""),
        Shape.nested("nested joins", "SELECT 1 FROM ", "(users u JOIN ", "orders", " ON 1)", ""),
        Shape.nested("selects in parentheses", "", "(", "SELECT id FROM users", ")", ""),
        Shape.nested(
            "nested unions",
            "",
            "(",
            "SELECT id FROM users",
            " UNION ALL SELECT id FROM users)",
            ""),
        Shape.nested(
            "unions to the right", "", "SELECT id FROM users UNION ALL (", "SELECT 1", ")", ""),
        Shape.nested(
            "nested WITH", "", "WITH c AS (", "SELECT id FROM users", ") SELECT * FROM c", ""),
        Shape.of("chain of WITH", LongStatements::chained),
        Shape.of("doubled WITH", LongStatements::doubled),
        Shape.list("joins", "SELECT 1 FROM users t0", " ", i -> join("JOIN", i + 1), ""),
        Shape.list("outer joins", "SELECT 1 FROM users t0", " ", i -> join("LEFT JOIN", i + 1), ""),
        Shape.list(
            "right joins", "SELECT 1 FROM users t0", " ", i -> join("RIGHT JOIN", i + 1), ""),
        Shape.list("tables", "SELECT 1 FROM ", ", ", i -> "users t" + i, ""),
        Shape.nested("plus", select, "", "age", " + 1", from + " ORDER BY 1"),
        Shape.nested("plus to the right", select, "1 + (", "age", ")", from),
        Shape.nested("computed aggregates", select, "", "SUM(age)", " + SUM(age)", from),
        Shape.nested(
            "HAVING sums", "SELECT 1 FROM users HAVING ", "", "SUM(age)", " + SUM(age)", " > 1"),
        Shape.nested("HAVING NOT", "SELECT 1 FROM users HAVING ", "NOT ", "SUM(age)", "", " > 1"),
        Shape.nested("times", select, "", "age", " * 2 DIV 3", from),
        Shape.nested("bits", select, "", "raw", " | 1 & 2 << 3 ^ 4", from + " ORDER BY 1"),
        Shape.nested("days", select, "", "created", " + INTERVAL 1 DAY", from + " ORDER BY 1"),
        Shape.nested("minus", select, "- ", "age", "", from),
        Shape.nested("signs of a number", select, "- + ", "5", "", from + " WHERE id = - - 1"),
        Shape.nested("tilde", select, "~", "age", "", from),
        Shape.nested("BINARY", select, "BINARY ", "name", "", from + " ORDER BY 1"),
        Shape.nested("NOT", where, "NOT ", "id", "", ""),
        Shape.nested("exclamation marks", where, "! ", "id", "", ""),
        Shape.nested("equal", where, "", "id", " = 1", ""),
        Shape.nested("IS NULL", where, "", "id", " IS NULL", ""),
        Shape.nested("IS TRUE", where, "", "id", " IS NOT TRUE", ""),
        Shape.nested("COLLATE", select, "", "name", " COLLATE utf8mb4_bin", from + " ORDER BY 1"),
        Shape.nested("paths", select, "", "data", " -> '$.a'", from),
        Shape.nested("hints", "/* shardflux: key=", "(", "1", ")", " */ SELECT * FROM users"));
  }

  private static String join(String kind, int table) {
    return " " + kind + " users t" + table + " ON t" + table + ".id = t" + (table - 1) + ".id";
  }

  private static String chained(int parts) {
    return Shape.list(
            "",
            "WITH c0 AS (SELECT id FROM users)",
            "",
            i -> ", c" + (i + 1) + " AS (SELECT id FROM c" + i + ")",
            " SELECT id FROM c" + parts)
        .of(parts);
  }

  private static String doubled(int parts) {
    return Shape.list(
            "",
            "WITH c0 AS (SELECT id FROM users)",
            "",
            i ->
                ", c"
                    + (i + 1)
                    + " AS (SELECT a.id FROM c"
                    + i
                    + " a JOIN c"
                    + i
                    + " b ON a.id = b.id)",
            " SELECT id FROM c" + parts)
        .of(parts);
  }
}
