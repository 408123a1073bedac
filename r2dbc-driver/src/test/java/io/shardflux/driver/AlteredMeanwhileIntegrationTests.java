package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Row;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Tables that are altered while statements run, or so shortly before that nothing has looked at
 * them since: an answer is that of the table before or behind the change, or none. More changes by
 * {@code -Daltered.all=true}, more rounds by {@code -Daltered.rounds=10}.
 */
class AlteredMeanwhileIntegrationTests {

  private static final int ROUNDS = Integer.getInteger("altered.rounds", 1);
  private static final int STREAMED = 600;
  private static final List<String> REFUSED = List.of("refused");

  private static final List<KeyColumn> KEY = List.of(KeyColumn.integer("id"));

  private static DriverShards shards;

  @BeforeAll
  static void start() {
    shards =
        new DriverShards(
            builder -> {
              Stream.of(List.of("o", "p"), tables("w"), tables("r"))
                  .flatMap(List::stream)
                  .map(name -> new TableRule.Sharded(name, KEY, "by_user"))
                  .forEach(builder::table);
              return builder;
            });
  }

  @AfterAll
  static void stop() {
    shards.close();
  }

  private static void make() {
    shards.everywhere("DROP TABLE IF EXISTS o, p");
    shards.everywhere("CREATE TABLE o (id INT PRIMARY KEY, v INT)");
    shards.everywhere("CREATE TABLE p (id INT PRIMARY KEY, s VARCHAR(20)) COLLATE utf8mb4_bin");
    written("INSERT INTO o VALUES (1, 9), (2, 18), (3, 7), (4, 6), (5, 5), (6, 4)");
    written("INSERT INTO p VALUES (1, 'A'), (2, 'a'), (3, 'A'), (4, 'a'), (5, 'A'), (6, 'b')");
    answered("SELECT * FROM o JOIN p USING (id) ORDER BY o.v");
  }

  private static final List<String> ALL_CHANGES =
      List.of(
          "ALTER TABLE T MODIFY v INT FIRST",
          "ALTER TABLE T MODIFY id TINYINT",
          "ALTER TABLE T RENAME COLUMN id TO k",
          "ALTER TABLE T ADD COLUMN w INT DEFAULT 5 FIRST",
          "ALTER TABLE T DROP COLUMN v",
          "ALTER TABLE T RENAME COLUMN v TO w",
          "ALTER TABLE T MODIFY v VARCHAR(20)",
          "ALTER TABLE T MODIFY id BIGINT UNSIGNED",
          "ALTER TABLE T MODIFY id VARCHAR(20)",
          "ALTER TABLE T DROP PRIMARY KEY, MODIFY id INT NULL",
          "ALTER TABLE T DROP COLUMN id",
          "DROP TABLE T");

  /** Each of another table T. */
  private static final List<String> CHANGES =
      Boolean.getBoolean("altered.all") ? ALL_CHANGES : ALL_CHANGES.subList(0, 3);

  private static final List<String> WRITES =
      List.of(
          "INSERT INTO T (id, v) VALUES (70, 71)",
          "INSERT INTO T (v, id) VALUES (72, 71), (73, 72), (74, 73)",
          "INSERT IGNORE INTO T (id, v) VALUES (3000000, 1)",
          "INSERT IGNORE INTO T (id, v) VALUES (3000001, 1), (3000002, 1)",
          "REPLACE INTO T (id, v) VALUES (3, 9)",
          "INSERT INTO T (id, v) VALUES (1, 9) ON DUPLICATE KEY UPDATE v = VALUES(v) + 1",
          "UPDATE T SET v = 12 WHERE id = 2",
          "UPDATE T SET v = 12 WHERE id IN (5, 6)",
          "DELETE FROM T WHERE id = 4");

  private static final List<String> READS =
      List.of(
          "SELECT * FROM T WHERE id = 5",
          "SELECT id, v FROM T WHERE id IN (1, 2)",
          "SELECT v FROM T WHERE id = '5'",
          "SELECT id FROM T WHERE id = 5.5",
          "SELECT id, v FROM T WHERE v > 5",
          "SELECT * FROM T",
          "SELECT id FROM T WHERE id IN (SELECT id FROM T WHERE v > 5)",
          "SELECT id FROM T WHERE id NOT IN (SELECT id FROM T WHERE v > 5)",
          "SELECT id FROM T AS a WHERE NOT EXISTS (SELECT 1 FROM T AS b WHERE b.id = a.id AND v >"
              + " 6)");

  /** A table's names, before each of whose changes it was shown to be as it is known. */
  private static List<String> tables(String kind) {
    return IntStream.range(0, CHANGES.size()).mapToObj(i -> kind + i).toList();
  }

  private static void make(String kind) {
    for (String table : tables(kind)) {
      shards.everywhere("DROP TABLE IF EXISTS " + table);
      shards.everywhere("CREATE TABLE " + table + " (id INT PRIMARY KEY, v INT)");
    }
    shards.factory.check().block(BOUND);
    for (String table : tables(kind)) {
      written(
          "INSERT INTO "
              + table
              + " (id, v) VALUES (1, 9), (2, 18), (3, 7), (4, 6), (5, 5), (6, 4)");
    }
  }

  /** All at once behind the change, whose tables nobody has looked at since. */
  private static List<List<String>> changed(String table, String change, List<String> statements) {
    answered("SELECT id FROM " + table + " WHERE id IN (1, 2, 3)");
    shards.everywhere(of(table, change));
    return Flux.fromIterable(statements)
        .flatMapSequential(sql -> answeredOrRefused(of(table, sql)), statements.size())
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static String of(String table, String sql) {
    return sql.replaceAll("\\bT\\b", table);
  }

  @Test
  void aWriteThatNobodyHasLookedForMisplacesNoRow() {
    make("w");
    for (int i = 0; i < CHANGES.size(); i++) {
      String table = tables("w").get(i);
      changed(table, CHANGES.get(i), WRITES);
      nothingIsAstray(table, CHANGES.get(i));
    }
  }

  @Test
  void aReadThatNobodyHasLookedForIsRight() {
    make("r");
    for (int i = 0; i < CHANGES.size(); i++) {
      String table = tables("r").get(i);
      List<List<String>> found = changed(table, CHANGES.get(i), READS);
      shards.factory.check().block(BOUND);
      for (int read = 0; read < READS.size(); read++) {
        List<String> then = found.get(read);
        List<String> now = answeredOrRefused(of(table, READS.get(read))).block(BOUND);
        if (!then.equals(REFUSED) && !REFUSED.equals(now)) {
          assertThat(then).as("%s; %s", CHANGES.get(i), READS.get(read)).hasSameElementsAs(now);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "o ADD COLUMN w INT DEFAULT 5 FIRST | o DROP COLUMN w",
        "o MODIFY v INT FIRST | o MODIFY v INT AFTER id",
        "o MODIFY v VARCHAR(9) | o MODIFY v INT",
        "o RENAME COLUMN id TO k | o RENAME COLUMN k TO id",
        "p MODIFY s VARCHAR(20) COLLATE utf8mb4_general_ci | p MODIFY s VARCHAR(20) COLLATE"
            + " utf8mb4_bin",
      })
  void anAnswerIsOfTheTableBeforeOrBehind(String forth, String back) {
    make();
    List<String> reads =
        List.of(
            "SELECT * FROM o",
            "SELECT * FROM o ORDER BY v",
            "SELECT id, v FROM o ORDER BY v DESC LIMIT 4",
            "SELECT DISTINCT * FROM o",
            "SELECT MAX(v) AS m, COUNT(*) AS c FROM o",
            "SELECT s, COUNT(*) AS c FROM p GROUP BY s ORDER BY s",
            "SELECT DISTINCT s FROM p",
            "SELECT COUNT(DISTINCT s) AS c FROM p",
            "SELECT * FROM o JOIN p USING (id) ORDER BY s, id");
    List<Set<List<String>>> right = new ArrayList<>();
    reads.forEach(sql -> right.add(new LinkedHashSet<>(List.of(comparable(sql)))));
    alter(forth);
    for (int i = 0; i < reads.size(); i++) {
      right.get(i).add(comparable(reads.get(i)));
    }
    alter(back);

    for (int i = 0; i < 2 * ROUNDS; i++) {
      AtomicBoolean altered = new AtomicBoolean();
      Mono<String> altering =
          altering(i % 2 == 0 ? forth : back)
              .doFinally(end -> altered.set(true))
              .then(Mono.empty());
      Flux<String> wrong =
          Flux.range(0, reads.size())
              .flatMap(
                  read -> wrong(reads.get(read), right.get(read)).repeat(() -> !altered.get()),
                  reads.size());
      assertThat(wrong.mergeWith(altering).collectList().block(BOUND)).isEmpty();
      for (int read = 0; read < reads.size(); read++) {
        assertThat(right.get(read)).contains(comparable(reads.get(read)));
      }
    }
  }

  /** On one shard after the other. */
  private static Flux<Long> altering(String change) {
    return Flux.fromIterable(IDS).concatMap(id -> altered(id, change));
  }

  private static Mono<String> wrong(String sql, Set<List<String>> right) {
    return shards
        .rows(AlteredMeanwhileIntegrationTests::shown, sql)
        .collectList()
        .map(found -> comparable(sql, found))
        .filter(found -> !right.contains(found))
        .map(found -> sql + " gave " + found + ", not " + right)
        .onErrorResume(AlteredMeanwhileIntegrationTests::isRefusal, error -> Mono.empty());
  }

  /** Rows of a statement that servers are still sending when the change comes. */
  @ParameterizedTest
  @ValueSource(strings = {"SELECT * FROM p", "SELECT * FROM p ORDER BY id"})
  void aStreamUnderWayGoesOnAsItBeganOrFails(String sql) {
    fillWithLongRows();
    Mono<Void> change = changeOfAll();
    List<Integer> columns = new ArrayList<>();
    try {
      columns(sql, change).doOnNext(columns::add).blockLast(BOUND);
      assertThat(columns).hasSize(STREAMED + 6);
    } catch (R2dbcBadGrammarException refused) {
      assertThat(refused).hasMessageStartingWith("COLUMNS_CHANGED: ");
    }
    assertThat(columns).containsOnly(2);
    change.block(BOUND);
    assertThat(answered("SELECT * FROM p WHERE id = 1")).containsExactly("w=5 id=1 s=A");
  }

  private static void fillWithLongRows() {
    make();
    shards.everywhere("ALTER TABLE p MODIFY s VARCHAR(8000)");
    for (int from = 0; from < STREAMED; from += 100) {
      List<String> rows =
          IntStream.range(100 + from, 200 + from)
              .mapToObj(id -> "(" + id + ", '" + "x".repeat(5_000) + "')")
              .toList();
      written("INSERT INTO p (id, s) VALUES " + String.join(", ", rows));
    }
  }

  private static Mono<Void> changeOfAll() {
    return Flux.fromIterable(IDS)
        .flatMap(id -> altered(id, "p ADD COLUMN w INT DEFAULT 5 FIRST"))
        .then()
        .cache();
  }

  /** The number of each row's columns, of which the first few are followed by the change. */
  private static Flux<Integer> columns(String sql, Mono<Void> change) {
    AtomicInteger rows = new AtomicInteger();
    return shards
        .rows(row -> row.getMetadata().getColumnMetadatas().size(), sql)
        .publishOn(Schedulers.boundedElastic(), 1)
        .doOnNext(
            row -> {
              if (rows.incrementAndGet() == 5) {
                change.subscribe();
              }
            })
        .concatWith(Mono.defer(() -> change.then(Mono.empty())));
  }

  private static boolean isRefusal(Throwable error) {
    return error instanceof R2dbcBadGrammarException
        && error.getCause() instanceof RefusedSqlException;
  }

  private static void alter(String change) {
    altering(change).blockLast(BOUND);
  }

  private static Mono<Long> altered(ShardId shard, String change) {
    return shards.router.on(shard).sql("ALTER TABLE " + change).rowsUpdated();
  }

  private static void written(String sql) {
    shards.updated(sql).block(BOUND);
  }

  /** The answer to the statement, or its refusal, which a server may also give. */
  private static Mono<List<String>> answeredOrRefused(String sql) {
    Flux<String> answer =
        sql.startsWith("SELECT")
            ? shards.rows(AlteredMeanwhileIntegrationTests::shown, sql)
            : shards.updated(sql).map(String::valueOf).flux();
    return answer.collectList().onErrorReturn(R2dbcException.class, REFUSED);
  }

  private static List<String> answered(String sql) {
    return shards
        .rows(AlteredMeanwhileIntegrationTests::shown, sql)
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static List<String> comparable(String sql) {
    try {
      return comparable(sql, answered(sql));
    } catch (R2dbcBadGrammarException refused) {
      return REFUSED;
    }
  }

  /** Without an order rows come in any, and of a group's texts any is shown. */
  private static List<String> comparable(String sql, List<String> rows) {
    List<String> told =
        sql.contains(" s FROM") || sql.contains("SELECT s")
            ? rows.stream().map(row -> row.toLowerCase(java.util.Locale.ROOT)).toList()
            : rows;
    return sql.contains("ORDER BY") ? told : told.stream().sorted().toList();
  }

  private static String shown(Row row) {
    List<String> shown = new ArrayList<>();
    row.getMetadata()
        .getColumnMetadatas()
        .forEach(column -> shown.add(column.getName() + "=" + row.get(column.getName())));
    return String.join(" ", shown);
  }

  private static void nothingIsAstray(String table, String after) {
    for (ShardId shard : IDS) {
      List<Long> here =
          shards
              .router
              .on(shard)
              .sql("SELECT id FROM " + table)
              .map((row, metadata) -> Long.valueOf(String.valueOf(row.get(0))))
              .all()
              .collectList()
              .onErrorReturn(R2dbcBadGrammarException.class, List.of())
              .blockOptional(BOUND)
              .orElseThrow();
      for (long id : here) {
        assertThat(shards.router.topology().locate("o", ShardKey.of(id)).block(BOUND))
            .as("%s: the shard of %s", after, id)
            .isEqualTo(shard);
      }
    }
  }
}
