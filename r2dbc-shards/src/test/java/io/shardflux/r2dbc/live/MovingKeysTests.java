package io.shardflux.r2dbc.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.scheduler.VirtualTimeScheduler;

/** The waiting for a switch, without servers and by a clock of the tests. */
class MovingKeysTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final int AT_ONCE = 4;

  private final VirtualTimeScheduler clock = VirtualTimeScheduler.getOrSet();
  private final List<Shard> shards = List.of(shard("a"), shard("b"));
  private final LiveShards live =
      new LiveShards(
          topology(1, Phase.SWITCHING),
          shards,
          RouterOptions.defaults().with(PoolOptions.builder().maxSize(AT_ONCE).minIdle(0).build()),
          null);

  @AfterEach
  void resetClock() {
    VirtualTimeScheduler.reset();
  }

  private static Shard shard(String name) {
    return Shard.of(name, "r2dbc:mysql://app@127.0.0.1:1/" + name);
  }

  private static Topology topology(long epoch, Phase phase) {
    return Topology.builder()
        .epoch(epoch)
        .shard(A)
        .shard(B)
        .strategy(
            "s",
            TransitionStrategy.of(
                ShardingStrategy.fixed(A),
                ShardingStrategy.fixed(B),
                List.of(new Step(A, B, phase))))
        .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "s"))
        .build();
  }

  private void inForce(long epoch, Phase phase) {
    var unused = live.swap(topology(epoch, phase), shards).toFuture();
    clock.advanceTime();
    assertThat(live.topology().epoch()).isEqualTo(epoch);
  }

  /** A write that gives the shard on which it was done, once it is let go on. */
  private Flux<ShardId> write(Duration acquire, Mono<Void> connected, AtomicInteger done) {
    return live.onKey(
        "users",
        ShardKey.of(1),
        new KeyedWork<>() {
          @Override
          public Timeouts timeouts() {
            return Timeouts.defaults().withAcquire(acquire);
          }

          @Override
          public boolean writes() {
            return true;
          }

          @Override
          public boolean repeats(boolean given) {
            return true;
          }

          @Override
          public Flux<ShardId> on(ShardServers servers, List<ShardKey> keys, @Nullable Look look) {
            return connected.thenMany(
                Flux.defer(
                    () -> {
                      done.incrementAndGet();
                      return look == null || look.mayGo()
                          ? Flux.just(servers.id())
                          : Flux.error(new IllegalStateException("not to be sent"));
                    }));
          }
        });
  }

  private Flux<ShardId> write() {
    return write(Duration.ofSeconds(5), Mono.empty(), new AtomicInteger());
  }

  @Test
  void aWriteWaitsTwoSecondsForTheSwitch() {
    StepVerifier.create(write())
        .then(() -> clock.advanceTimeBy(Duration.ofMillis(1_999)))
        .then(() -> inForce(2, Phase.SWITCHED))
        .expectNext(B)
        .expectComplete()
        .verify(BOUND);
    assertThat(live.parking().waiting()).isZero();
  }

  @Test
  void aWriteWaitsNoLonger() {
    StepVerifier.create(write())
        .then(() -> clock.advanceTimeBy(Duration.ofMillis(1_500)))
        // Another topology that does not switch it gives it no time more.
        .then(() -> inForce(2, Phase.SWITCHING))
        .then(() -> clock.advanceTimeBy(Duration.ofMillis(499)))
        .expectNoEvent(Duration.ofNanos(1))
        .then(() -> clock.advanceTimeBy(Duration.ofMillis(1)))
        .expectErrorSatisfies(error -> assertLate(error, "2000 ms"))
        .verify(BOUND);
    assertThat(live.parking().waiting()).isZero();
  }

  @Test
  void aWriteWaitsNoLongerThanForAConnection() {
    StepVerifier.create(write(Duration.ofMillis(300), Mono.empty(), new AtomicInteger()))
        .then(() -> clock.advanceTimeBy(Duration.ofMillis(300)))
        .expectErrorSatisfies(error -> assertLate(error, "300 ms"))
        .verify(BOUND);
  }

  private static void assertLate(Throwable error, String time) {
    assertThat(error)
        .isInstanceOf(ShardUnavailableException.class)
        .hasMessageStartingWith("a: users: its keys move to b, and have not been switched")
        .hasMessageContaining(time);
  }

  @Test
  void oneMoreThanMayWaitIsRefusedAndACancelMakesRoom() {
    List<Disposable> waiting = new ArrayList<>();
    for (int i = 0; i < Parking.MOST; i++) {
      waiting.add(write().subscribe());
    }
    assertThat(live.parking().waiting()).isEqualTo(Parking.MOST);
    StepVerifier.create(write())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOfSatisfying(
                        ShardUnavailableException.class,
                        refused -> assertThat(refused.overloaded()).isTrue())
                    .hasMessageContaining("10000 statements wait for that"))
        .verify(BOUND);
    waiting.forEach(Disposable::dispose);
    assertThat(live.parking().waiting()).isZero();
    StepVerifier.create(write())
        .then(() -> inForce(2, Phase.SWITCHED))
        .expectNext(B)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void whatWaitedGoesOnAFewAtOnce() {
    Sinks.Empty<Void> connected = Sinks.empty();
    AtomicInteger begun = new AtomicInteger();
    AtomicInteger done = new AtomicInteger();
    Mono<Void> connection = connected.asMono().doOnSubscribe(on -> begun.incrementAndGet());
    List<Disposable> all = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      all.add(write(Duration.ofSeconds(5), connection, done).subscribe());
    }
    assertThat(begun).hasValue(0);
    inForce(2, Phase.SWITCHED);
    clock.advanceTime();
    assertThat(begun).hasValue(AT_ONCE);
    // Those that are given up while they are on their way make room.
    all.get(0).dispose();
    clock.advanceTime();
    assertThat(begun).hasValue(AT_ONCE + 1);
    connected.tryEmitEmpty();
    clock.advanceTime();
    assertThat(done).hasValue(999);
    assertThat(live.parking().waiting()).isZero();
    assertThat(Schedulers.parallel().isDisposed()).isFalse();
  }
}
