package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Blob;
import io.r2dbc.spi.Clob;
import io.shardflux.r2dbc.ShardTarget;
import io.shardflux.sql.statement.RefusalCode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Values of every type of column arrive on the server that gathers them as they are stored. */
class GatheredTypesIntegrationTests {

  private static final String WORDS =
      "x'', x'20', x'27', x'5C', x'5C27', x'3F203A6E6F', x'00', x'1A0A0D', x'2220'";
  private static final String BETWEEN_VALUES =
      ", (?![^(]*\\))(?![^\\[]*\\])(?=x?'|b'|_|-?[0-9]|ST_)";
  private static final String DATES =
      "'1000-01-01', '9999-12-31', '0000-00-00', '2024-00-00', '2023-02-31'";

  private static final String OF_TEXTS =
      "(TINY|SMALL|MEDIUM|BIG)?INT( UNSIGNED|\\(1\\))?|FLOAT.*|DOUBLE.*|DECIMAL.*|DATE|DATETIME.*"
          + "|TIME\\(6\\)|CHAR\\(5\\).*|VARCHAR\\(20\\) COLLATE.*|TINYTEXT|TEXT|LONGTEXT";

  /** All characters that a text of JSON has otherwise. */
  private static final String CONTROLS =
      IntStream.range(0, 128)
          .mapToObj("%02X"::formatted)
          .collect(Collectors.joining("", "x'", "'"));

  private static final String TEXT = "VARCHAR(60) COLLATE utf8mb4_general_ci";

  /** Each way to put a column's value into a document. */
  private static final List<String> EMBEDDINGS =
      List.of(
          "JSON_ARRAY(c)",
          "JSON_OBJECT('k', c)",
          "JSON_SET('{}', '$.k', c)",
          "JSON_INSERT('{}', '$.k', c)",
          "JSON_REPLACE('{\"k\": 1}', '$.k', c)",
          "JSON_ARRAY_APPEND('[]', '$', c)",
          "JSON_ARRAY_INSERT('[]', '$[0]', c)",
          "JSON_ARRAY(COALESCE(c, 'x'))",
          "(SELECT JSON_ARRAYAGG(d.c) FROM users d WHERE d.id = users.id AND d.c IS NOT NULL)",
          "(SELECT JSON_OBJECTAGG('k', d.c) FROM users d WHERE d.id = users.id AND d.c IS NOT NULL)");

  /** The types of both servers, with some values of each. */
  private static Map<String, String> types() {
    Map<String, String> types = new LinkedHashMap<>();
    types.put("TINYINT", "-128, 0, 127");
    types.put("TINYINT(1)", "0, 1, 5");
    types.put("SMALLINT UNSIGNED", "0, 65535");
    types.put("MEDIUMINT", "-8388608, 8388607");
    types.put("INT(7) UNSIGNED ZEROFILL", "0, 42, 4294967295");
    types.put("BIGINT", "-9223372036854775808, 9223372036854775807");
    types.put("BIGINT UNSIGNED", "0, 18446744073709551615");
    types.put("FLOAT", "0.1, -1.17549e-38, 3.40282e38, 16777217, 1e-45, -0e0");
    types.put("FLOAT(8,3)", "0.1, 1234.567");
    types.put(
        "DOUBLE",
        "0.1, -2.2250738585072014e-308, 1.7976931348623157e308, 0.30000000000000004, -0e0");
    types.put("DOUBLE(12,4)", "0.1, 12345.6789");
    types.put(
        "DECIMAL(65,30)",
        "0.1, -99999999999999999999999999999999999.999999999999999999999999999999");
    types.put("BIT(1)", "b'0', b'1'");
    types.put("BIT(64)", "b'0', b'1', 18446744073709551615");
    types.put("DATE", DATES);
    types.put(
        "DATETIME(6)",
        "'1000-01-01 00:00:00', '9999-12-31 23:59:59.999999', '0000-00-00 00:00:00'");
    types.put(
        "TIMESTAMP(6) NULL", "'2024-03-31 01:30:00.000001', '1971-01-01 00:00:00', '0000-00-00'");
    types.put("TIMESTAMP NULL", "'2024-10-27 00:30:00', '2024-10-27 01:30:00'");
    types.put("TIME(6)", "'-838:59:59', '838:59:59', '00:00:00.000001'");
    types.put("YEAR", "0, 1901, 2155, 2000");
    types.put("CHAR(5) COLLATE utf8mb4_bin", WORDS + ", 'ab', x'F09F9880'");
    types.put("VARCHAR(20) COLLATE utf8mb4_general_ci", WORDS + ", 'a ', x'E697A5'");
    types.put("VARCHAR(20) CHARACTER SET latin1", WORDS + ", x'E9', x'81'");
    types.put("VARCHAR(20) CHARACTER SET sjis", "x'835C', 'a'");
    types.put("VARCHAR(20) CHARACTER SET big5", "x'A440', 'a'");
    types.put("VARCHAR(20) CHARACTER SET ucs2", "_ucs2 x'65E5', 'a'");
    types.put("VARCHAR(20) CHARACTER SET binary", WORDS + ", x'FF00'");
    types.put("TINYTEXT", WORDS);
    types.put("TEXT", WORDS);
    types.put("MEDIUMTEXT CHARACTER SET utf16", "'a', _utf16 x'65E5'");
    types.put("LONGTEXT", WORDS);
    types.put("BINARY(4)", "x'', x'00', x'FF203A3F'");
    types.put("VARBINARY(9)", WORDS + ", x'FF00'");
    types.put("TINYBLOB", WORDS);
    types.put("BLOB", WORDS + ", x'FF00'");
    types.put("LONGBLOB", WORDS);
    types.put("ENUM('x','y''?','z')", "'x', 'z', 'y''?'");
    types.put("SET('p','q','r?')", "'', 'p', 'p,q,r?'");
    types.put(
        "SET("
            + IntStream.range(0, 64).mapToObj(i -> "'b" + i + "'").collect(Collectors.joining(","))
            + ")",
        "'b0,b53', 'b63', 'b0,b1,b62,b63'");
    types.put("ENUM('1','2','0')", "'0', '1', '2'");
    types.put("JSON", "'{\"a\": [1, 2.5, \"it''s ?\", null]}', '[]', '\"x\"', '1e300'");
    types.put(
        "GEOMETRY", "ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('LINESTRING(0 0, 1 1)')");
    types.put("POINT", "ST_GeomFromText('POINT(1.5 -2)', 0)");
    return types;
  }

  private static boolean isMariaDb(DriverShards shards) {
    return shards
        .router
        .on(DriverShards.IDS.get(0))
        .sql("SELECT VERSION()")
        .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow()
        .contains("MariaDB");
  }

  private static void fill(DriverShards shards, Map<String, String> types, boolean mariaDb) {
    List<String> columns = new ArrayList<>();
    types.keySet().forEach(type -> columns.add("c" + columns.size() + " " + type));
    shards.everywhere("DROP TABLE users");
    shards.everywhere(
        "CREATE TABLE users (id BIGINT PRIMARY KEY, "
            + String.join(", ", columns)
            + ", g INT AS (id + 1) STORED) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    String insert =
        mariaDb
            ? "SET STATEMENT sql_mode='ALLOW_INVALID_DATES' FOR INSERT INTO"
            : "INSERT /*+ SET_VAR(sql_mode='ALLOW_INVALID_DATES') */ INTO";
    int id = 0;
    int column = 0;
    for (String values : types.values()) {
      for (String value : values.split(BETWEEN_VALUES, -1)) {
        ShardTarget shard = shards.router.on(DriverShards.IDS.get(id % 3));
        shard
            .sql(insert + " users (id, c" + column + ") VALUES (" + id + ", " + value + ")")
            .rowsUpdated()
            .block(BOUND);
        id++;
      }
      column++;
    }
  }

  /** What a server says of a column's value, to the last bit. */
  private static String told(int column, String type) {
    String name = "c" + column;
    if (type.startsWith("FLOAT")) {
      return "CONCAT(CAST(" + name + " AS DOUBLE))";
    }
    if (type.startsWith("TIMESTAMP")) {
      return "CONCAT(UNIX_TIMESTAMP(" + name + "), ' ', " + name + ")";
    }
    if (type.startsWith("ENUM") || type.startsWith("SET")) {
      return "CONCAT(CAST(" + name + " AS UNSIGNED), " + name + ")";
    }
    return type.startsWith("BIT")
        ? "CONCAT(" + name + " + 0)"
        : type.matches("(GEO|POINT|JSON|VECTOR|.*(BINARY|BLOB|TEXT|CHAR)).*")
            ? "HEX(" + name + ")"
            : "CONCAT(" + name + ")";
  }

  /** The types whose values may stand in a text, with more values of some. */
  private static Map<String, String> typesOfTexts() {
    Map<String, String> types = types();
    types.keySet().removeIf(type -> !type.matches(OF_TEXTS));
    types.put("DATE", "'1000-01-01', '9999-12-31', '2023-02-28'");
    types.put("DATETIME(6)", "'1000-01-01 00:00:00', '9999-12-31 23:59:59.999999'");
    types.put("DATETIME", "'2024-03-31 02:30:00'");
    types.put("TIME", "'-838:59:59', '00:00:00'");
    types.put("DECIMAL(9,0)", "-999999999, 0");
    types.put("DECIMAL(5,5) UNSIGNED", "0.00001, 0.99999");
    types.put("INT UNSIGNED", "0, 4294967295");
    types.put("VARCHAR(200)", CONTROLS);
    types.put("TEXT CHARACTER SET ascii", "x'7F', 'a\"b'");
    types.put("VARCHAR(5) COLLATE utf8mb3_general_ci", "x'E697A5', 'a '");
    types.put("VARCHAR(5) COLLATE utf8mb4_unicode_ci", "x'F09F9880', 'ß'");
    return types;
  }

  /** A text that a server is sent with rows in it is as exact as its temporary table. */
  @Test
  void valuesArriveInATextAsTheyAreStored() {
    Map<String, Integer> plans = new ConcurrentHashMap<>();
    try (DriverShards shards =
        new DriverShards(
            UnaryOperator.identity(),
            router -> MutatedFactory.noting(router, plan -> plans.merge(plan, 1, Integer::sum)))) {
      arriveAsTheyAreStored(shards, typesOfTexts(), isMariaDb(shards));
      assertThat(plans).containsKey("rows in the text").doesNotContainKey("temporary tables");
      int rows = javaValues(shards, "SELECT u.id, 1 FROM users u").size();
      assertThat(javaValues(shards, "SELECT u.*, COUNT(*) OVER () FROM users u WHERE id >= 0"))
          .hasSize(rows)
          .containsExactlyInAnyOrderElementsOf(javaValues(shards, "SELECT u.*, 1 FROM users u"));
    }
  }

  @Test
  void valuesArriveAsTheyAreStored() {
    try (DriverShards shards = new DriverShards()) {
      boolean mariaDb = isMariaDb(shards);
      Map<String, String> types = types();
      types.put(
          mariaDb ? "UUID" : "VECTOR(2)",
          mariaDb ? "'00112233-4455-6677-8899-aabbccddeeff'" : "x'0000803F000000C0'");
      if (mariaDb) {
        types.put("INET6", "'::1', '2001:db8::ff'");
      }
      arriveAsTheyAreStored(shards, types, mariaDb);
    }
  }

  private static void arriveAsTheyAreStored(
      DriverShards shards, Map<String, String> types, boolean mariaDb) {
    fill(shards, types, mariaDb);
    List<String> told = new ArrayList<>();
    types.keySet().forEach(type -> told.add(told(told.size(), type)));
    String sql =
        "SELECT CONCAT(id, ':', CONCAT_WS('|', "
            + told.stream()
                .map(each -> "IFNULL(" + each + ", 'NULL')")
                .collect(Collectors.joining(", "))
            + ", g)) AS v";
    List<String> stored = all(shards, sql + " FROM users");
    List<String> gathered =
        shards
            .rows(
                row -> row.get(0, String.class),
                sql + ", COUNT(*) OVER () FROM users WHERE id >= 0")
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(stored).hasSizeGreaterThan(types.size());
    assertThat(gathered).containsExactlyInAnyOrderElementsOf(stored);
  }

  /** What a driver makes of each row, with the classes of its values. */
  private static List<String> javaValues(DriverShards shards, String sql) {
    return shards
        .rows(
            row -> {
              StringBuilder all = new StringBuilder();
              for (int i = 0; i < row.getMetadata().getColumnMetadatas().size() - 1; i++) {
                Object value = row.get(i);
                all.append(value == null ? "" : value.getClass().getSimpleName())
                    .append(
                        value instanceof ByteBuffer
                                || value instanceof Blob
                                || value instanceof Clob
                                || value instanceof BitSet
                            ? ""
                            : value)
                    .append(row.getMetadata().getColumnMetadata(i).getType().getName())
                    .append('|');
              }
              return all.toString();
            },
            sql)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** The rows of a query are stored on other shards as they were. */
  @Test
  void valuesAreInsertedAsTheyAreStored() {
    try (DriverShards shards = new DriverShards()) {
      boolean mariaDb = isMariaDb(shards);
      Map<String, String> types = types();
      // Those that a strict session stores.
      types.put("DATE", "'1000-01-01', '9999-12-31'");
      types.put("DATETIME(6)", "'1000-01-01 00:00:00', '9999-12-31 23:59:59.999999'");
      types.put("TIMESTAMP(6) NULL", "'2024-03-31 01:30:00.000001', '1971-01-01 00:00:00'");
      fill(shards, types, mariaDb);
      List<String> columns = IntStream.range(0, types.size()).mapToObj(i -> "c" + i).toList();
      List<String> typed = new ArrayList<>();
      types.keySet().forEach(type -> typed.add("c" + typed.size() + " " + type));
      shards.everywhere("DROP TABLE orders");
      shards.everywhere(
          "CREATE TABLE orders (user_id BIGINT PRIMARY KEY, "
              + String.join(", ", typed)
              + ") CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
      String names = String.join(", ", columns);
      shards
          .updated(
              "INSERT INTO orders (user_id, "
                  + names
                  + ") SELECT id + 1, "
                  + names
                  + " FROM users WHERE id >= 0")
          .block(BOUND);
      List<String> told = new ArrayList<>();
      types.keySet().forEach(type -> told.add(told(told.size(), type)));
      String values =
          told.stream()
              .map(each -> "IFNULL(" + each + ", 'NULL')")
              .collect(Collectors.joining(", ", ", ':', CONCAT_WS('|', ", ")) AS v FROM "));
      List<String> stored = all(shards, "SELECT CONCAT(id + 1" + values + "users");
      assertThat(stored).hasSizeGreaterThan(types.size());
      assertThat(all(shards, "SELECT CONCAT(user_id" + values + "orders"))
          .containsExactlyInAnyOrderElementsOf(stored);
    }
  }

  private static List<String> all(DriverShards shards, String sql) {
    return Flux.fromIterable(DriverShards.IDS)
        .concatMap(
            shard ->
                shards
                    .router
                    .on(shard)
                    .sql(sql)
                    .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
                    .all())
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void whatADocumentsTextDoesNotTellIsRefused() {
    try (DriverShards shards = new DriverShards()) {
      if (isMariaDb(shards)) {
        return;
      }
      shards.everywhere("DROP TABLE users");
      shards.everywhere("CREATE TABLE users (id BIGINT PRIMARY KEY, j JSON)");
      shards
          .router
          .on(DriverShards.IDS.get(0))
          .sql("INSERT INTO users VALUES (3, JSON_OBJECT('d', CAST('2024-01-01' AS DATE)))")
          .rowsUpdated()
          .block(BOUND);
      StepVerifier.create(
              shards.rows(row -> row.get(0, String.class), "SELECT j, COUNT(*) OVER () FROM users"))
          .expectErrorSatisfies(
              error -> assertThat(error).hasMessageContaining(RefusalCode.GATHERED_VALUE.name()))
          .verify(BOUND);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        TEXT,
        "JSON",
        "LONGTEXT CHECK (json_valid(c))",
        "VARCHAR(60) CHARACTER SET latin1 CHECK (json_valid(c))"
      })
  void documentsAreEmbeddedAsStoredOrRefused(String type) {
    try (DriverShards shards = new DriverShards()) {
      shards.everywhere("DROP TABLE users");
      shards.everywhere(
          "CREATE TABLE users (id BIGINT PRIMARY KEY, c "
              + type
              + ") CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
      for (String value : List.of("{\"a\": [1]}", "5")) {
        shards
            .router
            .on(DriverShards.IDS.get(0))
            .sql("REPLACE INTO users VALUES (3, '" + value + "'), (6, NULL)")
            .rowsUpdated()
            .block(BOUND);
        EMBEDDINGS.forEach(each -> answersAsStoredOrRefuses(shards, each, type.equals(TEXT)));
      }
    }
  }

  private static void answersAsStoredOrRefuses(
      DriverShards shards, String embedding, boolean answers) {
    String sql = "SELECT CONCAT(id, IFNULL(" + embedding + ", ''))";
    List<String> stored =
        shards
            .router
            .on(DriverShards.IDS.get(0))
            .sql(sql + " FROM users")
            .map((row, metadata) -> String.valueOf(row.get(0, String.class)))
            .all()
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    List<String> gathered =
        shards
            .rows(row -> row.get(0, String.class), sql + ", COUNT(*) OVER () FROM users")
            .onErrorResume(
                error ->
                    !answers
                        && String.valueOf(error.getMessage())
                            .contains(RefusalCode.GATHERED_VALUE.name()),
                error -> Flux.fromIterable(stored))
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(gathered).as(sql).containsExactlyInAnyOrderElementsOf(stored);
  }
}
