package io.shardflux.r2dbc;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.micrometer.observation.ObservationRegistry;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
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
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.Context;

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

  static final int SWAPS_SURVIVED = 3;

  private static final int EVENTS_HELD = 256;
  private static final Duration DRAIN_TIME = Duration.ofSeconds(30);

  /** The topology and its pools, swapped as one. */
  private record Shards(Topology topology, Map<ShardId, ShardServers> servers) {

    ShardServers of(ShardId shard) {
      ShardServers found = servers.get(shard);
      if (found == null) {
        throw new IllegalArgumentException(
            "shard: " + shard + " (expected: one of " + topology.shards() + ")");
      }
      return found;
    }
  }

  private final RouterOptions options;
  private final Sinks.Many<ShardEvent> events = Sinks.many().multicast().directBestEffort();
  private final Cache<String, SqlTemplate> templates =
      Caffeine.newBuilder()
          .maximumWeight(CACHED_TEMPLATES)
          .weigher((String sql, SqlTemplate template) -> template.weight())
          .executor(Runnable::run)
          .build();
  private final List<TableDirectory> directories;
  private final @Nullable HotKeys hotKeys;
  private final RowCountCache rowCounts;
  private final ScatterReads scatterReads;
  private volatile Shards shards;
  // Guarded by this.
  private final List<Consumer<Collection<ShardServers>>> watchers = new ArrayList<>();
  private boolean closed;

  private ShardRouter(Builder builder) {
    this.options = builder.options;
    this.directories = List.copyOf(builder.directories);
    this.hotKeys = builder.hotKeys ? new HotKeys(System::nanoTime) : null;
    this.scatterReads = builder.scatterReads;
    RowCounts counts = builder.rowCounts;
    this.rowCounts =
        new RowCountCache(
            counts.every(), (shard, table) -> countedRows(counts, shard, table), System::nanoTime);
    Topology topology = builder.topology.build();
    ServerAddress.check(builder.shards);
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>();
    builder.shards.forEach(shard -> servers.put(shard.id(), servers(shard)));
    this.shards = new Shards(topology, Collections.unmodifiableMap(servers));
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
   * pool: {max-size: 10, min-idle: 1, max-pending: 1000, connect-timeout: 3s,
   *   rollback-timeout: 1s, max-idle-time: 10m, max-lifetime: 30m}
   * timeouts: {acquire: 5s, first-row: 10s, gap: 10s, total: 60s}
   * breaker: {window: 20, min-calls: 10, failure-rate: 50, probe-interval: 250ms}
   * reads: {preference: primary, retries: 2, max-lag: 10s, hedge: false}
   * slow-statement: 1s
   * hot-keys: false
   * row-counts: {exact: false, every: 60s}
   * sql: {allow-scatter: true}
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
   * Timeouts#defaults()}, {@code breaker} from {@link BreakerBounds#defaults()} and {@code reads}
   * from {@link ReadOptions#defaults()}. What is not said of {@code min-idle}, {@code min-calls} or
   * a time is lowered to {@code max-size}, {@code window} or {@code total}. {@code replicas} of a
   * shard are a list of servers, each with {@code url}, and {@code username} and {@code password}
   * where they are not the shard's. {@code slow-statement} is off if it is not said.
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

  /**
   * The at most 20 keys that a table was most asked for by over the last minutes, the hottest
   * first. Empty where none stands out, or hot keys are not counted; see {@link
   * Builder#hotKeys(boolean)}.
   *
   * @throws IllegalArgumentException if the table is unknown
   */
  public List<HotKey> hotKeys(String table) {
    topology().table(table);
    return hotKeys == null ? List.of() : hotKeys.top(table);
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
    return new ShardTarget(this, asked(table, key));
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

  /**
   * Reads of single keys that are joined, with {@link Coalescing#defaults()}; see {@link
   * #coalesced(String, String, BiFunction, BiFunction, Coalescing)}.
   */
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping) {
    return coalesced(table, sql, key, mapping, Coalescing.defaults());
  }

  /**
   * Reads of single keys that are joined: while batches are on their way to a shard, newcomers
   * gather, and the next batch takes them all, up to a bound, as one {@code IN} list. There is no
   * timer: a read that finds no batches under way is sent at once.
   *
   * <pre>{@code
   * KeyedReads<User> users = router.coalesced("users", "SELECT id, name FROM users WHERE id IN (:keys)",
   *     (row, metadata) -> ShardKey.of(row.get("id", Long.class)), User::of);
   * Mono<User> one = users.one(ShardKey.of(42));
   * }</pre>
   *
   * <p>Each row has to be of one key alone, and to be the same whatever other keys are asked for:
   * the statement must not aggregate over keys.
   *
   * @param table the table by whose rule keys are located
   * @param sql one read with the marker {@code :keys} and no other; see {@link #onKeys}
   * @param key which key a row is of, as it was asked for; of one that was not the read fails
   * @param mapping what becomes of each row; both are called on event loops, must not block and
   *     must not return null
   * @throws IllegalArgumentException if the table is unknown, the statement is no read, limits its
   *     rows, or has no or other markers
   */
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping,
      Coalescing coalescing) {
    topology().table(table);
    return new KeyedReads<>(
        this, new KeyedReads.Shape<>(table, template(sql), key, mapping, coalescing));
  }

  /** All shards. */
  public ScatterTarget onAll() {
    return new ScatterTarget(this, new Reach.All());
  }

  /**
   * Stores streams of rows, many by one statement.
   *
   * @param table where they go, by its rule
   * @param sql {@code INSERT INTO … VALUES (…)} or {@code REPLACE INTO … VALUES (…)} of one row,
   *     with {@code :name} markers in its row group alone and nothing behind it
   * @param key where a row lies
   * @param values a row's values by the names of the markers, NULL where one is null: text,
   *     numbers, booleans, {@code byte[]} or {@code ByteBuffer}, enums, and dates and times of
   *     {@code java.time}; not to be changed before the row's outcome is there
   * @throws IllegalArgumentException if the table is unknown or a reference table, or the statement
   *     is another: {@code IGNORE} and {@code ON DUPLICATE KEY UPDATE} are refused, as they leave
   *     open what became of a row
   */
  public <T> RowInserts<T> inserts(
      String table,
      String sql,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values) {
    if (topology().table(table) instanceof TableRule.Reference) {
      throw new IllegalArgumentException(
          "table: " + table + ", which is on every shard (expected: a sharded or a pinned one)");
    }
    return new RowInserts<>(this, table, InsertSql.of(template(sql)), key, values);
  }

  /**
   * Opens every shard's idle minimum of connections; a shard that is down is left, and the others
   * are warmed.
   */
  public Mono<Void> warmUp() {
    return Flux.defer(() -> Flux.fromIterable(shards.servers().values()))
        .flatMap(ShardServers::warmUp)
        .then();
  }

  /**
   * Takes in one shard more. From then on it is one of all shards; keys go to it once a strategy or
   * a directory names it. Errors with {@link IllegalArgumentException} if there is such a shard, or
   * one with the same server and database, and with {@link IllegalStateException} if the router is
   * closed.
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

  /**
   * Takes a shard's new statements no more, and completes when those under way have ended, which
   * may take as long as they are allowed to. Keyed statements for it fail with {@link
   * ShardUnavailableException}, statements for all shards are without it and say so. It stays that
   * way until {@link #closeBreaker}; a cancel only ends the waiting. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  public Mono<Void> drain(ShardId shard) {
    return Mono.defer(() -> shards.of(shard).drain());
  }

  /**
   * Takes a shard out, whatever its servers say: new statements for it fail at once, those under
   * way go on. It stays that way until {@link #closeBreaker}. Errors with {@link
   * IllegalArgumentException} if there is no such shard.
   */
  public Mono<Void> openBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).openBreaker());
  }

  /**
   * Asks a shard again, without waiting for a probe, and whether it was taken out, drained or found
   * down; one that still is down will be found to be. Errors with {@link IllegalArgumentException}
   * if there is no such shard.
   */
  public Mono<Void> closeBreaker(ShardId shard) {
    return Mono.fromRunnable(() -> shards.of(shard).closeBreaker());
  }

  /**
   * The shards' changes of status from now on. A subscriber that is more than 256 events behind
   * loses the oldest; the stream completes when the router is closed.
   */
  public Flux<ShardEvent> events() {
    return events
        .asFlux()
        .onBackpressureBuffer(EVENTS_HELD, lost -> {}, BufferOverflowStrategy.DROP_OLDEST)
        .publishOn(Schedulers.parallel());
  }

  /**
   * For {@code contextWrite}: reads of that subscription go to primaries, whatever else is said, so
   * that they see what was written before.
   */
  public static Function<Context, Context> readYourWrites() {
    return context -> context.put(ShardServers.READ_YOUR_WRITES, true);
  }

  /**
   * How a shard is, asking no server; cheap enough for each statement.
   *
   * @throws IllegalArgumentException if there is no such shard
   */
  public ShardStatistics.Status status(ShardId shard) {
    return shards.of(shard).status();
  }

  /** How every shard is doing, asking no server. */
  public Mono<List<ShardStatistics>> statistics() {
    return Mono.fromSupplier(this::statisticsNow);
  }

  List<ShardStatistics> statisticsNow() {
    return shards.servers().values().stream().map(servers -> servers.statistics(null)).toList();
  }

  /**
   * How every shard is doing, with the rows of a table as {@link RowCounts} says: the first time
   * each server is asked for them, within {@link Timeouts}; later they are there at once, and are
   * taken again behind it where they are old. A shard that never answered has none. Errors with
   * {@link IllegalArgumentException} if the table is unknown.
   */
  public Mono<List<ShardStatistics>> statistics(String table) {
    return Flux.defer(
            () -> {
              topology().table(table);
              return Flux.fromIterable(shards.servers().values());
            })
        .flatMapSequential(
            servers ->
                rowCounts
                    .rows(servers.id(), table)
                    .map(servers::statistics)
                    .switchIfEmpty(Mono.fromSupplier(() -> servers.statistics(null))))
        .collectList();
  }

  /** Tells of the shards there are, and again whenever one comes or goes, one at a time. */
  synchronized void watch(Consumer<Collection<ShardServers>> watcher) {
    watchers.add(watcher);
    watcher.accept(shards.servers().values());
  }

  private Mono<Long> countedRows(RowCounts counts, ShardId shard, String table) {
    return on(shard).sql(counts.sql(table)).map((row, metadata) -> RowCounts.rows(row)).one();
  }

  /**
   * Closes the router: statements under way have 30 s to end, new ones fail with {@link
   * ShardUnavailableException}, and then every connection is closed, those in use too. Closing
   * twice does nothing more, and a cancel does not stop it.
   */
  public Mono<Void> close() {
    return Flux.defer(() -> Flux.fromIterable(swapsEnded().servers().values()))
        .map(servers -> servers.close(DRAIN_TIME))
        .concatWith(Flux.fromIterable(directories).map(TableDirectory::close))
        .flatMap(closing -> closing)
        .then()
        .doOnTerminate(this::endEvents);
  }

  private synchronized void endEvents() {
    var unused = events.tryEmitComplete();
  }

  /** What each shard is asked, at the time it is asked. */
  Function<Topology, Mono<Map<ShardId, List<BoundStatement>>>> plan(
      Reach reach, SqlTemplate sql, Bindings bindings) {
    return topology -> {
      if (reach instanceof Reach.Keys keys) {
        keys.keys().forEach(key -> note(keys.table(), key));
      }
      return reach.plan(topology, sql, bindings);
    };
  }

  /** The shard of a key that a statement is for. */
  Mono<ShardId> asked(String table, ShardKey key) {
    return Mono.defer(
        () -> {
          note(table, key);
          return topology().locate(table, key);
        });
  }

  /**
   * Counts a key for {@link #hotKeys} that a statement for a shard by name is asked for by.
   *
   * @param table a table of the topology
   */
  public void note(String table, ShardKey key) {
    if (hotKeys != null) {
      hotKeys.record(table, key);
    }
  }

  /** The times a statement is held to that names none. */
  public Timeouts timeouts() {
    return options.timeouts();
  }

  /** Whether reads in SQL that name no key may go to several shards; the SQL driver goes by it. */
  public ScatterReads scatterReads() {
    return scatterReads;
  }

  SqlTemplate template(String sql) {
    return templates.get(sql, SqlTemplate::of);
  }

  /**
   * A shard's servers, which can't be closed until they are {@linkplain ShardServers#leave left}.
   */
  ShardServers enter(ShardId shard) {
    return entered(shards.of(shard));
  }

  boolean has(ShardServers servers) {
    return shards.servers().containsValue(servers);
  }

  /** Runs the work on the servers of a shard, which can't be closed under it. */
  <T> Flux<T> onOne(Mono<ShardId> shard, Function<ShardServers, Flux<T>> work) {
    return overSwaps(
        shard.flatMapMany(
            id -> Flux.using(() -> entered(shards.of(id)), work, ShardServers::leave)),
        SWAPS_SURVIVED);
  }

  /**
   * The same for what was located before. Errors with {@link PoolClosingException} if the shard is
   * gone or going: then it is to be located anew.
   */
  <T> Flux<T> onLocated(ShardId shard, Function<ShardServers, Flux<T>> work) {
    return Flux.using(
        () -> {
          ShardServers found = shards.servers().get(shard);
          if (found == null) {
            throw new PoolClosingException(shard);
          }
          return entered(found);
        },
        work,
        ShardServers::leave);
  }

  /** What one of a plan's statements does with a connection. */
  interface Execution<T> {
    Flux<T> on(BoundStatement statement, Connection connection, Dialect dialect);
  }

  /** Runs a plan's statements on all its shards and merges what they give. */
  <T> Flux<ShardSignal<T>> scatter(
      Function<Topology, Mono<Map<ShardId, List<BoundStatement>>>> planner,
      SqlTemplate sql,
      Work.Terms terms,
      Execution<T> execution,
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
                              entries -> {
                                List<Scatter.Source<T>> sources = new ArrayList<>();
                                for (Entry entry : entries) {
                                  List<BoundStatement> statements =
                                      plan.getOrDefault(entry.servers().id(), List.of());
                                  sources.add(
                                      entry.source(
                                          Work.of(sql, terms, inTurn(statements, execution))));
                                }
                                return new Scatter<>(sources, policy, order).signals();
                              },
                              entries -> entries.forEach(Entry::leave)));
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

  private static <T> BiFunction<Connection, Dialect, Flux<T>> inTurn(
      List<BoundStatement> statements, Execution<T> execution) {
    if (statements.size() == 1) {
      BoundStatement only = statements.get(0);
      return (connection, dialect) -> execution.on(only, connection, dialect);
    }
    return (connection, dialect) ->
        Flux.fromIterable(statements)
            .concatMap(statement -> execution.on(statement, connection, dialect));
  }

  private static ShardServers entered(ShardServers servers) {
    servers.enter();
    return servers;
  }

  /**
   * A shard of a scatter.
   *
   * @param refusal why it takes no statement, or null
   */
  private record Entry(ShardServers servers, @Nullable ShardUnavailableException refusal) {

    <T> Scatter.Source<T> source(Work<T> work) {
      return new Scatter.Source<>(
          servers.id(), refusal == null ? servers.run(work) : Flux.error(refusal));
    }

    void leave() {
      if (refusal == null) {
        servers.leave();
      }
    }
  }

  private static List<Entry> enterAll(Shards now, Collection<ShardId> ids) {
    List<Entry> entries = new ArrayList<>();
    try {
      ids.forEach(id -> entries.add(entry(now.of(id))));
      return entries;
    } catch (RuntimeException e) {
      entries.forEach(Entry::leave);
      throw e;
    }
  }

  private static Entry entry(ShardServers servers) {
    try {
      return new Entry(entered(servers), null);
    } catch (ShardUnavailableException drained) {
      return new Entry(servers, drained);
    }
  }

  private ShardServers servers(Shard shard) {
    return new ShardServers(shard, options, this::publish);
  }

  private synchronized void publish(ShardEvent event) {
    // Nobody may listen, and one who is slow loses old events in his own buffer.
    var unused = events.tryEmitNext(event);
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
    ServerAddress.check(
        Stream.concat(shards.servers().values().stream().map(ShardServers::shard), Stream.of(shard))
            .toList());
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>(shards.servers());
    servers.put(shard.id(), servers(shard));
    swap(topology, servers);
  }

  private synchronized ShardServers swapOut(ShardId shard) {
    Topology topology = shards.topology().withoutShard(shard);
    Map<ShardId, ShardServers> servers = new LinkedHashMap<>(shards.servers());
    ShardServers gone = servers.remove(shard);
    swap(topology, servers);
    if (gone == null) {
      throw new IllegalStateException("shard: " + shard + ", without a pool");
    }
    return gone;
  }

  // Called under the lock.
  private void swap(Topology topology, Map<ShardId, ShardServers> servers) {
    shards = new Shards(topology, Collections.unmodifiableMap(servers));
    watchers.forEach(watcher -> watcher.accept(servers.values()));
  }

  /** Collects the parts of a {@link ShardRouter}. Not thread-safe. */
  public static final class Builder {

    private final Topology.Builder topology = Topology.builder();
    private final List<Shard> shards = new ArrayList<>();
    private final List<TableDirectory> directories = new ArrayList<>();
    private RouterOptions options = RouterOptions.defaults();
    private boolean hotKeys;
    private RowCounts rowCounts = RowCounts.defaults();
    private ScatterReads scatterReads = ScatterReads.ALLOWED;

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
      options = options.with(bounds);
      return this;
    }

    /**
     * The times every statement is held to that names none; {@link Timeouts#defaults()} if it is
     * not said.
     */
    public Builder timeouts(Timeouts timeouts) {
      options = options.with(timeouts);
      return this;
    }

    /** When a server counts as down; {@link BreakerBounds#defaults()} if it is not said. */
    public Builder breaker(BreakerBounds breaker) {
      options = options.with(breaker);
      return this;
    }

    /** What is done for reads; {@link ReadOptions#defaults()} if it is not said. */
    public Builder reads(ReadOptions reads) {
      options = options.with(reads);
      return this;
    }

    /**
     * Logs, as a warning of the logger {@code io.shardflux.slow}, each statement for which its
     * consumer had to wait that long or longer: shard, server, time, rows, outcome, and the text
     * with its markers, as key-value pairs. None is logged if this is not said.
     *
     * @throws IllegalArgumentException if the time is below 1 ms
     */
    public Builder slowStatement(Duration time) {
      if (time.toMillis() < 1) {
        throw new IllegalArgumentException(
            "slow-statement: " + time + " (expected: at least 1 ms)");
      }
      options = options.withSlowStatement(time);
      return this;
    }

    /**
     * Where each go at a server is observed, as {@link ShardObservation} says. Nothing is, and
     * statements run as if there were no such thing, if this is not said or the registry has no
     * handler. Handlers run on event loops, so they must not block.
     */
    public Builder observations(ObservationRegistry registry) {
      options = options.with(registry);
      return this;
    }

    /**
     * Whether it is counted by which keys tables are asked for, in some 3 MB a table at most; see
     * {@link ShardRouter#hotKeys}. Off if it is not said.
     */
    public Builder hotKeys(boolean counted) {
      hotKeys = counted;
      return this;
    }

    /** How tables' rows are counted; {@link RowCounts#defaults()} if it is not said. */
    public Builder rowCounts(RowCounts counts) {
      rowCounts = counts;
      return this;
    }

    /** For SQL planned over all shards; {@link ScatterReads#ALLOWED} if it is not said. */
    public Builder scatterReads(ScatterReads scatter) {
      scatterReads = scatter;
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
     *     strategy, two servers of shards have one host, port and database, or no R2DBC driver
     *     takes a shard's options
     */
    public ShardRouter build() {
      return new ShardRouter(this);
    }
  }
}
