package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.r2dbc.SteadyLoad.Read;
import io.shardflux.r2dbc.SteadyLoad.Reads;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** One of three shards fails under a steady load, in each way that a server or a network has. */
@Tag("same-on-any-server")
class OneShardOutIntegrationTests {

  private static final ShardId VICTIM = IDS.get(2);
  private static final List<ShardId> OTHERS = IDS.subList(0, 2);
  private static final Duration TIMEOUT = Duration.ofSeconds(1);

  /** The time that a busy machine may add to a bound. */
  private static final Duration SLACK = Duration.ofSeconds(1);

  private static final Duration AT_ONCE = Duration.ofMillis(5);
  private static final Duration RECOVERY = Duration.ofSeconds(3);

  /** A 99th percentile below that says more about the machine than about the shards. */
  private static final Duration NOISE = Duration.ofMillis(50);

  private static final int READS = 200;

  /** A hundred million rows. */
  private static final String FLOOD =
      "SELECT a.id FROM users a JOIN users b JOIN users c JOIN users d";

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer server = servers.servers().get(2);
  private final List<Shard> shards = TestShards.fresh(servers);
  private final Relay relay = Relay.to(shards.get(2));
  private Runnable undo = () -> {};

  private enum Fault {
    STOPPED,
    KILLED,
    CROWDED,
    DROPPED,
    DELAYED,
    RESET,
    HALF_CLOSED;

    /** True if the victim is reached over the relay. */
    boolean relayed() {
      return compareTo(DROPPED) >= 0;
    }

    /** A server that has no room for new connections still serves those that it has. */
    boolean opensBreaker() {
      return this != CROWDED;
    }

    /** True if the server answers again only when the undoing has ended. */
    boolean lastsUntilUndone() {
      return this == KILLED || this == CROWDED;
    }
  }

  @AfterEach
  void restore() {
    undone();
    servers.restore();
    relay.close();
  }

  @ParameterizedTest
  @EnumSource
  void costsItsOwnReadsAlone(Fault fault) {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    ShardRouter router =
        TestShards.router(
                fault.relayed()
                    ? List.of(shards.get(0), shards.get(1), relay.instead(shards.get(2)))
                    : shards)
            .pool(PoolOptions.builder().connectTimeout(TIMEOUT).build())
            .timeouts(Timeouts.of(TIMEOUT))
            .build();
    load();
    try (SteadyLoad load = SteadyLoad.on(router)) {
      load.awaitReads(IDS, System.nanoTime(), READS / 2);
      long begun = System.nanoTime();
      load.awaitReads(IDS, begun, READS);

      long broken = System.nanoTime();
      undo = begin(fault);
      long open = awaitOut(fault, router, load);
      load.awaitReads(OTHERS, broken, 2 * READS);
      load.awaitReads(List.of(VICTIM), open, READS);

      long undoing = System.nanoTime();
      undone();
      long healed = fault.lastsUntilUndone() ? System.nanoTime() : undoing;
      Read well = load.awaitSuccesses(VICTIM, healed, READS);

      Reads all = load.finish();
      Report report =
          new Report(
              fault,
              all.begunFrom(begun).endedBy(broken),
              all.begunFrom(broken).endedBy(undoing),
              all.of(VICTIM).begunFrom(open).endedBy(undoing),
              Duration.ofNanos(open - broken),
              Duration.ofNanos(well.begun() - healed));
      System.out.println(report);
      report.check();
      assertThat(all.ofOthersThan(VICTIM).errors()).isEmpty();
      assertThat(all.of(VICTIM).percentile(100)).isLessThan(TIMEOUT.plus(SLACK));
    }
    ServerSide.awaitOnlyIdle(router, shards);
    router.close().block(BOUND);
    ServerSide.awaitNone(shards);
  }

  /** A statement may be allowed less time than the opening of its connection is. */
  @Test
  void isOutAlsoWhereNobodyWaitsForItsConnections() {
    relay.drop();
    ShardRouter router =
        TestShards.router(List.of(shards.get(0), shards.get(1), relay.instead(shards.get(2))))
            .pool(PoolOptions.builder().connectTimeout(TIMEOUT).build())
            .timeouts(Timeouts.of(TIMEOUT))
            .build();
    StepVerifier.create(router.on(VICTIM).sql("DO 0").rowsUpdated())
        .expectError(ShardTimeoutException.class)
        .verify(BOUND);
    Await.until(
        VICTIM + " down",
        router.operations().statistics(),
        all -> all.get(2).status() == ShardStatistics.Status.DOWN);
    router.close().block(BOUND);
  }

  @Test
  void itsFloodHoldsUpNoReadOfTheOthers() {
    PoolOptions defaults = PoolOptions.defaults();
    ShardRouter router =
        TestShards.router(shards)
            .pool(PoolOptions.builder().streams(defaults.maxSize()).build())
            .timeouts(Timeouts.of(TIMEOUT))
            .build();
    load();
    try (SteadyLoad load = SteadyLoad.on(router)) {
      Disposable flood =
          Flux.range(0, defaults.maxSize())
              .flatMap(
                  i ->
                      router
                          .on(VICTIM)
                          .sql(FLOOD)
                          .timeouts(Timeouts.of(BOUND))
                          .map((row, metadata) -> 1)
                          .all())
              .subscribe();
      Await.until(
          "every connection flooded",
          ServerSide.statements(shards.get(2)),
          count -> count == defaults.maxSize());

      long flooded = System.nanoTime();
      load.awaitReads(OTHERS, flooded, READS);
      flood.dispose();
      Reads others = load.finish().ofOthersThan(VICTIM).begunFrom(flooded);
      System.out.println("FLOODED: others during: " + others);
      assertThat(others.errors()).isEmpty();
    }
    ServerSide.awaitOnlyIdle(router, shards);
    router.close().block(BOUND);
    ServerSide.awaitNone(shards);
  }

  /** By a router that has time, as the machine may be busy. */
  private void load() {
    ShardRouter patient = TestShards.router(shards).build();
    TestShards.load(patient);
    patient.close().block(BOUND);
  }

  /** Lets the victim fail, and gives the undoing. */
  private Runnable begin(Fault fault) {
    switch (fault) {
      case STOPPED -> {
        servers.pause(server);
        return () -> servers.resume(server);
      }
      case KILLED -> {
        servers.kill(server);
        return () -> servers.restart(server);
      }
      case CROWDED -> {
        return new ServerSide.Crowd(shards.get(2))::close;
      }
      case DROPPED -> relay.drop();
      case DELAYED -> relay.delay(TIMEOUT.multipliedBy(3));
      case RESET -> relay.reset();
      case HALF_CLOSED -> relay.halfClose();
    }
    return relay::pass;
  }

  /**
   * @param open the victim's reads once its breaker was open
   */
  private record Report(
      Fault fault, Reads before, Reads during, Reads open, Duration toOpen, Duration toRecover) {

    void check() {
      assertThat(others(during).percentile(99))
          .isLessThan(longer(others(before).percentile(99), NOISE).multipliedBy(3));
      assertThat(open.failed().count()).isEqualTo(open.count());
      assertThat(open.percentile(50)).isLessThan(fault.opensBreaker() ? AT_ONCE : TIMEOUT);
      assertThat(toRecover).isLessThan(RECOVERY);
    }

    private static Reads others(Reads reads) {
      return reads.ofOthersThan(VICTIM);
    }

    private static Duration longer(Duration one, Duration other) {
      return one.compareTo(other) > 0 ? one : other;
    }

    @Override
    public String toString() {
      return String.join(
          System.lineSeparator(),
          fault
              + ": open after "
              + toOpen.toMillis()
              + " ms, well after "
              + toRecover.toMillis()
              + " ms",
          "  others before: " + others(before),
          "  others during: " + others(during),
          "  victim during: " + during.of(VICTIM) + " " + during.of(VICTIM).errors(),
          "  victim open:   " + open);
    }
  }

  private void undone() {
    Runnable once = undo;
    undo = () -> {};
    once.run();
  }

  /** Waits until the victim is given up, and gives that moment. */
  private static long awaitOut(Fault fault, ShardRouter router, SteadyLoad load) {
    if (fault.opensBreaker()) {
      Await.until(
          VICTIM + " down",
          router.operations().statistics(),
          all -> all.get(2).status() == ShardStatistics.Status.DOWN);
    } else {
      load.awaitFailures(VICTIM, READS);
    }
    return System.nanoTime();
  }
}
