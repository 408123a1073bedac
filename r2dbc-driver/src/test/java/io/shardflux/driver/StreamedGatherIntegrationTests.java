package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.sql.statement.RefusalCode;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Gathered rows that go on into temporary tables in chunks, while others are read. */
class StreamedGatherIntegrationTests extends GatheringShards {

  private static final String PAIRS =
      "SELECT COUNT(*) FROM users a JOIN users b ON a.age = b.age AND a.id < b.id";

  private static final String NAMES =
      "SELECT name, ROW_NUMBER() OVER (ORDER BY id) FROM users WHERE id > 0 ORDER BY id";

  private static final int CANCELS = Integer.getInteger("gather.cancels", 50);

  /** By hand with -Xmx96m, -Dgather.rows=30000 and -Dgather.width=1000. */
  private static final int ROWS = Integer.getInteger("gather.rows", 60);

  private static final int WIDTH = Integer.getInteger("gather.width", 2_000);
  private static final int HELD = Integer.getInteger("gather.held", 300);

  private final Queue<String> plans = new ConcurrentLinkedQueue<>();

  private DriverShards shards(int users, GatherOptions gathers, int connections, boolean sends) {
    return shards(users, gathers, connections, sends, HELD);
  }

  private DriverShards shards(
      int users, GatherOptions gathers, int connections, boolean sends, int held) {
    Timeouts patient = Timeouts.of(BOUND.multipliedBy(9)).withAcquire(BOUND.multipliedBy(8));
    return shards(
        users,
        builder ->
            builder
                .gathers(gathers)
                .pool(PoolOptions.builder().maxSize(connections).minIdle(0).build())
                .timeouts(patient),
        router -> MutatedFactory.holding(router, held, sends, plans::add));
  }

  private DriverShards shards(int users) {
    return shards(users, GatherOptions.defaults(), 10, false);
  }

  @Test
  void rowsArriveWholeAndInOrder() {
    DriverShards all = shards(200);
    List<String> names =
        IntStream.rangeClosed(1, 200).mapToObj(id -> "user " + id).collect(Collectors.toList());
    for (int i = 0; i < 2; i++) {
      assertThat(all.rows(row -> row.get(0, String.class), NAMES).collectList().block(BOUND))
          .isEqualTo(names);
    }
    assertThat(plans).contains("rows that go on");
    expect(numbers(all, PAIRS), 49L * 6);
    isClean(all);
  }

  /** A gather holds a connection of a pool that has one more, beside those of streams. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 4})
  void manyAtOnceWaitForNoConnectionOfTheirOwn(int connections) {
    DriverShards many = shards(100, GatherOptions.defaults(), connections, false);
    StepVerifier.create(Flux.range(0, 40).flatMap(i -> numbers(many, PAIRS), 40))
        .thenConsumeWhile(count -> count == 49)
        .expectComplete()
        .verify(BOUND);
    assertThat(plans.contains("rows that go on")).isEqualTo(connections > 2);
    isClean(many);
  }

  @Test
  void noMoreTurnsAreTakenThanPoolsHaveConnectionsFor() {
    DriverShards many = shards(60, GatherOptions.builder().concurrency(3).build(), 3, false);
    StepVerifier.create(Flux.range(0, 30).flatMap(i -> numbers(many, PAIRS), 30))
        .thenConsumeWhile(count -> count == 10)
        .expectComplete()
        .verify(BOUND);
    assertThat(plans).contains("rows that go on");
    isClean(many);
  }

  /** A pinned table is not looked at before it is read. */
  @Test
  void aTextInPlaceOfANumberIsNotRun() {
    DriverShards all = shards(60);
    String numbered =
        IntStream.rangeClosed(1, 100)
            .mapToObj(i -> "(" + i + ", 'user " + i + "')")
            .collect(Collectors.joining(", "));
    pinned(all, "INSERT INTO settings (id, label) VALUES " + numbered);
    String sql = "SELECT COUNT(s.id) FROM users u JOIN settings s ON s.label = u.name";
    expect(numbers(all, sql), 60L);
    pinned(all, "ALTER TABLE settings MODIFY id VARCHAR(60) NOT NULL");
    pinned(all, "UPDATE settings SET id = '0, 0); DELETE FROM users; -- ' WHERE id = '1'");
    expect(numbers(all, sql), 60L);
    expect(numbers(all, "SELECT COUNT(*) FROM users"), 60L);
    isClean(all);
  }

  private static void pinned(DriverShards all, String sql) {
    all.router.on(DriverShards.IDS.get(1)).sql(sql).rowsUpdated().block(BOUND);
  }

  @Test
  void boundsAreToldAndNothingIsLeft() {
    DriverShards few = shards(60, GatherOptions.builder().maxRows(100).build(), 3, false);
    refused(numbers(few, PAIRS), RefusalCode.TOO_MANY_GATHERED_ROWS);
    assertThat(plans).contains("rows that go on");
    isClean(few);
    expect(numbers(few, "/* shardflux: gather=120 */ " + PAIRS), 10L);
    refused(
        numbers(few, "/* shardflux: gather=118 */ " + PAIRS), RefusalCode.TOO_MANY_GATHERED_ROWS);
    isClean(few);
  }

  @Test
  void bytesHaveABound() {
    DriverShards few = shards(100, GatherOptions.builder().maxBytes(1_100).build(), 3, false);
    refused(numbers(few, PAIRS), RefusalCode.TOO_MANY_GATHERED_ROWS);
    assertThat(plans).contains("rows that go on");
    isClean(few);
  }

  /** A side that has too many rows is read again once the other one cuts it down. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "users u JOIN orders o ON o.no = u.age | AND u.id > 0 AND o.user_id % 5 = 0 | 36",
        "orders o JOIN users u ON o.no = u.age | AND u.id > 0 AND o.user_id % 5 = 0 | 36",
      })
  void aSideOfTooManyRowsIsCutDown(String from, String condition, long rows) {
    DriverShards some = shards(60, GatherOptions.builder().maxRows(59).build(), 3, false, 40);
    String sql = "SELECT COUNT(*), STDDEV(u.age) FROM " + from + " " + condition;
    for (int i = 0; i < 2; i++) {
      expect(numbers(some, sql), rows);
    }
    isClean(some);
  }

  /** Rows that one mention has like another are one reading, in one order. */
  @Test
  void aNameOfWithAgreesWithItself() {
    DriverShards many = shards(120);
    Disposable writer =
        many.updated("/* shardflux: scatter-writes=true */ UPDATE users SET age = age + 1")
            .repeat()
            .subscribe();
    try {
      String sql =
          "WITH c AS (SELECT name, ROW_NUMBER() OVER (ORDER BY age) AS n FROM users) SELECT"
              + " COUNT(*) FROM c a JOIN c b ON a.name = b.name AND a.n = b.n";
      Flux<Long> counts = Flux.range(0, 8).concatMap(i -> numbers(many, sql));
      assertThat(counts.collectList().block(BOUND)).containsOnly(120L);
    } finally {
      writer.dispose();
    }
    assertThat(plans).contains("rows that go on");
    isClean(many);
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(150, GatherOptions.defaults(), 3, false);
    for (int i = 0; i < CANCELS; i++) {
      int after = ThreadLocalRandom.current().nextInt(60);
      boolean late = i % 2 == 1;
      Disposable read =
          numbers(given, (late ? "/* shardflux: timeout=" + (after + 1) + "ms */ " : "") + PAIRS)
              .subscribe(row -> {}, error -> {});
      Mono.delay(Duration.ofMillis(after)).block(BOUND);
      read.dispose();
    }
    isClean(given);
    expect(numbers(given, PAIRS), 49L * 3);
  }

  /** A table that changed while its rows went on is gathered anew, into a table of its own. */
  @Test
  void aTableThatChangedMeanwhileIsReadAsItIs() {
    DriverShards changed = shards(100);
    String sql = "SELECT SUM(age) FROM (SELECT * FROM users LIMIT 1000) d";
    expect(numbers(changed, "SELECT SIGN(SUM(age)) FROM (SELECT * FROM users LIMIT 999) d"), 1L);
    changed.everywhere("ALTER TABLE users MODIFY age BIGINT");
    changed.everywhere("UPDATE users SET age = 3000000000");
    expect(numbers(changed, sql), 300_000_000_000L);
    isClean(changed);
  }

  /** What is sent with a text is no more than may be held; the rest goes on. */
  @Test
  void aSmallSideIsSentAndALargeOneGoesOn() {
    DriverShards both = shards(100, GatherOptions.defaults(), 4, true);
    String join =
        "SELECT COUNT(*) FROM users u JOIN orders o ON o.no = u.age WHERE o.user_id < 4 AND u.id >"
            + " 0";
    expect(numbers(both, join), 12L);
    assertThat(plans).contains("broadcast").doesNotContain("rows that go on");
    expect(numbers(both, PAIRS), 49L);
    assertThat(plans).contains("rows that go on");
    isClean(both);
  }

  /** All at once hold less than one of them has rows: with no bound to what is held, none ends. */
  @Test
  void rowsThatAreMoreThanTheHeapPass() {
    DriverShards wide =
        shards(0, GatherOptions.builder().maxBytes(1 << 30).maxRows(100_000).build(), 10, false);
    int batch = Math.max(10, ROWS / 60);
    for (int id = 0; id < ROWS; id += batch) {
      String rows =
          IntStream.rangeClosed(id + 1, Math.min(ROWS, id + batch))
              .mapToObj(each -> "(" + each + ", REPEAT('x', " + WIDTH + "), " + each + ", 'DE')")
              .collect(Collectors.joining(", "));
      if (id == 0) {
        wide.everywhere("ALTER TABLE users MODIFY name MEDIUMTEXT");
        wide.factory.check().block(BOUND);
      }
      wide.updated("INSERT INTO users (id, name, age, country) VALUES " + rows).block(BOUND);
    }
    String sql = "SELECT STDDEV(LENGTH(name)) + SUM(LENGTH(name)) FROM users WHERE id > 0";
    Flux<Long> all =
        Flux.range(0, 4)
            .flatMap(
                i ->
                    wide.rows(
                        row -> Objects.requireNonNull(row.get(0, Double.class)).longValue(), sql));
    StepVerifier.create(all)
        .thenConsumeWhile(sum -> sum == (long) ROWS * WIDTH)
        .expectComplete()
        .verify(BOUND.multipliedBy(9));
    assertThat(plans).contains("rows that go on");
    isClean(wide);
  }
}
