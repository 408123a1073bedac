package io.shardflux.r2dbc;

import io.micrometer.observation.ObservationRegistry;
import io.shardflux.r2dbc.config.RouterDefinition;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.HotKeys;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.observe.ShardObservation;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Collects the parts of a {@link ShardRouter}. Not thread-safe. */
public final class ShardRouterBuilder {

  private final Topology.Builder topology = Topology.builder();
  private final List<Shard> shards = new ArrayList<>();
  private final List<TableDirectory> directories = new ArrayList<>();
  private RouterOptions options = RouterOptions.defaults();
  private boolean hotKeys;
  private RowCountOptions rowCounts = RowCountOptions.defaults();
  private ScatterReads scatterReads = ScatterReads.ALLOWED;

  ShardRouterBuilder() {}

  /** Adds a shard; a second one of that name is refused by an {@link IllegalArgumentException}. */
  public ShardRouterBuilder shard(Shard shard) {
    topology.shard(shard.id());
    shards.add(shard);
    return this;
  }

  /**
   * Adds a strategy; a second one of that name is refused by an {@link IllegalArgumentException}.
   */
  public ShardRouterBuilder strategy(String name, ShardingStrategy strategy) {
    topology.strategy(name, strategy);
    return this;
  }

  /**
   * Adds a table's rule; a second one for that table is refused by an {@link
   * IllegalArgumentException}.
   */
  public ShardRouterBuilder table(TableRule rule) {
    topology.table(rule);
    return this;
  }

  /**
   * The bounds of every pool that has none of its own; {@link PoolOptions#defaults()} if it is not
   * said.
   */
  public ShardRouterBuilder pool(PoolOptions bounds) {
    options = options.with(bounds);
    return this;
  }

  /**
   * The times every statement is held to that names none; {@link Timeouts#defaults()} if it is not
   * said.
   */
  public ShardRouterBuilder timeouts(Timeouts timeouts) {
    options = options.with(timeouts);
    return this;
  }

  /** When a server counts as down; {@link BreakerOptions#defaults()} if it is not said. */
  public ShardRouterBuilder breaker(BreakerOptions breaker) {
    options = options.with(breaker);
    return this;
  }

  /** What is done for reads; {@link ReadOptions#defaults()} if it is not said. */
  public ShardRouterBuilder reads(ReadOptions reads) {
    options = options.with(reads);
    return this;
  }

  /**
   * Logs, as a warning of the logger {@code io.shardflux.slow}, each statement for which its
   * consumer had to wait that long or longer: shard, server, time, rows, outcome, and the text with
   * its markers, as key-value pairs. None is logged if this is not said.
   *
   * @throws IllegalArgumentException if the time is below 1 ms
   */
  public ShardRouterBuilder slowStatement(Duration time) {
    options = options.withSlowStatement(time);
    return this;
  }

  /**
   * Where each go at a server is observed, as {@link ShardObservation} says. Nothing is, and
   * statements run as if there were no such thing, if this is not said or the registry has no
   * handler. Handlers run on event loops, so they must not block.
   */
  public ShardRouterBuilder observations(ObservationRegistry registry) {
    options = options.with(registry);
    return this;
  }

  /**
   * Whether it is counted by which keys tables are asked for, in some 3 MB a table at most; see
   * {@link ShardOperations#hotKeys}. Off if it is not said.
   */
  public ShardRouterBuilder hotKeys(boolean counted) {
    hotKeys = counted;
    return this;
  }

  /** How tables' rows are counted; {@link RowCountOptions#defaults()} if it is not said. */
  public ShardRouterBuilder rowCounts(RowCountOptions counts) {
    rowCounts = counts;
    return this;
  }

  /** For SQL planned over all shards; {@link ScatterReads#ALLOWED} if it is not said. */
  public ShardRouterBuilder scatterReads(ScatterReads scatter) {
    scatterReads = scatter;
    return this;
  }

  /**
   * All that a definition says, in place of what was said before; the router closes its
   * directories.
   */
  ShardRouterBuilder with(RouterDefinition definition) {
    options = definition.options();
    hotKeys = definition.hotKeys();
    rowCounts = definition.rowCounts();
    scatterReads = definition.scatterReads();
    definition.shards().forEach(this::shard);
    definition.tables().forEach(this::table);
    definition.strategies().forEach(this::strategy);
    directories.addAll(definition.directories());
    return this;
  }

  /**
   * The router; connects to nothing.
   *
   * @throws IllegalArgumentException if there is no shard, a rule names an unknown shard or
   *     strategy, two servers of shards have one host, port and database, or no R2DBC driver takes
   *     a shard's options
   */
  public ShardRouter build() {
    LiveShards live =
        new LiveShards(
            topology.build(), shards, options, hotKeys ? new HotKeys(System::nanoTime) : null);
    return new DefaultShardRouter(live, directories, scatterReads, rowCounts);
  }
}
