package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardingStrategy;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** How long writes wait while keys move. */
@Isolated
@EnabledIfSystemProperty(named = "moves.held", matches = "[0-9]+")
class WaitsIntegrationTests {

  private static final int WRITERS = 32;

  /** Each writer has so many of its own, and the first one is none's. */
  private static final int USERS_EACH = 5;

  /** A switch takes some tens of milliseconds on a machine at rest. */
  private static final Duration LONG = Duration.ofSeconds(1);

  /** On a busy machine some writes take long by themselves. */
  private static final int TIMES_USUAL = 10;

  /** The time for which a transaction is open; 60 s by hand. */
  private static final Duration HELD = Duration.ofSeconds(Long.getLong("moves.held", 5));

  /** The writes of two routers, with how long each took. */
  private static final class Timed {

    private final Queue<Long> before = new ConcurrentLinkedQueue<>();
    private final Queue<Long> meanwhile = new ConcurrentLinkedQueue<>();
    private final Queue<String> refused = new ConcurrentLinkedQueue<>();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicBoolean moving = new AtomicBoolean();
    private final AtomicBoolean over = new AtomicBoolean();
    private final Mono<Void> all;

    Timed(MoveFixture fixture) {
      all =
          Flux.range(0, WRITERS)
              .flatMap(
                  writer ->
                      Mono.defer(() -> write(fixture.router(writer % 2), writer))
                          .then(Mono.delay(Duration.ofMillis(5)))
                          .repeat(() -> !over.get())
                          .then(),
                  WRITERS)
              .then()
              .cache();
      all.subscribe();
    }

    private Mono<Void> write(ShardRouter router, int writer) {
      int user = begun.getAndIncrement() % USERS_EACH;
      return MoveFixture.update(router, 2L + writer + (long) WRITERS * user)
          .timed()
          .doOnNext(
              write -> {
                (moving.get() ? meanwhile : before).add(write.elapsed().toMillis());
                if (write.get() != 1) {
                  refused.add(write.get() + " rows");
                }
              })
          .onErrorResume(
              error -> {
                refused.add(error.toString());
                return Mono.empty();
              })
          .then();
    }

    /** Writes for a while, and then while keys move. */
    void whileMoving(Runnable move) {
      Mono.fromSupplier(begun::get)
          .filter(writes -> writes > 11 * WRITERS)
          .repeatWhenEmpty(Integer.MAX_VALUE, looks -> looks.delayElements(Duration.ofMillis(20)))
          .block(BOUND);
      moving.set(true);
      move.run();
      over.set(true);
      all.block(BOUND);
      System.out.println(
          "writes took " + shown(before) + " ms before, " + shown(meanwhile) + " ms in the move");
      assertThat(refused).isEmpty();
      assertThat(meanwhile).hasSizeGreaterThan(WRITERS);
      long bound = Math.max(LONG.toMillis(), TIMES_USUAL * nearLongest(before));
      assertThat(meanwhile.stream().filter(time -> time > bound)).as("above %d", bound).isEmpty();
    }

    private static long nearLongest(Queue<Long> times) {
      return times.stream().sorted().toList().get(times.size() * 99 / 100);
    }

    private static String shown(Queue<Long> times) {
      List<Long> sorted = times.stream().sorted().toList();
      return "(%d) p50 %d, p99 %d, at most %d"
          .formatted(
              sorted.size(),
              sorted.get(sorted.size() / 2),
              nearLongest(times),
              sorted.get(sorted.size() - 1));
    }
  }

  private static MoveFixture fixture() {
    MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}");
    fixture.load(1 + WRITERS * USERS_EACH);
    fixture.addThird();
    fixture.router();
    return fixture;
  }

  @Test
  void noWriteWaitsForLong() {
    try (MoveFixture fixture = fixture()) {
      ShardMoves moves = fixture.moves(0, MoveJob.Guards.ALL);
      new Timed(fixture)
          .whileMoving(() -> fixture.run(moves, ShardingStrategy.hash(List.of(S0, S1, S2))));
    }
  }

  /** The switch waits for it, and names it. */
  @Test
  void norBehindATransactionThatIsOpenForLong() {
    try (MoveFixture fixture = fixture()) {
      Sinks.One<Long> holding = Sinks.one();
      Mono<Void> held =
          fixture
              .router(0)
              .on(S0)
              .inTransaction(
                  connection ->
                      holder(connection).doOnNext(holding::tryEmitValue).delayElement(HELD))
              .then()
              .cache();
      ShardMoves moves =
          fixture.moves(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (!what.equals("switching")) {
                    return Mono.empty();
                  }
                  held.subscribe();
                  return holding.asMono().then();
                }
              });
      new Timed(fixture)
          .whileMoving(
              () -> {
                long job = fixture.startedBriefly(moves, ShardingStrategy.fixed(S1));
                MoveProgress.Wait waiting =
                    Objects.requireNonNull(
                            moves
                                .progress(job)
                                .filter(now -> now.report().waiting() != null)
                                .blockFirst(BOUND))
                        .report()
                        .waiting();
                assertThat(waiting).isNotNull();
                assertThat(waiting.on()).isEqualTo("open transactions on shard_0");
                assertThat(waiting.holders())
                    .extracting(MoveProgress.Holder::connection)
                    .contains(holding.asMono().block(BOUND));
                assertThat(moves.progress(job).blockLast(BOUND))
                    .extracting(MoveProgress::error)
                    .isNull();
              });
      held.block(BOUND);
      assertThat(fixture.rows().get(1L)).singleElement().asString().contains("shard_1", "|9");
    }
  }

  /** Changes a row that no writer does; gives the connection's id. */
  private static Mono<Long> holder(Connection connection) {
    return Flux.from(
            connection.createStatement("UPDATE users SET version = 9 WHERE id = 1").execute())
        .concatMap(result -> result.getRowsUpdated())
        .thenMany(connection.createStatement("SELECT CONNECTION_ID()").execute())
        .concatMap(
            result -> result.map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class))))
        .single();
  }
}
