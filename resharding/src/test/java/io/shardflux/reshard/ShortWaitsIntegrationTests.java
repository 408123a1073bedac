package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.util.retry.Retry;

/** What waits behind a transaction of others holds up nobody else for long. */
class ShortWaitsIntegrationTests {

  private static final Duration LONG = Duration.ofHours(1);

  /** The open transaction of another client, which has its connection's id. */
  private static final class Open {

    private final Sinks.One<Long> begun = Sinks.one();
    private final Sinks.Empty<Void> end = Sinks.empty();
    private final Mono<Void> all;

    Open(MoveFixture fixture, String sql) {
      all =
          fixture
              .router(0)
              .on(S0)
              .inTransaction(
                  connection ->
                      Flux.from(connection.createStatement(sql).execute())
                          .concatMap(result -> result.map((row, metadata) -> 1L))
                          .thenMany(connection.createStatement("SELECT CONNECTION_ID()").execute())
                          .concatMap(
                              result -> result.map((row, metadata) -> row.get(0, Long.class)))
                          .doOnNext(begun::tryEmitValue)
                          .then(end.asMono()))
              .then()
              .cache();
      all.subscribe();
    }

    long id() {
      return begun.asMono().blockOptional(BOUND).orElseThrow();
    }

    void end() {
      end.tryEmitEmpty();
      all.block(BOUND);
    }
  }

  /** The triggers wait for it, say so, and let all others through meanwhile. */
  @Test
  void aTransactionThatHasOnlyReadHoldsUpTheTriggersAlone() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      Open open = new Open(fixture, "SELECT COUNT(*) FROM users");
      long holder = open.id();
      AtomicBoolean over = new AtomicBoolean();
      AtomicLong reads = new AtomicLong();
      AtomicLong longest = new AtomicLong();
      Mono<Void> reading =
          Mono.defer(() -> read(fixture))
              .timed()
              .doOnNext(
                  read -> {
                    reads.incrementAndGet();
                    longest.accumulateAndGet(read.elapsed().toMillis(), Math::max);
                  })
              .delayElement(Duration.ofMillis(5))
              .repeat(() -> !over.get())
              .then()
              .cache();
      reading.subscribe();
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      long job = fixture.startedBriefly(moves, ShardingStrategy.fixed(S1));
      MoveProgress waits =
          Objects.requireNonNull(
              moves.progress(job).filter(at -> at.report().waiting() != null).blockFirst(BOUND));
      MoveProgress.Wait waiting = Objects.requireNonNull(waits.report().waiting());
      assertThat(waits.phase()).isEqualTo("PREPARE");
      assertThat(waiting.on()).startsWith("table users, used by open transactions on shard_0");
      assertThat(waiting.holders()).extracting(MoveProgress.Holder::connection).contains(holder);
      Mono.delay(Duration.ofSeconds(3)).block(BOUND);
      open.end();
      MoveProgress end = Objects.requireNonNull(moves.progress(job).blockLast(BOUND));
      over.set(true);
      reading.block(BOUND);
      assertThat(end.error()).isNull();
      assertThat(end.report().waiting()).isNull();
      assertThat(reads).hasValueGreaterThan(100);
      assertThat(longest).hasValueLessThan(2_000);
    }
  }

  private static Mono<Long> read(MoveFixture fixture) {
    return fixture
        .router(0)
        .on("users", ShardKey.of(1))
        .sql("SELECT version FROM users WHERE id = 1")
        .map((row, metadata) -> 1L)
        .one()
        // Its key may go while it is read.
        .retryWhen(Retry.max(3).filter(TopologyChangedException.class::isInstance));
  }

  /**
   * Nobody ends what a mover waits for that has died. The second form is without the guard.
   *
   * @param ends whether the server ends it
   */
  @ParameterizedTest
  @CsvSource({
    "ALTER TABLE users COMMENT 'c', SELECT name FROM users, SELECT name FROM users, true",
    "ALTER TABLE users COMMENT 'c', SELECT name FROM users, SELECT name FROM users, false",
    "UPDATE users SET version = 1 WHERE id = 1, SELECT id FROM users WHERE id = 1 LOCK IN SHARE"
        + " MODE, SELECT id FROM users WHERE id = 1 LOCK IN SHARE MODE, true"
  })
  void theServerEndsTheWaitOfAMoverThatDied(
      String change, String before, String behind, boolean ends) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(2);
      Servers servers =
          new Servers(List.of(Shard.of("shard_0", fixture.databases.get(0).r2dbcUrl())), 4);
      Open open = new Open(fixture, before);
      assertThat(open.id()).isPositive();
      Sinks.One<Boolean> done = Sinks.one();
      Mono<Boolean> mover =
          servers
              .on(
                  S0,
                  session ->
                      // As no KILL comes.
                      (ends ? session.bounded(change, LONG) : session.update(change))
                          .thenReturn(true))
              .next()
              .cache();
      mover.subscribe(value -> done.tryEmitValue(true), error -> done.tryEmitValue(false));
      Mono.delay(Duration.ofMillis(200)).block(BOUND);
      Mono<Long> waits =
          fixture
              .router(0)
              .on(S0)
              .inTransaction(
                  connection ->
                      Flux.from(connection.createStatement(behind).execute())
                          .concatMap(result -> result.map((row, metadata) -> 1L))
                          .count())
              .single()
              .cache();
      waits.subscribe();
      Boolean through =
          waits.map(rows -> true).timeout(Duration.ofSeconds(4), Mono.just(false)).block(BOUND);
      assertThat(through).isEqualTo(ends);
      open.end();
      waits.block(BOUND);
      done.asMono().block(BOUND);
      servers.close().block(BOUND);
    }
  }
}
