package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.r2dbc.SteadyLoad.Reads;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Faults at random under a steady load, for as long as is said: run by {@code mvn verify -pl
 * r2dbc-shards -am -Dsoak=10m -Dit.test=SoakIntegrationTests
 * -Dfailsafe.failIfNoSpecifiedTests=false}, with {@code -Dsoak.seed} of an earlier run to have the
 * same faults.
 */
@EnabledIfSystemProperty(named = "soak", matches = "[0-9]+[smh]")
@Tag("same-on-any-server")
class SoakIntegrationTests {

  private static final Duration TIMEOUT = Duration.ofSeconds(1);
  private static final int READS = 50;
  private static final int CANCELLING = 6;
  private static final String FLOOD = "SELECT a.id FROM users a JOIN users b JOIN users c";
  private static final String SILENCE = "SELECT SLEEP(600)";
  private static final long MEGABYTE = 1 << 20;

  /** The difference of heaps without a leak: caches, classes and a collector's mood. */
  private static final long HEAP_SLACK = 24 * MEGABYTE;

  private final long seed = Long.getLong("soak.seed", System.nanoTime());
  private final Random random = new Random(seed);
  private final TestServers servers = TestServers.shared();
  private final List<Shard> shards = TestShards.fresh(servers);
  private final List<Relay> relays = shards.stream().map(Relay::to).toList();
  private final ShardRouter router =
      TestShards.router(
              IntStream.range(0, shards.size())
                  .mapToObj(i -> relays.get(i).instead(shards.get(i)))
                  .toList())
          .pool(PoolOptions.builder().connectTimeout(TIMEOUT).build())
          .timeouts(Timeouts.of(TIMEOUT))
          .build();
  private final LongAdder cancelled = new LongAdder();

  private enum Fault {
    STOPPED,
    KILLED,
    DROPPED,
    NEW_DROPPED,
    DELAYED,
    RESET,
    HALF_CLOSED,
    REFUSED
  }

  /** The resources that a process holds. */
  private record Holding(long heap, Map<String, Long> threads) {

    static Holding now() {
      for (int i = 0; i < 5; i++) {
        System.gc();
      }
      return new Holding(
          ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(), threadsByKind());
    }

    /** Without their numbers. */
    private static Map<String, Long> threadsByKind() {
      ThreadInfo[] all = ManagementFactory.getThreadMXBean().dumpAllThreads(false, false, 0);
      return Arrays.stream(all)
          .map(thread -> thread.getThreadName().replaceAll("[0-9]+", "#"))
          // They come with demand and go a minute after it; a reaper is of a server's process.
          .filter(name -> !name.startsWith("boundedElastic") && !name.startsWith("process reaper"))
          .collect(Collectors.groupingBy(name -> name, TreeMap::new, Collectors.counting()));
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "%.1f MB of heap, %d threads",
          (double) heap / MEGABYTE,
          threads.values().stream().mapToLong(Long::longValue).sum());
    }
  }

  @AfterEach
  void restore() {
    servers.restore();
    relays.forEach(Relay::pass);
    router.close().block(BOUND);
    relays.forEach(Relay::close);
  }

  @Test
  void leavesNothingBehind() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    System.out.println("Soak, -Dsoak.seed=" + seed);
    TestShards.load(router);
    Map<Fault, Integer> faults = new TreeMap<>();
    try (SteadyLoad load = SteadyLoad.on(router)) {
      Sinks.Empty<Void> over = Sinks.empty();
      Mono<Void> cancelling = cancelling(over).cache();
      cancelling.subscribe(end -> {}, error -> {});
      // Each kind once: what is made on first use is there then.
      for (Fault fault : Fault.values()) {
        pass(fault, load);
      }
      load.takeReads();
      Holding before = Holding.now();

      long end = System.nanoTime() + time().toNanos();
      long reads = 0;
      Map<String, Long> errors = new TreeMap<>();
      while (System.nanoTime() - end < 0) {
        Fault fault = Fault.values()[random.nextInt(Fault.values().length)];
        faults.merge(fault, 1, Integer::sum);
        pass(fault, load);
        Reads taken = load.takeReads();
        reads += taken.count();
        taken.errors().forEach((error, count) -> errors.merge(error, count, Long::sum));
      }
      over.tryEmitEmpty();
      cancelling.block(BOUND);
      load.finish();
      load.takeReads();
      ServerSide.awaitOnlyIdle(router, shards);
      Holding after = Holding.now();

      System.out.printf(
          "Soaked for %s: %s; %d reads, %d cancels%n  before: %s%n  after:  %s%n",
          time(), faults, reads, cancelled.sum(), before, after);
      errors.forEach((error, count) -> System.out.println("  " + count + " x " + error));
      assertThat(after.threads()).isEqualTo(before.threads());
      assertThat(after.heap()).isLessThan(before.heap() + HEAP_SLACK);
    }
    router.close().block(BOUND);
    ServerSide.awaitNone(shards);
  }

  private static Duration time() {
    return Duration.parse("PT" + System.getProperty("soak").toUpperCase(Locale.ROOT));
  }

  /** Lets a fault come and go, and waits until every shard is read again. */
  private void pass(Fault fault, SteadyLoad load) {
    int victim = random.nextInt(shards.size());
    long begun = System.nanoTime();
    Runnable undo = begin(fault, servers.servers().get(victim), relays.get(victim));
    load.awaitReads(List.of(IDS.get(victim)), begun, 1 + random.nextInt(READS));
    undo.run();
    long undone = System.nanoTime();
    for (ShardId shard : IDS) {
      load.awaitSuccesses(shard, undone, READS);
    }
  }

  private Runnable begin(Fault fault, DatabaseServer server, Relay relay) {
    switch (fault) {
      case STOPPED -> {
        servers.pause(server);
        return () -> servers.resume(server);
      }
      case KILLED -> {
        servers.kill(server);
        return () -> servers.restart(server);
      }
      case DROPPED -> relay.drop();
      case NEW_DROPPED -> relay.dropNew();
      case DELAYED -> relay.delay(TIMEOUT.multipliedBy(3));
      case RESET -> relay.reset();
      case HALF_CLOSED -> relay.halfClose();
      case REFUSED -> relay.refuse();
    }
    return relay::pass;
  }

  /** Long statements, each given up at a moment of its own. */
  private Mono<Void> cancelling(Sinks.Empty<Void> over) {
    return Flux.range(0, CANCELLING)
        .flatMap(
            i ->
                Mono.defer(
                        () ->
                            router
                                .on(IDS.get(i % IDS.size()))
                                .sql(i < IDS.size() ? FLOOD : SILENCE)
                                .map((row, metadata) -> 1)
                                .all()
                                .take(
                                    Duration.ofMillis(ThreadLocalRandom.current().nextInt(1, 200)))
                                .doOnTerminate(cancelled::increment)
                                .onErrorComplete()
                                .then(Mono.delay(Duration.ofMillis(20)))
                                .then())
                    .repeat())
        .takeUntilOther(over.asMono())
        .then();
  }
}
