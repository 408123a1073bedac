package io.shardflux.reshard.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.JobLostException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** A former owner that stands still right before a change of a definition does not change it. */
class OwnersTurnIntegrationTests {

  private static final Duration BOUND = Duration.ofMinutes(1);
  private static final ShardId ONE = ShardId.of("one");
  private static final Owned FORMER = new Owned(1, 1);
  private static final Owned NEXT = new Owned(1, 2);
  private static final String TRIGGER =
      "CREATE TRIGGER late AFTER INSERT ON users FOR EACH ROW BEGIN END";

  /** Its control: the look at the token alone lets the former owner make the trigger. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aFormerOwnerThatStoodStillMakesNoTrigger(boolean turns) {
    Database database = TestServers.shared().freshDatabases("turns").get(0);
    Servers servers = new Servers(List.of(Shard.of("one", database.r2dbcUrl())), 4);
    Sinks.Empty<Void> awake = Sinks.empty();
    Sinks.Empty<Void> still = Sinks.empty();
    AtomicReference<Throwable> failed = new AtomicReference<>();
    Mono<Void> former =
        servers
            .on(ONE, session -> made(session, turns, still, awake).thenReturn(true))
            .then()
            .doOnError(failed::set)
            .onErrorComplete()
            .cache();
    former.subscribe();
    still.asMono().block(BOUND);
    long triggers =
        servers
            .on(
                ONE,
                session ->
                    Capture.prepare(session, NEXT)
                        .then(Mono.fromRunnable(awake::tryEmitEmpty))
                        .then(former)
                        .then(
                            session.number(
                                "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE"
                                    + " TRIGGER_SCHEMA = DATABASE()")))
            .single()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(triggers).isEqualTo(turns ? 0 : 1);
    assertThat(failed.get() != null).isEqualTo(turns);
    servers.close().block(BOUND);
  }

  private static Mono<Void> made(
      Session session, boolean turns, Sinks.Empty<Void> still, Sinks.Empty<Void> awake) {
    Mono<Void> change =
        Mono.fromRunnable(still::tryEmitEmpty)
            .then(awake.asMono())
            .then(Mono.defer(() -> session.update(TRIGGER)))
            .then();
    return session
        .update("CREATE TABLE users (id BIGINT PRIMARY KEY)")
        .then(Capture.prepare(session, FORMER))
        .then(
            turns
                ? OwnersTurn.of(session, FORMER, change)
                : Capture.check(session, FORMER).then(change));
  }

  /** The token was raised by the first of them, which waits still. */
  @Test
  void noSessionOfAnOwnerPassesBeforeAFormerOnesTurnHasEnded() {
    Database database = TestServers.shared().freshDatabases("turns").get(0);
    Servers servers = new Servers(List.of(Shard.of("one", database.r2dbcUrl())), 4);
    Sinks.Empty<Void> still = Sinks.empty();
    Sinks.Empty<Void> awake = Sinks.empty();
    AtomicLong holder = new AtomicLong();
    Mono<Void> former =
        servers
            .on(
                ONE,
                session -> {
                  holder.set(session.place().id());
                  return made(session, true, still, awake).thenReturn(true);
                })
            .then()
            .onErrorComplete()
            .cache();
    former.subscribe();
    still.asMono().block(BOUND);
    Mono<Long> turn =
        servers
            .on(
                ONE,
                session ->
                    Capture.prepare(session, NEXT)
                        .then(
                            session.number(
                                "SELECT COALESCE(IS_USED_LOCK(CONCAT('shardflux 1 ',"
                                    + " CRC32(DATABASE()))), 0)")))
            .single();
    // The second comes while the first waits, for three seconds.
    assertThat(Mono.zip(turn, Mono.delay(Duration.ofMillis(500)).then(turn)).blockOptional(BOUND))
        .get()
        .satisfies(both -> assertThat(both.toList()).doesNotContain(holder.get()));
    awake.tryEmitEmpty().orThrow();
    former.block(BOUND);
    servers.close().block(BOUND);
  }

  /** One that wakes later is refused, and a turn ends with its work. */
  @Test
  void aFormerOwnerHasNoTurnLater() {
    Database database = TestServers.shared().freshDatabases("turns").get(0);
    Servers servers = new Servers(List.of(Shard.of("one", database.r2dbcUrl())), 4);
    servers
        .on(
            ONE,
            former ->
                Capture.prepare(former, FORMER)
                    .then(OwnersTurn.of(former, FORMER, former.number("SELECT 1")))
                    .then(
                        servers
                            .on(
                                ONE,
                                next ->
                                    Capture.prepare(next, NEXT)
                                        .then(OwnersTurn.of(next, NEXT, next.number("SELECT 1"))))
                            .then())
                    .then(OwnersTurn.of(former, FORMER, former.number("SELECT 1")))
                    .map(done -> "done")
                    .onErrorResume(JobLostException.class, lost -> Mono.just("lost")))
        .doOnNext(end -> assertThat(end).isEqualTo("lost"))
        .blockLast(BOUND);
    servers.close().block(BOUND);
  }
}
