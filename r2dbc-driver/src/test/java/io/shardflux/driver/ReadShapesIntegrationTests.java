package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Shapes of reads: each is answered as one server with all rows does, by the cheapest plan. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReadShapesIntegrationTests {

  private static final String POSTS =
      "CREATE TABLE posts (no BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, slug VARCHAR(30) NOT"
          + " NULL UNIQUE, title VARCHAR(30), at DATETIME) CHARACTER SET utf8mb4 COLLATE"
          + " utf8mb4_bin";

  /** A statement and the way in which it is to be answered. */
  record Shape(String way, String sql, List<Object> values) {
    boolean ordered() {
      return sql.matches("(?s).* ORDER BY [^()]*(LIMIT \\d+)?");
    }

    @Override
    public String toString() {
      return way + ": " + sql;
    }
  }

  private static Shape shape(String way, String sql, Object... values) {
    return new Shape(way, sql, List.of(values));
  }

  private final DriverShards shards =
      new DriverShards(
          builder ->
              builder.table(
                  new TableRule.Sharded(
                      "posts", List.of(KeyColumn.integer("user_id")), "by_user")));
  private final Database whole = TestServers.shared().freshDatabases("whole").get(0);
  private final ConnectionFactory one =
      ConnectionFactories.get(Shard.of("whole", whole.r2dbcUrl()).options());

  @BeforeAll
  void fill() {
    shards.everywhere(POSTS);
    shards.load(40);
    shards.updated("INSERT INTO posts VALUES " + posts()).block(BOUND);
    shards
        .updated(
            "INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France'), ('IT', 'Italy')")
        .block(BOUND);
    List<String> make = new ArrayList<>(DriverShards.TABLES);
    make.add(POSTS);
    make.forEach(this::onWhole);
    for (String table : List.of("users", "orders", "countries", "posts")) {
      rowsOf(shards.factory, "SELECT * FROM " + table, List.of())
          .concatMap(
              row ->
                  updated(
                      "INSERT INTO "
                          + table
                          + " VALUES ("
                          + String.join(", ", row.stream().map(any -> "?").toList())
                          + ")",
                      row))
          .blockLast(BOUND);
    }
  }

  private static String posts() {
    return IntStream.rangeClosed(1, 40)
        .mapToObj(
            i ->
                "(%d, %d, 'slug %d', %s, '2024-01-0%d %d:00:00')"
                    .formatted(
                        1000 - i,
                        1 + i * 7 % 20,
                        i,
                        i % 5 == 0 ? "NULL" : "'title " + i % 5 + "'",
                        1 + i % 6,
                        i % 24))
        .collect(Collectors.joining(", "));
  }

  private void onWhole(String sql) {
    updated(sql, List.of()).block(BOUND);
  }

  private Mono<Long> updated(String sql, List<? extends @Nullable Object> values) {
    return on(
            one,
            connection ->
                Flux.from(DriverShards.bound(connection, sql, values.toArray()).execute())
                    .concatMap(result -> result.getRowsUpdated()))
        .then(Mono.just(0L));
  }

  private static <T> Flux<T> on(
      ConnectionFactory factory, Function<Connection, Publisher<T>> work) {
    return Flux.usingWhen(factory.create(), work, Connection::close);
  }

  private static Flux<List<@Nullable Object>> rowsOf(
      ConnectionFactory factory, String sql, List<?> values) {
    return on(
        factory,
        connection ->
            Flux.from(DriverShards.bound(connection, sql, values.toArray()).execute())
                .concatMap(result -> result.map(ReadShapesIntegrationTests::values)));
  }

  private static List<@Nullable Object> values(Row row, RowMetadata metadata) {
    List<@Nullable Object> values = new ArrayList<>();
    for (int i = 0; i < metadata.getColumnMetadatas().size(); i++) {
      values.add(row.get(i));
    }
    return values;
  }

  @AfterAll
  void close() {
    shards.close();
  }

  static Stream<Shape> shapes() {
    return Stream.of(
        shape("merge", "(SELECT id FROM users WHERE age > 30 ORDER BY id LIMIT 3)"),
        shape("merge", "((SELECT id FROM users WHERE age > 30)) ORDER BY id LIMIT 3"),
        shape("merge", "(SELECT id FROM users) UNION (SELECT user_id FROM orders) ORDER BY 1"),
        shape("merge", "(SELECT COUNT(*) FROM users)"),
        shape("gather", "(SELECT id FROM users ORDER BY id DESC LIMIT 3) ORDER BY id LIMIT 2"),
        shape("gather", "SELECT * FROM users NATURAL JOIN orders"),
        shape(
            "merge",
            "SELECT * FROM users u NATURAL JOIN (SELECT code AS country, label FROM countries) c"
                + " ORDER BY u.id"),
        shape("merge", "SELECT COUNT(*) FROM posts NATURAL JOIN orders"),
        shape("merge", "SELECT * FROM posts NATURAL JOIN orders ORDER BY 1, 2, 3"),
        shape("merge", "SELECT * FROM posts JOIN orders USING (user_id)"),
        shape("merge", "SELECT * FROM posts JOIN orders USING (user_id) ORDER BY 3, 6"),
        shape("merge", "SELECT * FROM posts LEFT JOIN orders USING (user_id) ORDER BY 1, 3, 6"),
        shape(
            "gather", "SELECT * FROM posts RIGHT JOIN orders USING (user_id) ORDER BY 1, 2, 3, 4"),
        shape("merge", "SELECT DISTINCT * FROM posts JOIN orders USING (user_id)"),
        shape("merge", "SELECT user_id, slug FROM posts JOIN orders USING (user_id) ORDER BY 1, 2"),
        shape("merge", "SELECT id FROM users UNION SELECT 1"),
        shape("merge", "SELECT id FROM users UNION SELECT 1 UNION SELECT 99 ORDER BY 1"),
        shape("merge", "SELECT id FROM users UNION ALL SELECT 1"),
        shape("merge", "SELECT 1 UNION ALL SELECT id FROM users"),
        shape("merge", "SELECT 0 AS id UNION SELECT id FROM users ORDER BY id LIMIT 5"),
        shape("merge", "SELECT id, country FROM users UNION SELECT 7, code FROM countries"),
        shape("merge", "SELECT id, country FROM users UNION ALL SELECT 7, code FROM countries"),
        shape(
            "merge", "SELECT country FROM users UNION SELECT code FROM countries ORDER BY country"),
        shape("merge", "SELECT id FROM users UNION SELECT user_id FROM orders"),
        shape("merge", "SELECT id + 1 FROM users UNION SELECT user_id + 1 FROM orders"),
        shape("merge", "SELECT id, id FROM users UNION SELECT user_id, no FROM orders"),
        shape(
            "merge",
            "SELECT id + 1 FROM users UNION ALL SELECT user_id + 1 FROM orders ORDER BY 1"),
        shape(
            "merge",
            "SELECT id, id FROM users UNION ALL SELECT user_id, no FROM orders ORDER BY 1, 2"),
        shape("gather", "SELECT DISTINCT age FROM users UNION ALL SELECT no FROM orders"),
        shape("merge", "SELECT DISTINCT age FROM users UNION SELECT no FROM orders"),
        shape("merge", "SELECT DISTINCT id FROM users UNION ALL SELECT no FROM orders ORDER BY 1"),
        shape(
            "gather",
            "(SELECT id FROM users ORDER BY id LIMIT 3) UNION ALL (SELECT user_id FROM orders ORDER"
                + " BY 1 LIMIT 2)"),
        shape(
            "gather",
            "(SELECT id FROM users ORDER BY id LIMIT 3) UNION (SELECT user_id FROM orders ORDER BY"
                + " 1 LIMIT 2) ORDER BY 1"),
        shape("first", "SELECT EXISTS(SELECT 1 FROM users WHERE age = 7)"),
        shape("first", "SELECT EXISTS(SELECT 1 FROM users WHERE age = 777)"),
        shape("first", "SELECT NOT EXISTS(SELECT 1 FROM users WHERE age = 7)"),
        shape(
            "first",
            "SELECT EXISTS(SELECT 1 FROM users WHERE age = 7) AS e, EXISTS(SELECT 1 FROM orders"
                + " WHERE no > 9) AS f"),
        shape("merge", "SELECT COUNT(*) > 0 FROM users WHERE age = ?", 7),
        shape("merge", "SELECT -SUM(no), -MIN(at IS NULL), COUNT(*) >= 40 FROM posts"),
        shape("merge", "SELECT country, MAX(age) = 40, -SUM(age) FROM users GROUP BY country"),
        shape("merge", "SELECT user_id % 3, -SUM(total), SUM(total) < 9 FROM orders GROUP BY 1"),
        shape("merge", "SELECT MAX(age) > 9, -MAX(age) FROM users WHERE age > 700"),
        shape("merge", "SELECT COUNT(*) > 0 AS any_left FROM users WHERE age > 700"),
        shape("gather", "SELECT ROUND(AVG(age), 1) FROM users"),
        shape(
            "gather",
            "SELECT country, ROUND(AVG(age), 1) FROM users GROUP BY country ORDER BY country"),
        shape(
            "gather",
            "SELECT country, CAST(SUM(age) AS CHAR), IF(COUNT(*) > 3, 'many', 'few') FROM users"
                + " GROUP BY country"),
        shape("gather", "SELECT CASE WHEN SUM(age) > 100 THEN MAX(id) ELSE -1 END FROM users"),
        shape("gather", "SELECT NULLIF(COUNT(*), 3), GREATEST(MAX(id), 5) FROM users"),
        shape("gather", "SELECT DATE(MAX(at)), -SUM(no), COUNT(*) % 7 FROM posts"),
        shape(
            "gather", "SELECT user_id % 3, ROUND(SUM(no) / 7, 2) FROM posts GROUP BY user_id % 3"),
        shape(
            "merge",
            "SELECT age, COUNT(*), ROW_NUMBER() OVER (PARTITION BY id ORDER BY name) FROM users"
                + " GROUP BY id"),
        shape(
            "merge",
            "SELECT user_id, no, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY no) FROM orders"),
        shape(
            "merge",
            "SELECT user_id, no, SUM(total) OVER (PARTITION BY user_id ORDER BY no) AS s FROM"
                + " orders ORDER BY user_id, no"),
        shape(
            "gather",
            "SELECT user_id, no, SUM(total) OVER w AS s FROM orders WINDOW w AS (PARTITION BY"
                + " user_id ORDER BY no) ORDER BY s, user_id"),
        shape(
            "merge",
            "SELECT * FROM (SELECT user_id, no, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY no"
                + " DESC) AS r FROM orders) d WHERE r = 1"),
        shape(
            "merge",
            "SELECT COUNT(*) FROM (SELECT user_id, no, ROW_NUMBER() OVER (PARTITION BY user_id"
                + " ORDER BY no DESC) AS r FROM orders) d WHERE r = 1"),
        shape("gather", "SELECT user_id, no, RANK() OVER (ORDER BY total) FROM orders"),
        shape("merge", "SELECT user_id, GROUP_CONCAT(no ORDER BY no) FROM orders GROUP BY user_id"),
        shape(
            "merge", "SELECT user_id, STDDEV(total) FROM orders GROUP BY user_id ORDER BY user_id"),
        shape("gather", "SELECT GROUP_CONCAT(no ORDER BY no) FROM orders"),
        shape("merge", "SELECT age % ?, COUNT(*) FROM users GROUP BY age % ?", 3, 3),
        shape(
            "merge",
            "SELECT age % ?, COUNT(*) FROM users GROUP BY age % ? ORDER BY age % ?",
            3,
            3,
            3),
        shape("merge", "SELECT age % ? AS m, COUNT(*) FROM users GROUP BY m", 3),
        shape(
            "gather",
            "SELECT SUM(age) AS s, country FROM users GROUP BY country HAVING s * 2 > 10"),
        shape(
            "gather",
            "SELECT SUM(age) AS s, country AS c FROM users GROUP BY country HAVING CONCAT(c, s) <>"
                + " 'x'"),
        shape(
            "merge",
            "SELECT UPPER(country) AS c, COUNT(*) FROM users GROUP BY country ORDER BY LOWER(c)"),
        shape("merge", "SELECT age AS a, COUNT(*) FROM users GROUP BY age ORDER BY a + 1"),
        shape("gather", "SELECT no, ROUND(AVG(user_id), 1), title FROM posts GROUP BY no"),
        shape(
            "gather",
            "SELECT p.no, p.title, COUNT(*) FROM posts p JOIN orders o ON o.no = p.user_id GROUP BY"
                + " p.no"),
        shape("merge", "SELECT a.* FROM users a ORDER BY id LIMIT 3"),
        shape(
            "merge",
            "SELECT a.*, b.no FROM users a JOIN orders b ON b.user_id = a.id ORDER BY id, no"),
        shape(
            "merge",
            "SELECT a.* FROM users a JOIN posts b ON b.user_id = a.id ORDER BY name, b.no"),
        shape(
            "merge",
            "SELECT u.* FROM users u JOIN posts p ON p.user_id = u.id ORDER BY title, u.id, p.no"),
        shape("merge", "SELECT a.*, a.id FROM users a ORDER BY id"),
        shape("merge", "SELECT -age AS age, id FROM users ORDER BY age, id"),
        shape("merge", "SELECT -age AS age, id FROM users ORDER BY age + 1, id"),
        shape("merge", "SELECT MAX(age) AS age FROM users GROUP BY age"),
        shape(
            "merge",
            "SELECT age % 5 AS age, COUNT(*) FROM users GROUP BY users.age HAVING age > 2"),
        shape(
            "merge",
            "SELECT UPPER(country) AS country, COUNT(*) FROM users GROUP BY country ORDER BY"
                + " country"),
        shape(
            "merge",
            "SELECT UPPER(country) AS country, COUNT(*) FROM users GROUP BY country HAVING country"
                + " > 'E'"),
        shape("merge", "SELECT id, name, COUNT(*) FROM users GROUP BY id"),
        shape("merge", "SELECT no, user_id, title, COUNT(*) FROM posts GROUP BY no"),
        shape(
            "merge",
            "SELECT u.id, u.name, COUNT(o.no) FROM users u LEFT JOIN orders o ON o.user_id = u.id"
                + " GROUP BY u.id"),
        shape(
            "merge",
            "SELECT u.name, COUNT(o.no), u.country FROM users u LEFT JOIN orders o ON o.user_id ="
                + " u.id GROUP BY u.id, u.name"),
        shape("merge", "SELECT country, COUNT(*) FROM users WHERE country = 'DE'"),
        shape(
            "merge", "SELECT age, country, COUNT(*) FROM users WHERE country = 'DE' GROUP BY age"),
        shape(
            "merge",
            "SELECT age, country, COUNT(*) FROM users WHERE country = ? GROUP BY age",
            "DE"),
        shape(
            "merge",
            "SELECT c.code, c.label, COUNT(*) FROM users u JOIN countries c ON c.code = u.country"
                + " GROUP BY c.code"),
        shape(
            "merge",
            "SELECT u.country, c.label, COUNT(*) FROM users u JOIN countries c ON c.code ="
                + " u.country GROUP BY u.country"),
        shape("gather", "SELECT COUNT(*) FROM users HAVING COUNT(*) > 3 AND MAX(name) LIKE 'u%'"),
        shape("merge", "SELECT id FROM users HAVING id > 38"),
        shape("merge", "SELECT id, age FROM users LIMIT 0"),
        shape(
            "gather",
            "SELECT * FROM (SELECT id, age FROM users ORDER BY age DESC LIMIT 30) d WHERE d.id = 7"),
        shape(
            "gather",
            "SELECT * FROM (SELECT id, age FROM users ORDER BY age DESC LIMIT 30) d WHERE d.id = ?",
            17),
        shape(
            "gather",
            "WITH d AS (SELECT id FROM users ORDER BY age LIMIT 1) SELECT * FROM d WHERE id = ?",
            2),
        shape(
            "gather",
            "SELECT * FROM (SELECT id FROM users WHERE age < 3 UNION ALL (SELECT user_id FROM"
                + " orders ORDER BY 1 DESC LIMIT 1)) d WHERE d.id IN (2, 38)"),
        shape(
            "gather",
            "SELECT u.id, (SELECT COUNT(*) FROM (SELECT * FROM orders ORDER BY total LIMIT 2) d"
                + " WHERE d.user_id = u.id) FROM users u WHERE u.id IN (7, 9, 10, 11)"),
        shape("one", "SELECT * FROM (SELECT id FROM users WHERE id = 7 ORDER BY age LIMIT 1) d"),
        shape("gather", "SELECT SUM(age) IN (SELECT no FROM orders WHERE no > 1000) FROM users"),
        shape("gather", "SELECT SUM(age) NOT IN (SELECT no FROM orders WHERE no > 9) FROM users"),
        shape(
            "gather",
            "SELECT 1 FROM users HAVING MAX(id) NOT IN (SELECT no FROM orders WHERE no > 9)"),
        shape("gather", "SELECT MAX(age) <> ALL (SELECT no FROM orders WHERE no > 9) FROM users"),
        shape(
            "first",
            "SELECT COUNT(*) FROM users WHERE age IN (SELECT no FROM orders WHERE no > 9)"),
        shape("one", "SELECT VERSION()"),
        shape("merge", "SELECT id, (SELECT label FROM countries WHERE code = country) FROM users"),
        shape("gather", "SELECT COUNT(*) + (SELECT COUNT(*) FROM countries) FROM users"));
  }

  private static String way(Explanation explanation) {
    RefusedSqlException refusal = explanation.refusal();
    if (refusal != null) {
      return "refused " + refusal.code() + " (" + refusal.reason() + ")";
    }
    String merge = explanation.merge();
    return merge == null
        ? explanation.parts().size() == 1 ? "one" : "?"
        : merge.contains("gather on") ? "gather" : merge.contains("first") ? "first" : "merge";
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void isAnswered(Shape shape) {
    Explanation explanation =
        shards
            .factory
            .explain(shape.sql(), shape.values().toArray())
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(way(explanation)).isEqualTo(shape.way());
    assertThat(shown(rowsOf(shards.factory, shape.sql(), shape.values()), shape))
        .isEqualTo(shown(rowsOf(one, shape.sql(), shape.values()), shape));
  }

  @Test
  void pagesOfAnUnorderedQueryMeetEachRowOnce() {
    List<String> met = new ArrayList<>();
    for (int offset = 0; offset < 40; offset += 5) {
      rowsOf(shards.factory, "SELECT id, name FROM users LIMIT 5 OFFSET " + offset, List.of())
          .doOnNext(row -> met.add(String.valueOf(row.get(0))))
          .blockLast(BOUND);
    }
    assertThat(met).hasSize(40).doesNotHaveDuplicates();
  }

  private static String shown(Flux<List<@Nullable Object>> rows, Shape shape) {
    List<String> all =
        rows.map(row -> row.stream().map(String::valueOf).toList().toString())
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    if (!shape.ordered()) {
      all.sort(Comparator.naturalOrder());
    }
    return all.toString();
  }
}
