package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Reads whose connection is ended on the server, the mildest way to lose one. */
@Tag("same-on-any-server")
class ReadRetriesIntegrationTests {

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router = TestShards.router(shards).build();

  @BeforeEach
  void load() {
    TestShards.load(router);
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void aReadThatLostItsConnectionIsAskedAgain() {
    fillBudget();
    AtomicInteger attempts = new AtomicInteger();
    StepVerifier.create(endingItself("SELECT", attempts, Work.Terms.of(Timeouts.defaults())))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(attempts).hasValue(2);
  }

  @Test
  void oneWithoutABudgetIsNot() {
    AtomicInteger attempts = new AtomicInteger();
    ShardServers fresh = new ShardServers(shards.get(0), RouterOptions.defaults(), event -> {});
    try {
      StepVerifier.create(fresh.run(work("SELECT", attempts, Work.Terms.of(Timeouts.defaults()))))
          .expectError(ShardUnavailableException.class)
          .verify(BOUND);
      assertThat(attempts).hasValue(1);
    } finally {
      fresh.close(BOUND).block(BOUND);
    }
  }

  @Test
  void aWriteIsNot() {
    fillBudget();
    AtomicInteger attempts = new AtomicInteger();
    StepVerifier.create(endingItself("DO", attempts, Work.Terms.of(Timeouts.defaults())))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void whatIsMarkedAsAWriteIsNot() {
    fillBudget();
    AtomicInteger attempts = new AtomicInteger();
    StepVerifier.create(
            endingItself("SELECT", attempts, Work.Terms.of(Timeouts.defaults()).asWrite()))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void aReadOfWhichARowHasArrivedIsNot() {
    fillBudget();
    AtomicInteger attempts = new AtomicInteger();
    Work<Long> work =
        new Work<>(
            "SELECT",
            true,
            Set.of(),
            Work.Terms.of(Timeouts.defaults()),
            (connection, dialect) ->
                Flux.concat(
                    Mono.fromSupplier(() -> (long) attempts.incrementAndGet()),
                    Mono.error(
                        new ShardUnavailableException(
                            IDS.get(0), ShardUnavailableException.Why.LOST, "lost", null))));
    StepVerifier.create(
            TestShards.live(router).onOne(Mono.just(IDS.get(0)), servers -> servers.run(work)))
        .expectNext(1L)
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    assertThat(attempts).hasValue(1);
  }

  @Test
  void theServerItselfEndsWhatTakesTooLong() {
    SqlTemplate heavy =
        SqlTemplate.of(
            "SELECT COUNT(*) FROM users a, users b, users c, users d, users e, users f WHERE a.id <"
                + " b.id");
    StepVerifier.create(
            router
                .on(IDS.get(0))
                .inConnection(
                    connection ->
                        Flux.from(connection.createStatement("SELECT VERSION()").execute())
                            .concatMap(result -> result.map(row -> row.get(0, String.class)))
                            .single()
                            .flatMapMany(
                                version ->
                                    new BoundStatement(
                                            Dialect.of(Objects.requireNonNull(version))
                                                .bounded(
                                                    heavy, heavy.render(), Duration.ofSeconds(1)),
                                            heavy,
                                            Binds.NONE,
                                            null,
                                            List.of())
                                        .rows(connection, (row, metadata) -> row.get(0)))))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardTimeoutException.class)
                    .extracting(late -> ((R2dbcException) late).getErrorCode())
                    .isIn(1969, 3024))
        .verify(BOUND);
  }

  /** Ten reads allow for one more. */
  private void fillBudget() {
    router
        .on(IDS.get(0))
        .sql("SELECT id FROM users WHERE id = :id")
        .bind("id", 1)
        .map((row, metadata) -> 1)
        .all()
        .repeat(19)
        .then()
        .block(BOUND);
  }

  private Flux<Long> endingItself(String text, AtomicInteger attempts, Work.Terms terms) {
    Work<Long> work = work(text, attempts, terms);
    return TestShards.live(router).onOne(Mono.just(IDS.get(0)), servers -> servers.run(work));
  }

  /** Has its connection ended by the server, the first time; then asks for a 1. */
  private Work<Long> work(String text, AtomicInteger attempts, Work.Terms terms) {
    return Work.of(
        SqlTemplate.of(text + " 1"),
        terms,
        (connection, dialect) ->
            attempts.incrementAndGet() == 1
                ? number(connection, "SELECT CONNECTION_ID()")
                    .concatMap(id -> router.on(IDS.get(0)).sql("KILL " + id).rowsUpdated())
                    .thenMany(number(connection, "SELECT SLEEP(30)"))
                : number(connection, "SELECT 1"));
  }

  private static Flux<Long> number(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }
}
