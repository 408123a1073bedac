package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.shardflux.driver.failure.MissingShardsException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Answers that lack some shards' rows, as was permitted, and say so. */
@Tag("same-on-any-server")
class PartialAnswersIntegrationTests {

  private static final String PARTIAL = "/* shardflux: failure-policy=partial */ ";
  private static final String IN_ORDER = PARTIAL + "SELECT id FROM users ORDER BY id";

  private static DriverShards shards;

  @BeforeAll
  static void load() {
    shards = new DriverShards();
    shards.load(9);
  }

  @AfterAll
  static void close() {
    shards.close();
  }

  @AfterEach
  void bringBack() {
    Flux.fromIterable(IDS).concatMap(shards.router.operations()::closeBreaker).blockLast(BOUND);
  }

  @Test
  void theOthersRowsComeFirstAndThenTheTag() {
    takeOut(1);
    StepVerifier.create(shards.rows(row -> row.get(0, Long.class), IN_ORDER))
        .expectNext(2L, 3L, 5L, 6L, 8L, 9L)
        .expectErrorSatisfies(
            error -> {
              assertThat(error)
                  .isInstanceOf(MissingShardsException.class)
                  .hasMessageStartingWith("rows of [shard_1] are missing, of 3 shards");
              assertThat(((MissingShardsException) error).missing())
                  .containsOnlyKeys(IDS.get(1))
                  .allSatisfy(
                      (shard, why) ->
                          assertThat(why).isInstanceOf(ShardUnavailableException.class));
              assertThat(error.getSuppressed()).hasSize(1);
            })
        .verify(BOUND);
    expect(
        shards
            .rows(row -> row.get(0, Long.class), IN_ORDER + " DESC LIMIT 2")
            .onErrorComplete(MissingShardsException.class),
        9L,
        8L);
  }

  @Test
  void anAnswerOfAllShardsHasNoTag() {
    expect(shards.rows(row -> row.get(0, Long.class), IN_ORDER + " LIMIT 3"), 1L, 2L, 3L);
  }

  @Test
  void whatIsMergedIsThatOfTheOthers() {
    takeOut(1);
    takeOut(2);
    tagged("SELECT COUNT(*), SUM(id) FROM users", "3 18");
    tagged("SELECT COUNT(DISTINCT country), MAX(id) FROM users", "2 9");
    tagged("SELECT country, COUNT(*) FROM users GROUP BY country ORDER BY country", "DE 1", "FR 2");
    tagged("SELECT DISTINCT country, 1 FROM users ORDER BY country", "DE 1", "FR 1");
  }

  @Test
  void ofNoRowTheAnswerIsThatOfAShardThatIsThere() {
    takeOut(0);
    tagged("SELECT COUNT(DISTINCT name), COUNT(DISTINCT age) FROM users WHERE age > 1000", "0 0");
    tagged("SELECT name, 1 FROM users WHERE age > 1000");
  }

  @Test
  void segmentsEndWithAMessage() {
    takeOut(0);
    StepVerifier.create(
            results(
                result ->
                    result.flatMap(
                        segment ->
                            Mono.just(
                                segment instanceof Result.RowSegment row
                                    ? String.valueOf(row.row().get(0))
                                    : ((Result.Message) segment).message()))))
        .expectNext("1", "2", "4", "5", "7", "8")
        .expectNextMatches(message -> message.startsWith("rows of [shard_0] are missing"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aMessageThatIsFilteredOutIsNoError() {
    takeOut(0);
    Function<Row, Long> id = row -> Objects.requireNonNull(row.get(0, Long.class));
    StepVerifier.create(
            results(
                result ->
                    result
                        .filter(segment -> !(segment instanceof Result.Message))
                        .map((row, metadata) -> id.apply(row))))
        .expectNext(1L, 2L, 4L, 5L, 7L, 8L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            results(
                result ->
                    result
                        .filter(segment -> segment instanceof Result.Message)
                        .map((row, metadata) -> id.apply(row))))
        .expectError(MissingShardsException.class)
        .verify(BOUND);
  }

  @Test
  void theNumberOfRowsIsNoWholeAnswerEither() {
    takeOut(2);
    StepVerifier.create(results(Result::getRowsUpdated))
        .expectError(MissingShardsException.class)
        .verify(BOUND);
  }

  @Test
  void noAnswerAtAllIsAnError() {
    IDS.forEach(shard -> shards.router.operations().openBreaker(shard).block(BOUND));
    StepVerifier.create(shards.rows(row -> row.get(0, Long.class), IN_ORDER))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isNotInstanceOf(MissingShardsException.class)
                    .hasMessageStartingWith("shards: [shard_0, shard_1, shard_2] of 3 failed"))
        .verify(BOUND);
  }

  @Test
  void springsClientHasTheTagAsACause() {
    takeOut(1);
    expect(
        DatabaseClient.create(shards.factory)
            .sql(IN_ORDER)
            .mapValue(Long.class)
            .all()
            .onErrorComplete(error -> error.getCause() instanceof MissingShardsException),
        2L,
        3L,
        5L,
        6L,
        8L,
        9L);
  }

  private static void takeOut(int shard) {
    shards.router.operations().openBreaker(IDS.get(shard)).block(BOUND);
  }

  private static <T> Flux<T> results(Function<Result, Publisher<T>> consumer) {
    return shards.on(
        connection ->
            Flux.from(connection.createStatement(IN_ORDER).execute()).concatMap(consumer));
  }

  /** Asks for two columns. */
  private static void tagged(String sql, String... rows) {
    StepVerifier.create(shards.rows(row -> row.get(0) + " " + row.get(1), PARTIAL + sql))
        .expectNextSequence(List.of(rows))
        .expectError(MissingShardsException.class)
        .verify(BOUND);
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private static <T> void expect(Publisher<T> actual, T... expected) {
    StepVerifier.create(actual).expectNext(expected).expectComplete().verify(BOUND);
  }
}
