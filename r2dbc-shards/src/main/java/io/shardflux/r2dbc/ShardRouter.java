package io.shardflux.r2dbc;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.r2dbc.spi.Connection;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * The way to the shards: a key, a shard's name or all shards in, {@code Mono} and {@code Flux} out.
 *
 * <p>Thread-safe; one for an application is enough. It opens connections when they are first
 * needed, never blocks, and is to be {@linkplain #close() closed}. All work is lazy: nothing
 * happens before a subscription, and each subscription runs anew. Errors are those of R2DBC, with
 * the shard's name in the message, so that {@code R2dbcTransientException} goes on saying whether a
 * retry may help.
 */
public final class ShardRouter {

  /** In characters or so: long statements are few then, and short ones some thousands. */
  private static final int CACHED_TEMPLATES = 8 << 20;

  private static final int SWAPS_SURVIVED = 3;
  private static final Duration DRAIN_TIME = Duration.ofSeconds(30);

  /** The topology and its pools, swapped as one. */
  private record Shards(Topology topology, Map<ShardId, ShardPool> pools) {

    ShardPool pool(ShardId shard) {
      ShardPool pool = pools.get(shard);
      if (pool == null) {
        throw new IllegalArgumentException(
            "shard: " + shard + " (expected: one of " + topology.shards() + ")");
      }
      return pool;
    }
  }

  private final PoolBounds bounds;
  private final Timeouts timeouts;
  private final Cache<String, SqlTemplate> templates =
      Caffeine.newBuilder()
          .maximumWeight(CACHED_TEMPLATES)
          .weigher((String sql, SqlTemplate template) -> template.weight())
          .executor(Runnable::run)
          .build();
  private final List<TableDirectory> directories;
  private volatile Shards shards;
  // Guarded by this.
  private boolean closed;

  private ShardRouter(Builder builder) {
    this.bounds = builder.bounds;
    this.timeouts = builder.timeouts;
    this.directories = List.copyOf(builder.directories);
    Topology topology = builder.topology.build();
    Map<ShardId, ShardPool> pools = new LinkedHashMap<>();
    builder.shards.forEach(shard -> pools.put(shard.id(), new ShardPool(shard, bounds)));
    this.shards = new Shards(topology, Collections.unmodifiableMap(pools));
  }

  /** A builder of a router. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * A router by a YAML document.
   *
   * <pre>{@code
   * shards:
   *   shard_0: {url: "r2dbc:mysql://127.0.0.1:3306/shard_0", username: app, password: "…"}
   *   shard_1: {url: "r2dbc:mysql://127.0.0.1:3307/shard_1", username: app, password: "…", pool: {max-size: 20}}
   * pool: {max-size: 10, min-idle: 1, max-pending: 1000, acquire-timeout: 5s, connect-timeout: 3s,
   *   validation-timeout: 1s, max-idle-time: 10m, max-lifetime: 30m}
   * timeouts: {first-row: 10s, total: 60s}
   * strategies:
   *   by_id: {type: hash, shards: [shard_0, shard_1], slots: 1024, function: crc32}
   * tables:
   *   users: {key: {id: integer}, strategy: by_id}
   *   orders: {key: [{tenant: text}, {id: integer}], strategy: by_tenant}
   *   countries: {reference: true}
   *   settings: {pinned: shard_0}
   * }</pre>
   *
   * <p>{@code shards} names each shard and its server; {@code username} and {@code password} stand
   * there or in the URL. A shard's {@code pool} says what differs from the one on top, and both
   * what differs from {@link PoolBounds#defaults()}; so does {@code timeouts} from {@link
   * Timeouts#defaults()}. A {@code min-idle} or {@code first-row} that is not said is lowered to
   * {@code max-size} or {@code total}.
   *
   * <p>{@code strategies}, by {@code type}; one inside another is a map like these or the name of
   * one of them:
   *
   * <ul>
   *   <li>{@code hash}: {@code shards}, {@code slots} (1024), {@code function} ({@code crc32} or
   *       {@code md5}); instead of shards and slots a {@code slot-table}, a list of runs {@code
   *       {shard, slots}} in the order of the slots
   *   <li>{@code modulo}: {@code shards}
   *   <li>{@code range}: {@code key}, the type of the bounds; {@code ranges}, a list of {@code
   *       {from, to, shard}}, of which the first may lack {@code from} and the last {@code to}
   *   <li>{@code consistent}: {@code shards}, or {@code weights}, a map of shards to weights
   *   <li>{@code directory}: {@code shards}; {@code server} with {@code url}, {@code username},
   *       {@code password}, {@code pool}; {@code table} ({@link TableDirectory#DEFAULT_TABLE});
   *       {@code name} (the strategy's); {@code assign-unknown}, a strategy; {@code cache-size}
   *       (100000); {@code expiry} (60s); {@code timeout} (5s)
   *   <li>{@code composite}: {@code groups}, a strategy over groups; {@code inside}, a map of
   *       groups to strategies
   *   <li>{@code geo}: {@code regions}, a map of regions to {@code {countries, strategy}}; {@code
   *       others}, the region of all other countries
   *   <li>{@code tenant}: {@code key}, {@code text} or {@code integer}; {@code tenants}, a map of
   *       tenants to strategies; {@code others}, the strategy of all other tenants
   *   <li>{@code time}: {@code period} ({@code day}, {@code week}, {@code month} or {@code year});
   *       {@code listed}, a map of the periods' first days to shards; {@code rotation}, the shards
   *       of all other periods
   *   <li>{@code fixed}: {@code shard}
   * </ul>
   *
   * <p>{@code tables} are sharded, by {@code key} and {@code strategy}; or {@code reference: true};
   * or {@code pinned} to a shard. Types of keys are {@code integer}, {@code text}, {@code uuid},
   * {@code date}, {@code datetime} and {@code instant}; the last three are written {@code
   * 2026-01-31}, {@code 2026-01-31T12:00:00} and {@code 2026-01-31T12:00:00Z}. Times have a unit
   * ({@code ms}, {@code s}, {@code m}, {@code h}, {@code d}) or are written {@code PT2S}.
   *
   * <p>Placeholders such as <code>${NAME}</code> are not replaced. Directories are closed with the
   * router; their tables are to be there already, see {@link TableDirectory#createTable()}.
   *
   * @param yaml one document of at most 1 MiB; a key that is unknown or there twice is refused
   * @throws IllegalArgumentException if it is malformed or says what can't be, with the path to it.
   *     Neither the message nor a cause has a URL or a password
   */
  public static ShardRouter fromYaml(String yaml) {
    return RouterDocument.read(yaml).build();
  }

  /**
   * A builder of a router, filled from a document that is a nested map; see {@link #fromYaml}. To
   * be built once, since the router closes the document's directories.
   *
   * @param document its keys as there; scalars are texts, numbers or booleans, and a list may also
   *     be a map with the keys {@code 0}, {@code 1} and so on, as property sources have it
   * @throws IllegalArgumentException as there
   */
  public static Builder builder(Map<String, ?> document) {
    return RouterDocument.read(document);
  }

  /** The shards, strategies and tables as they are now. */
  public Topology topology() {
    return shards.topology();
  }

  /** The shard of a key; see {@link Topology#locate}. */
  public Mono<ShardId> locate(String table, ShardKey key) {
    return Mono.defer(() -> topology().locate(table, key));
  }

  /** The shard where a key of a table lies. */
  public ShardTarget on(String table, ShardKey key) {
    return new ShardTarget(this, locate(table, key));
  }

  /**
   * A shard by name; an unknown one is an {@link IllegalArgumentException} when it is subscribed
   * to.
   */
  public ShardTarget on(ShardId shard) {
    return new ShardTarget(this, Mono.just(shard));
  }

  /**
   * The shards of some keys of a table, each asked for its own keys; a key given twice is asked for
   * once.
   */
  public ScatterTarget onKeys(String table, Collection<ShardKey> keys) {
    return new ScatterTarget(this, new Reach.Keys(table, new LinkedHashSet<>(keys)));
  }

  /** All shards. */
  public ScatterTarget onAll() {
    return new ScatterTarget(this, new Reach.All());
  }

  /**
   * Opens every shard's idle minimum of connections; a shard that is down is left, and the others
   * are warmed.
   */
  public Mono<Void> warmUp() {
    return Flux.defer(() -> Flux.fromIterable(shards.pools().values()))
        .flatMap(ShardPool::warmUp)
        .then();
  }

  /**
   * Takes in one shard more. From then on it is one of all shards; keys go to it once a strategy or
   * a directory names it. Errors with {@link IllegalArgumentException} if there is such a shard,
   * and with {@link IllegalStateException} if the router is closed.
   */
  public Mono<Void> addShard(Shard shard) {
    // Setting the driver up looks into jar files, and certificates are files too.
    return Mono.<Void>fromRunnable(() -> swapIn(shard)).subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * Lets a shard go, and completes when the statements under way on it have ended and its
   * connections are closed; after 30 s they are ended. A cancel does not stop that. Errors with
   * {@link IllegalArgumentException} if there is no such shard or a strategy or table still names
   * it.
   */
  public Mono<Void> removeShard(ShardId shard) {
    return Mono.defer(() -> swapOut(shard).close(DRAIN_TIME));
  }

  /** How every shard is doing, asking no server. */
  public Mono<List<ShardStatistics>> statistics() {
    return Mono.fromSupplier(
        () -> shards.pools().values().stream().map(pool -> pool.statistics(null)).toList());
  }

  /**
   * How every shard is doing, with the exact number of rows of a table, which each server counts; a
   * shard that fails to has none. Errors with {@link IllegalArgumentException} if the table is
   * unknown.
   */
  public Mono<List<ShardStatistics>> statistics(String table) {
    return Mono.defer(
        () -> {
          topology().table(table);
          return onAll()
              .sql("SELECT COUNT(*) FROM `" + table.replace("`", "``") + "`")
              .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
              .signals()
              .collect(
                  LinkedHashMap<ShardId, Long>::new,
                  (counts, signal) -> {
                    if (signal instanceof ShardSignal.Row<Long> row) {
                      counts.put(row.shard(), row.value());
                    }
                  })
              .map(
                  counts ->
                      shards.pools().values().stream()
                          .map(pool -> pool.statistics(counts.get(pool.id())))
                          .toList());
        });
  }

  /**
   * Closes the router: statements under way have 30 s to end, new ones fail with {@link
   * ShardUnavailableException}, and then every connection is closed, those in use too. Closing
   * twice does nothing more, and a cancel does not stop it.
   */
  public Mono<Void> close() {
    return Flux.defer(() -> Flux.fromIterable(swapsEnded().pools().values()))
        .map(pool -> pool.close(DRAIN_TIME))
        .concatWith(Flux.fromIterable(directories).map(TableDirectory::close))
        .flatMap(closing -> closing)
        .then();
  }

  Timeouts timeouts() {
    return timeouts;
  }

  SqlTemplate template(String sql) {
    return templates.get(sql, SqlTemplate::of);
  }

  <T> Flux<T> timed(
      ShardPool pool, Timeouts limits, Function<Connection, ? extends Publisher<T>> work) {
    return new TimedFlux<>(pool.withConnection(work), pool.id(), limits, Schedulers.parallel());
  }

  /** Runs the work on the pool of a shard, which can't be closed under it. */
  <T> Flux<T> onOne(Mono<ShardId> shard, Function<ShardPool, Flux<T>> work) {
    return overSwaps(
        shard.flatMapMany(id -> Flux.using(() -> enter(shards.pool(id)), work, ShardPool::leave)),
        SWAPS_SURVIVED);
  }

  /** Runs a plan's statements on all its shards and merges what they give. */
  <T> Flux<ShardSignal<T>> scatter(
      Function<Topology, Mono<Map<ShardId, List<BoundStatement>>>> planner,
      Timeouts limits,
      BiFunction<BoundStatement, Connection, Flux<T>> execution,
      FailurePolicy policy,
      @Nullable Comparator<? super T> order) {
    return overSwaps(
        Flux.defer(
            () -> {
              Shards now = shards;
              return planner
                  .apply(now.topology())
                  .doOnNext(plan -> refuseUnordered(plan, order))
                  .flatMapMany(
                      plan ->
                          Flux.using(
                              () -> enterAll(now, plan.keySet()),
                              pools -> {
                                List<Scatter.Source<T>> sources = new ArrayList<>();
                                for (ShardPool pool : pools) {
                                  List<BoundStatement> statements =
                                      plan.getOrDefault(pool.id(), List.of());
                                  sources.add(
                                      new Scatter.Source<>(
                                          pool.id(),
                                          timed(pool, limits, inTurn(statements, execution))));
                                }
                                return new Scatter<>(sources, policy, order).signals();
                              },
                              pools -> pools.forEach(ShardPool::leave)));
            }),
        SWAPS_SURVIVED);
  }

  /** A shard that is asked by several statements has no order over them. */
  private static void refuseUnordered(
      Map<ShardId, List<BoundStatement>> plan, @Nullable Comparator<?> order) {
    plan.forEach(
        (shard, statements) -> {
          if (order != null && statements.size() > 1) {
            throw new IllegalArgumentException(
                "keys: more than "
                    + Reach.Keys.KEYS_PER_STATEMENT
                    + " on "
                    + shard
                    + " (expected: at most so many a shard where rows are ordered)");
          }
        });
  }

  /**
   * Starts anew where a pool began to close between the look at the topology and the statement's
   * start.
   */
  private static <T> Flux<T> overSwaps(Flux<T> statement, int attempts) {
    return statement.onErrorResume(
        PoolClosingException.class,
        closing ->
            attempts == 0
                ? Flux.error(closing.asUnavailable())
                : overSwaps(statement, attempts - 1));
  }

  private static <T> Function<Connection, Flux<T>> inTurn(
      List<BoundStatement> statements, BiFunction<BoundStatement, Connection, Flux<T>> execution) {
    return connection ->
        Flux.fromIterable(statements)
            .concatMap(statement -> execution.apply(statement, connection));
  }

  private static ShardPool enter(ShardPool pool) {
    if (!pool.enter()) {
      throw new PoolClosingException(pool.id());
    }
    return pool;
  }

  private static List<ShardPool> enterAll(Shards now, Collection<ShardId> ids) {
    List<ShardPool> entered = new ArrayList<>();
    try {
      ids.forEach(id -> entered.add(enter(now.pool(id))));
      return entered;
    } catch (RuntimeException e) {
      entered.forEach(ShardPool::leave);
      throw e;
    }
  }

  /** The last shards: one that came in later would be closed by nobody. */
  private synchronized Shards swapsEnded() {
    closed = true;
    return shards;
  }

  private synchronized void swapIn(Shard shard) {
    if (closed) {
      throw new IllegalStateException("router: closed (expected: one in use)");
    }
    Topology topology = shards.topology().withShard(shard.id());
    Map<ShardId, ShardPool> pools = new LinkedHashMap<>(shards.pools());
    pools.put(shard.id(), new ShardPool(shard, bounds));
    shards = new Shards(topology, Collections.unmodifiableMap(pools));
  }

  private synchronized ShardPool swapOut(ShardId shard) {
    Topology topology = shards.topology().withoutShard(shard);
    Map<ShardId, ShardPool> pools = new LinkedHashMap<>(shards.pools());
    ShardPool gone = pools.remove(shard);
    shards = new Shards(topology, Collections.unmodifiableMap(pools));
    if (gone == null) {
      throw new IllegalStateException("shard: " + shard + ", without a pool");
    }
    return gone;
  }

  /** Collects the parts of a {@link ShardRouter}. Not thread-safe. */
  public static final class Builder {

    private final Topology.Builder topology = Topology.builder();
    private final List<Shard> shards = new ArrayList<>();
    private final List<TableDirectory> directories = new ArrayList<>();
    private PoolBounds bounds = PoolBounds.defaults();
    private Timeouts timeouts = Timeouts.defaults();

    private Builder() {}

    /**
     * Adds a shard; a second one of that name is refused by an {@link IllegalArgumentException}.
     */
    public Builder shard(Shard shard) {
      topology.shard(shard.id());
      shards.add(shard);
      return this;
    }

    /**
     * Adds a strategy; a second one of that name is refused by an {@link IllegalArgumentException}.
     */
    public Builder strategy(String name, ShardingStrategy strategy) {
      topology.strategy(name, strategy);
      return this;
    }

    /**
     * Adds a table's rule; a second one for that table is refused by an {@link
     * IllegalArgumentException}.
     */
    public Builder table(TableRule rule) {
      topology.table(rule);
      return this;
    }

    /**
     * The bounds of every pool that has none of its own; {@link PoolBounds#defaults()} if it is not
     * said.
     */
    public Builder pool(PoolBounds bounds) {
      this.bounds = bounds;
      return this;
    }

    /**
     * The times every statement is held to that names none; {@link Timeouts#defaults()} if it is
     * not said.
     */
    public Builder timeouts(Timeouts timeouts) {
      this.timeouts = timeouts;
      return this;
    }

    /** Leaves a directory to the router to close. */
    Builder closing(TableDirectory directory) {
      directories.add(directory);
      return this;
    }

    /**
     * The router; connects to nothing.
     *
     * @throws IllegalArgumentException if there is no shard, a rule names an unknown shard or
     *     strategy, or no R2DBC driver takes a shard's options
     */
    public ShardRouter build() {
      return new ShardRouter(this);
    }
  }
}
