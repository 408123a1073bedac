package io.shardflux.r2dbc;

import io.micrometer.observation.ObservationRegistry;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.config.Accounts;
import io.shardflux.r2dbc.config.ControlOptions;
import io.shardflux.r2dbc.config.RouterDefinition;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.HotKeys;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.observe.ShardObservation;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.SharedTopology;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Collects the parts of a {@link ShardRouter}. Not thread-safe. */
public final class ShardRouterBuilder {

  private final Topology.Builder topology = Topology.builder();
  private final List<Shard> shards = new ArrayList<>();
  private final List<TableDirectory> directories = new ArrayList<>();
  private RouterOptions options = RouterOptions.defaults();
  private boolean hotKeys;
  private RowCountOptions rowCounts = RowCountOptions.defaults();
  private ScatterReads scatterReads = ScatterReads.ALLOWED;
  private GatherOptions gathers = GatherOptions.defaults();
  private CoalescingOptions coalescing = CoalescingOptions.defaults();
  private Accounts accounts = Accounts.NONE;
  private UnaryOperator<SharedTopology> view = UnaryOperator.identity();

  ShardRouterBuilder() {}

  /**
   * Adds a shard. A second one of that name is refused by an {@link IllegalArgumentException}.
   *
   * @param shard the shard to add; must not be there yet
   * @return this builder
   */
  public ShardRouterBuilder shard(Shard shard) {
    topology.shard(shard.id());
    shards.add(shard);
    return this;
  }

  /**
   * Adds a strategy. A second one of that name is refused by an {@link IllegalArgumentException}.
   *
   * @param name the name by which errors and settings speak of the strategy
   * @param strategy the strategy of one table or of many
   * @return this builder
   */
  public ShardRouterBuilder strategy(String name, ShardingStrategy strategy) {
    topology.strategy(name, strategy);
    return this;
  }

  /**
   * Adds a table's rule. A second one for that table is refused by an {@link
   * IllegalArgumentException}.
   *
   * @param rule the rule of a table that has none yet
   * @return this builder
   */
  public ShardRouterBuilder table(TableRule rule) {
    topology.table(rule);
    return this;
  }

  /**
   * Sets the bounds of every pool that has none of its own; the default is {@link
   * PoolOptions#defaults()}.
   *
   * @param bounds the bounds of each pool
   * @return this builder
   */
  public ShardRouterBuilder pool(PoolOptions bounds) {
    options = options.with(bounds);
    return this;
  }

  /**
   * Sets the times of every statement that has none of its own; the default is {@link
   * Timeouts#defaults()}.
   *
   * @param timeouts the times of each statement
   * @return this builder
   */
  public ShardRouterBuilder timeouts(Timeouts timeouts) {
    options = options.with(timeouts);
    return this;
  }

  /**
   * Sets when a server counts as down; the default is {@link BreakerOptions#defaults()}.
   *
   * @param breaker when a server is taken out, and when it is asked again
   * @return this builder
   */
  public ShardRouterBuilder breaker(BreakerOptions breaker) {
    options = options.with(breaker);
    return this;
  }

  /**
   * Sets the options of reads; the default is {@link ReadOptions#defaults()}.
   *
   * @param reads which servers read, and how often a read is tried
   * @return this builder
   */
  public ShardRouterBuilder reads(ReadOptions reads) {
    options = options.with(reads);
    return this;
  }

  /**
   * Sets which shards one transaction may write; the default is {@link
   * TransactionOptions#defaults()}. In mode {@code ATOMIC} the router connects to its shards by
   * itself, to look for transactions in doubt.
   *
   * @param transactions which shards are written, and how often a router looks
   * @return this builder
   */
  public ShardRouterBuilder transactions(TransactionOptions transactions) {
    options = options.with(transactions);
    return this;
  }

  /**
   * Logs each statement for which its consumer had to wait that long or longer, as a warning of the
   * logger {@code io.shardflux.slow}. The key-value pairs are shard, server, time, rows, outcome,
   * and the text with its markers. By default no statement is logged.
   *
   * @param time from 1 ms to 365 days
   * @return this builder
   * @throws IllegalArgumentException if the time is out of its bounds
   */
  public ShardRouterBuilder slowStatement(Duration time) {
    options = options.withSlowStatement(time);
    return this;
  }

  /**
   * Sets the registry in which each attempt at a server is observed, as {@link ShardObservation}
   * says. Without it, or if the registry has no handler, nothing is observed and statements run as
   * if there were no observations. Handlers run on event loops, so they must not block.
   *
   * @param registry gets an observation for each attempt at a server
   * @return this builder
   */
  public ShardRouterBuilder observations(ObservationRegistry registry) {
    options = options.with(registry);
    return this;
  }

  /**
   * Sets whether the keys by which tables are asked for are counted, in some 3 MB a table at most;
   * see {@link ShardOperations#hotKeys}. Off by default.
   *
   * @param counted whether keys are counted
   * @return this builder
   */
  public ShardRouterBuilder hotKeys(boolean counted) {
    hotKeys = counted;
    return this;
  }

  /**
   * Sets how tables' rows are counted; the default is {@link RowCountOptions#defaults()}.
   *
   * @param counts how rows are counted, and how old a count may be
   * @return this builder
   */
  public ShardRouterBuilder rowCounts(RowCountOptions counts) {
    rowCounts = counts;
    return this;
  }

  /**
   * Sets whether SQL that names no key may go to several shards; the default is {@link
   * ScatterReads#ALLOWED}.
   *
   * @param scatter whether such statements are allowed
   * @return this builder
   */
  public ShardRouterBuilder scatterReads(ScatterReads scatter) {
    scatterReads = scatter;
    return this;
  }

  /**
   * Sets whether and how SQL is answered that needs rows of several shards on one server; the
   * default is {@link GatherOptions#defaults()}.
   *
   * @param options whether such statements are allowed, and their bounds
   * @return this builder
   */
  public ShardRouterBuilder gathers(GatherOptions options) {
    gathers = options;
    return this;
  }

  /**
   * Sets how reads of single keys are joined where {@link ShardRouter#coalesced} is not told; the
   * default is {@link CoalescingOptions#defaults()}.
   *
   * @param options how many keys a batch has, and how many reads may gather
   * @return this builder
   */
  public ShardRouterBuilder coalescing(CoalescingOptions options) {
    coalescing = options;
    return this;
  }

  /**
   * Takes over the definition of a router that shares its topology with no other.
   *
   * @throws IllegalArgumentException if it shares one
   */
  ShardRouterBuilder withAlone(RouterDefinition definition) {
    if (definition.control() != null) {
      definition.directories().forEach(directory -> directory.close().subscribe());
      throw new IllegalArgumentException(
          "control: present (expected: a router opened by io.shardflux.cluster.ClusterRouter;"
              + " see src/docs/cluster.md)");
    }
    return with(definition);
  }

  /**
   * Takes over a definition, in place of what was set before; the router closes its directories.
   */
  ShardRouterBuilder with(RouterDefinition definition) {
    options = definition.options();
    hotKeys = definition.hotKeys();
    rowCounts = definition.rowCounts();
    scatterReads = definition.scatterReads();
    gathers = definition.gathers();
    coalescing = definition.coalescing();
    definition.shards().forEach(this::shard);
    definition.tables().forEach(this::table);
    definition.strategies().forEach(this::strategy);
    directories.addAll(definition.directories());
    ControlOptions control = definition.control();
    accounts = control == null ? Accounts.NONE : control.accounts();
    return this;
  }

  /**
   * {@return a builder with all that a definition says} The definition's section {@code control} is
   * left to the caller, which opens the shared topology and builds the router with it.
   *
   * @param definition a router as a document describes it
   */
  @Internal
  public static ShardRouterBuilder of(RouterDefinition definition) {
    return new ShardRouterBuilder().with(definition);
  }

  /**
   * {@return what was collected}
   *
   * @throws IllegalArgumentException as {@link #build()}
   */
  @Internal
  public RouterParts parts() {
    return new RouterParts(topology.build(), shards, options, accounts);
  }

  /**
   * Has the router see the shared topology by a view of it, as for a test without a guard.
   *
   * @param view gives what the router asks in place of what is known
   * @return this builder
   */
  @Internal
  public ShardRouterBuilder seeing(UnaryOperator<SharedTopology> view) {
    this.view = view;
    return this;
  }

  /**
   * {@return a router with a shared topology in place of the one that was collected; connects to
   * nothing} It closes the directories that were collected, and not those of the shared topology.
   *
   * @param opened the shared topology
   * @param shared what is known of that topology
   * @throws IllegalArgumentException as {@link #build()}
   */
  @Internal
  public ShardRouter build(TopologyDocument.Opened opened, SharedTopology shared) {
    options = options.with(view.apply(shared));
    return build(opened.topology(), opened.shards());
  }

  /**
   * {@return the router; connects to nothing}
   *
   * @throws IllegalArgumentException if there is no shard, a rule names an unknown shard or
   *     strategy, two servers of shards have one host, port and database, or no R2DBC driver takes
   *     a shard's options
   */
  public ShardRouter build() {
    return build(topology.build(), shards);
  }

  private ShardRouter build(Topology first, List<Shard> servers) {
    LiveShards live =
        new LiveShards(first, servers, options, hotKeys ? new HotKeys(System::nanoTime) : null);
    return new DefaultShardRouter(live, directories, scatterReads, gathers, rowCounts, coalescing);
  }
}
