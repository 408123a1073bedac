package io.shardflux.r2dbc;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.shardflux.r2dbc.atomic.TransactionCounts;
import io.shardflux.r2dbc.observe.ErrorCounts;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.shard.ShardServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * A router's meters: connections, statements under way, statuses, lags, kills, errors, retries,
 * hedges, batches and imbalance. The meters of a shard come and go with it.
 *
 * <p>Reading them asks no server and waits for nothing. Bind each registry only once.
 */
public final class ShardMeters implements MeterBinder {

  private final ShardRouter router;

  /**
   * The meters of a router, which it must outlive; a stub of a test has none.
   *
   * @param router the router to measure
   */
  public ShardMeters(ShardRouter router) {
    this.router = router;
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    if (router instanceof DefaultShardRouter made) {
      Gauge.builder("shardflux.imbalance", made, it -> imbalance(it.operations().statisticsNow()))
          .description("Largest load of a shard over the mean load; 1 is even, 0 without any load")
          .register(registry);
      transactions(registry, made.transactions().counts());
      made.shards().watch(new Bound(registry)::update);
    }
  }

  private static double imbalance(Collection<ShardStatistics> shards) {
    return ShardStatistics.imbalance(shards).load();
  }

  private static void transactions(MeterRegistry registry, TransactionCounts counts) {
    Gauge.builder("shardflux.transactions.in.doubt", counts, TransactionCounts::inDoubt)
        .description("Transactions over shards with a prepared part at the last look")
        .register(registry);
    TimeGauge.builder(
            "shardflux.transactions.in.doubt.age",
            counts,
            TimeUnit.MILLISECONDS,
            all -> all.oldest().toMillis())
        .description("Time for which the oldest of them was seen")
        .register(registry);
    FunctionCounter.builder("shardflux.transactions", counts, TransactionCounts::inPart)
        .description("Commits of several shards together")
        .tags("outcome", "in-part")
        .register(registry);
    FunctionCounter.builder("shardflux.transactions", counts, TransactionCounts::committed)
        .description("Commits of several shards together")
        .tags("outcome", "committed")
        .register(registry);
    FunctionCounter.builder("shardflux.transactions", counts, TransactionCounts::rolledBack)
        .description("Commits of several shards together")
        .tags("outcome", "rolled-back")
        .register(registry);
    FunctionCounter.builder(
            "shardflux.transactions.parts.recovered", counts, TransactionCounts::recovered)
        .description("Parts of abandoned transactions that this router ended")
        .register(registry);
  }

  /** The meters in one registry. Its updates come one after the other. */
  private static final class Bound {

    private final MeterRegistry registry;
    private final Map<ShardServers, List<Meter>> meters = new HashMap<>();

    Bound(MeterRegistry registry) {
      this.registry = registry;
    }

    void update(Collection<ShardServers> shards) {
      Set<ShardServers> gone = Set.copyOf(meters.keySet());
      for (ShardServers shard : gone) {
        if (!shards.contains(shard)) {
          meters.getOrDefault(shard, List.of()).forEach(registry::remove);
          meters.remove(shard);
        }
      }
      shards.forEach(shard -> meters.computeIfAbsent(shard, it -> new OfShard(registry, it).all()));
    }
  }

  /** Registers the meters of a shard. */
  private static final class OfShard {

    private final MeterRegistry registry;
    private final ShardServers shard;
    private final Tags ofShard;
    private final List<Meter> meters = new ArrayList<>();

    OfShard(MeterRegistry registry, ShardServers shard) {
      this.registry = registry;
      this.shard = shard;
      this.ofShard = Tags.of("shard", shard.id().value());
    }

    List<Meter> all() {
      for (ShardStatistics.Status status : ShardStatistics.Status.values()) {
        gauge(
            "shardflux.status",
            "1 for the status that a shard has, 0 for the others",
            ofShard.and("status", status.name().toLowerCase(Locale.ROOT)),
            shard,
            it -> it.status() == status ? 1 : 0);
      }
      counter("shardflux.retries", "Reads tried again", ofShard, shard, ShardServers::retries);
      counter(
          "shardflux.hedges",
          "Second goes of reads sent behind the usual time",
          ofShard,
          shard,
          ShardServers::hedges);
      counter(
          "shardflux.batches", "Batches of coalesced reads", ofShard, shard, ShardServers::batches);
      counter(
          "shardflux.batch.keys", "Keys of these batches", ofShard, shard, ShardServers::batchKeys);
      shard.servers().forEach(this::addServer);
      return meters;
    }

    private void addServer(ServerPool server) {
      Tags tags =
          ofShard.and("server", server.server().address()).and("role", server.server().role());
      connections(server, tags, "acquired", ShardStatistics.Pool::acquired);
      connections(server, tags, "idle", ShardStatistics.Pool::idle);
      connections(server, tags, "pending", ShardStatistics.Pool::pending);
      connections(server, tags, "max", ShardStatistics.Pool::maxSize);
      gauge(
          "shardflux.in.flight",
          "Statements and lent connections under way",
          tags,
          server,
          ServerPool::inFlight);
      counter("shardflux.kills", "Statements ended on the server", tags, server, ServerPool::kills);
      for (ErrorCounts.Kind kind : ErrorCounts.Kind.values()) {
        counter(
            "shardflux.errors",
            "Failed statements",
            tags.and("kind", kind.label()),
            server,
            it -> it.errors().count(kind));
      }
      if (!server.server().primary()) {
        meters.add(
            TimeGauge.builder(
                    "shardflux.replica.lag", server, TimeUnit.SECONDS, it -> seconds(shard.lag(it)))
                .description("How far a replica is behind; NaN where that is not known")
                .tags(tags)
                .register(registry));
      }
    }

    private void connections(
        ServerPool server, Tags tags, String state, ToIntFunction<ShardStatistics.Pool> count) {
      gauge(
          "shardflux.connections",
          "Connections in use, open and free, waited for, and at most",
          tags.and("state", state),
          server,
          it -> count.applyAsInt(it.connectionCounts()));
    }

    private <T> void gauge(
        String name, String description, Tags tags, T of, ToDoubleFunction<T> value) {
      meters.add(
          Gauge.builder(name, of, value).description(description).tags(tags).register(registry));
    }

    private <T> void counter(
        String name, String description, Tags tags, T of, ToDoubleFunction<T> value) {
      meters.add(
          FunctionCounter.builder(name, of, value)
              .description(description)
              .tags(tags)
              .register(registry));
    }

    private static double seconds(@Nullable Duration lag) {
      return lag == null ? Double.NaN : lag.toNanos() / 1e9;
    }
  }
}
