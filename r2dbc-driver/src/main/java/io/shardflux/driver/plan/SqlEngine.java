package io.shardflux.driver.plan;

import io.shardflux.driver.catalog.CatalogSource;
import io.shardflux.driver.catalog.TableFaults;
import io.shardflux.driver.catalog.TableWatch;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.spi.ShardAccess;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Foreseen;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.SqlPlanner;
import io.shardflux.sql.ahead.Ahead;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Makes plans of SQL. New texts are analysed off the event loops. Thread-safe. */
@Internal
public class SqlEngine {

  private static final Logger scatters = LoggerFactory.getLogger("io.shardflux.scatter");
  private static final int LOOKUPS_AT_ONCE = 64;

  /**
   * The characters of rows that are held where longer ones may go on. Longer ones could not be sent
   * with a text either: as literals they are about twice as long as there, at most.
   */
  private static final int MOST_HELD = 512 << 10;

  /**
   * The bytes that a gather takes whose rows go on: what it holds, and some chunks on their way.
   */
  private static final int STREAMED = 4 << 20;

  /** The part of the heap that the rows of all gathers may take. */
  private static final int PART_OF_HEAP = 8;

  /** The bound on the time to plan all known texts anew. */
  private static final Duration FORESIGHT = Duration.ofSeconds(20);

  private static final Hints SCATTER = Hints.builder().scatter(true).build();
  private static final Hints NO_SCATTER = Hints.builder().scatter(false).build();

  /**
   * Divides the bytes that are gathered at most. The MySQL driver reads 512 rows ahead, outside of
   * the heap, where as much may be as in it: wide ones may be all.
   */
  private static final int PART_READ_AHEAD = 4;

  private final ShardRouter router;
  private final SqlPlanner planner;
  private final CatalogSource catalogs;
  private final TableWatch watch;
  private final int maxHeldRows;
  private final KnownSizes sizes = new KnownSizes();
  private final ServerKinds kinds = new ServerKinds();
  private final Once<GatherTurns> turns =
      new Once<>(
          () ->
              new GatherTurns(
                  () ->
                      Math.min(
                          Math.max(1, beside()),
                          fitting(
                              Math.max(
                                  STREAMED, access().gathers().maxBytes() / PART_READ_AHEAD)))));
  private final Once<GatherTurns> heldTurns =
      new Once<>(() -> new GatherTurns(() -> fitting(access().gathers().maxBytes())));
  private final Once<GatherTurns> joinedTurns =
      new Once<>(() -> new GatherTurns(() -> fitting(access().gathers().maxBytes())));

  /** A value that is made at its first use. Thread-safe. */
  private static final class Once<T> {

    private final Supplier<T> made;
    private volatile @Nullable T value;

    Once(Supplier<T> made) {
      this.made = made;
    }

    T get() {
      T known = value;
      return known == null ? first() : known;
    }

    private synchronized T first() {
      T known = value;
      if (known == null) {
        known = made.get();
        value = known;
      }
      return known;
    }
  }

  public SqlEngine(ShardRouter router, PlannerOptions options) {
    this.router = router;
    this.planner = SqlPlanner.of(options);
    this.catalogs = new CatalogSource(router);
    this.watch = new TableWatch(router, catalogs);
    this.maxHeldRows = options.maxMergedRows();
  }

  public ShardRouter router() {
    return router;
  }

  /**
   * The router's shards.
   *
   * @throws IllegalArgumentException if the router is a stub, with which an application may start
   */
  public ShardAccess access() {
    return ShardAccess.of(router);
  }

  /** The topology in force, for one statement. */
  public Snapshot snapshot() {
    return access().snapshot();
  }

  /** Lets few statements gather at once. */
  public GatherTurns gatherTurns() {
    return streams() ? turns.get() : heldTurns.get();
  }

  /** The same for those that hold all their rows. */
  public GatherTurns heldGatherTurns() {
    return heldTurns.get();
  }

  /**
   * The same for those in transactions, which have their connections. Others in a turn may wait for
   * such a connection, so these must not wait for them.
   */
  public GatherTurns joinedGatherTurns() {
    return joinedTurns.get();
  }

  /**
   * Tells whether rows may go on into a session's tables while others are read: a read then waits
   * for a connection beside one that it holds, of which so few are held at once that each pool has
   * one more, whatever slow readers hold.
   */
  public boolean streams() {
    return beside() > 0;
  }

  /** The connections that may be held while another is waited for. */
  private int beside() {
    return access().smallestRest() - 1;
  }

  /** The characters of rows that a gather holds at most, if rows may go on. */
  public int mostHeld() {
    return MOST_HELD;
  }

  /**
   * The statements that may gather at once.
   *
   * @param bytes what a statement holds about
   */
  private int fitting(int bytes) {
    long room = Runtime.getRuntime().maxMemory() / PART_OF_HEAP / bytes;
    return (int) Math.max(1, Math.min(access().gathers().concurrency(), room));
  }

  /** The number of rows that a result may hold if it isn't streamed. */
  public int maxHeldRows() {
    return maxHeldRows;
  }

  /** The servers' version, empty before the first use. */
  public String version() {
    return catalogs.version();
  }

  /** The faults of the tables that have rules. */
  public Mono<List<String>> check() {
    return catalogs.shards().map(shards -> TableFaults.of(router.topology(), shards));
  }

  /** What becomes of the texts that are known where the rules are others. */
  public Mono<List<Foreseen>> foresee(Topology then) {
    boolean gathers = access().gathers().reads() != ScatterReads.REFUSED;
    Hints defaults = withDefaults(Hints.NONE);
    return catalogs
        .get()
        .flatMap(
            catalog ->
                Planning.run(
                    () -> planner.foresee(catalog, router.topology(), then, defaults, gathers),
                    FORESIGHT,
                    "all known statements"));
  }

  /** The hints, completed by the policy. */
  public Hints withDefaults(Hints hints) {
    return hints.or(access().scatterReads() == ScatterReads.REFUSED ? NO_SCATTER : SCATTER);
  }

  /**
   * The analysis of a text, or null if {@link #prepare} must make it first.
   *
   * @throws RefusedSqlException if the text is known to be refused
   */
  @Nullable
  public Prepared known(String sql, Topology topology) {
    Catalog catalog = catalogs.now();
    return catalog == null ? null : planner.cached(sql, catalog, topology);
  }

  /** Analyses a new text, on a thread that may be kept busy with it. */
  public Mono<Prepared> prepare(String sql, Topology topology, Duration time) {
    return catalogs
        .get()
        .flatMap(catalog -> Planning.run(() -> planner.prepare(sql, catalog, topology), time, sql));
  }

  /** The same of a read whose groups each shard makes of its own rows, known or not. */
  public Mono<Prepared> apart(String sql, Topology topology, Duration time) {
    Catalog now = catalogs.now();
    Prepared known = now == null ? null : planner.cachedApart(sql, now, topology);
    return known == null
        ? catalogs
            .get()
            .flatMap(
                catalog ->
                    Planning.run(() -> planner.prepareApart(sql, catalog, topology), time, sql))
        : ready(known, sql, time);
  }

  /**
   * The known analysis. That of a large text comes on a thread that may be kept busy with the work
   * that follows.
   */
  public static Mono<Prepared> ready(Prepared known, String sql, Duration time) {
    return known.isLarge() ? Planning.run(() -> known, time, sql) : Mono.just(known);
  }

  /** The known columns; null before the first use. */
  @Nullable
  public Catalog catalog() {
    return catalogs.now();
  }

  /** The columns after a look at the shards, for a statement that met that error. */
  public Mono<Catalog> lookedAgain(Throwable error) {
    boolean missing =
        error instanceof RefusedSqlException refused && refused.code() == RefusalCode.UNKNOWN_TABLE;
    return missing ? catalogs.completed() : catalogs.refreshed();
  }

  /**
   * Makes every table be looked at again before a statement relies on it, because a statement may
   * have changed it.
   */
  public void distrust() {
    watch.forget();
  }

  /** Reads the columns of all tables anew, because some were defined. */
  public Mono<Void> redefined() {
    distrust();
    return catalogs.refreshed().then();
  }

  public TableWatch watch() {
    return watch;
  }

  /**
   * The statements for each shard.
   *
   * @param bound the shard for a statement that any shard could answer, or null
   */
  public Mono<Plan> plan(
      Snapshot snapshot, Prepared prepared, Binds binds, Hints hints, @Nullable ShardId bound) {
    Routing routing = prepared.route(binds, hints);
    ShardId any = bound == null && prepared.tellsServer() ? first(snapshot) : bound;
    return shards(snapshot, routing, prepared.tables(), any)
        .map(
            shards ->
                routing instanceof Routing.Rows || routing instanceof Routing.On
                    ? shards
                    : snapshot.owning(prepared.tables(), shards))
        .map(shards -> prepared.plan(binds, hints, shards));
  }

  /** The names in lower case of a table's columns that are not planned with, as known lately. */
  public Set<String> hidden(String table) {
    return catalogs.hidden(table);
  }

  /** Which subqueries of a read run first, where it is refused as it is; null where none may. */
  public @Nullable Ahead ahead(Prepared prepared, RefusedSqlException refusal) {
    return prepared.ahead(refusal);
  }

  /** How the rows of a write that is refused as it is are found first; null where they are not. */
  public @Nullable QueriedWrite queried(Prepared prepared, RefusedSqlException refusal) {
    return prepared.queried(refusal);
  }

  /** Takes note of a write whose rows are found first. */
  public void noteQueried(String sql) {
    scatters.atDebug().log("rows first: {}", sql);
  }

  /** Takes note of a read whose subqueries have run, so that the rest runs with their values. */
  public void noteAhead(String sql) {
    scatters.atDebug().log("subqueries first: {}", sql);
  }

  /** The rows up to which a mention of a table is taken for a small one. */
  public int few() {
    return KnownSizes.FEW;
  }

  /** What is known of the sizes of a statement's mentions. */
  public KnownSizes.Of sizes(String sql) {
    return sizes.of(sql, few());
  }

  /** Tells whether all servers are known to read rows that stand as JSON in a text. */
  public boolean readsJson() {
    return catalogs.readJson();
  }

  /** A read that is sent with the rows of some mentions; empty where it can't be. */
  public Mono<Prepared.WithRows> withRows(
      Prepared prepared, Set<Integer> mentions, List<Gather.Cut> cuts, Duration time, String sql) {
    return prepared.isNewWithRows(mentions, cuts)
        ? Planning.run(() -> prepared.withRows(mentions, cuts), time, sql)
            .flatMap(Mono::justOrEmpty)
        : Mono.justOrEmpty(prepared.withRows(mentions, cuts));
  }

  /** What is known of the servers of open connections. */
  public ServerKinds kinds() {
    return kinds;
  }

  /** Takes note of a read that shards answer which were sent rows of others. */
  public void noteBroadcast(String sql) {
    scatters.atDebug().log("broadcast: {}", sql);
  }

  /** Takes note of a read that one server answers which has all rows in temporary tables. */
  public void noteTables(String sql) {
    scatters.atDebug().log("temporary tables: {}", sql);
  }

  /** Takes note of a gathered read whose rows go on into temporary tables while others are read. */
  public void noteStreamed(String sql) {
    scatters.atDebug().log("rows that go on: {}", sql);
  }

  /** Takes note of a read that one server answers which was sent all rows with the text. */
  public void noteSent(String sql) {
    scatters.atDebug().log("rows in the text: {}", sql);
  }

  /** Takes note of a gathered read of which one mention's rows cut another's down. */
  public void noteBindJoin(String sql) {
    scatters.atDebug().log("joined by bound values: {}", sql);
  }

  /** How one server answers a read that is refused otherwise; null where none does. */
  public @Nullable Gather gather(Prepared prepared, RefusedSqlException refusal) {
    return prepared.gather(refusal);
  }

  /** Tells whether a statement touches only rows of keys that it names, or none. */
  public static boolean isKeyed(Routing routing) {
    return routing instanceof Routing.Keys
        || routing instanceof Routing.Nowhere
        || (routing instanceof Routing.Together together
            && together.parts().stream().allMatch(SqlEngine::isKeyed));
  }

  /** Logs a read that goes to several shards, where the policy says so. */
  public void noteScatter(String sql, Plan.Scatter plan) {
    if (access().scatterReads() == ScatterReads.LOGGED) {
      List<ShardId> shards = plan.parts().stream().map(Plan.Part::shard).toList();
      scatters.atWarn().addKeyValue("shards", shards).log("several shards: {}", sql);
    }
  }

  private static Mono<List<ShardId>> shards(
      Snapshot snapshot, Routing routing, Set<String> tables, @Nullable ShardId bound) {
    Topology topology = snapshot.topology();
    if (routing instanceof Routing.Rows rows) {
      rows.keys().forEach(key -> snapshot.note(rows.table(), key));
      return located(topology, rows.table(), rows.keys());
    }
    if (routing instanceof Routing.Keys keys) {
      keys.keys().forEach(key -> snapshot.note(keys.table(), key));
      return located(topology, keys.table(), keys.keys()).map(SqlEngine::distinct);
    }
    if (routing instanceof Routing.Together together) {
      return Flux.fromIterable(together.parts())
          .concatMap(part -> shards(snapshot, part, tables, bound))
          .collect(LinkedHashSet<ShardId>::new, Set::addAll)
          .map(List::copyOf);
    }
    return Mono.just(immediate(snapshot, routing, tables, bound));
  }

  private static List<ShardId> immediate(
      Snapshot snapshot, Routing routing, Set<String> tables, @Nullable ShardId bound) {
    Topology topology = snapshot.topology();
    if (routing instanceof Routing.On on) {
      return List.of(known(topology, on.shard()));
    }
    if (routing instanceof Routing.Everywhere everywhere) {
      return List.copyOf(everywhere.shards());
    }
    if (routing instanceof Routing.Ranges ranges) {
      Set<ShardId> touched = new LinkedHashSet<>();
      ShardingStrategy strategy = topology.strategy(ranges.table());
      ranges.ranges().forEach(range -> touched.addAll(strategy.touching(range)));
      return touched.isEmpty() ? List.of(any(snapshot, tables)) : List.copyOf(touched);
    }
    return List.of(bound == null ? any(snapshot, tables) : bound);
  }

  /** Logs a read that is gathered, where the policy says so. */
  public void noteGather(String sql) {
    if (access().gathers().reads() == ScatterReads.LOGGED) {
      scatters.atWarn().log("gathered: {}", sql);
    }
  }

  private static ShardId known(Topology topology, ShardId shard) {
    if (!topology.shards().contains(shard)) {
      throw new IllegalArgumentException(
          "shard: " + shard + " (expected: one of " + topology.shards() + ")");
    }
    return shard;
  }

  /** One of the shards that have the tables, with the best status, each as likely as another. */
  public static ShardId any(Snapshot snapshot, Set<String> tables) {
    List<ShardId> shards = new ArrayList<>(snapshot.having(tables));
    Collections.rotate(shards, ThreadLocalRandom.current().nextInt(shards.size()));
    return Collections.min(shards, Comparator.comparing(snapshot::status));
  }

  /** The first of the shards with the best status. */
  private static ShardId first(Snapshot snapshot) {
    return Collections.min(
        snapshot.having(Set.of()),
        Comparator.comparing(snapshot::status).thenComparing(ShardId::value));
  }

  private static Mono<List<ShardId>> located(Topology topology, String table, List<ShardKey> keys) {
    if (keys.size() == 1) {
      return topology.locate(table, keys.get(0)).map(List::of);
    }
    if (topology.tables().get(table) instanceof TableRule.Sharded rule
        && topology.strategy(table).immediate()) {
      return Mono.just(immediate(topology.strategy(table), rule, keys));
    }
    return Flux.fromIterable(keys)
        .flatMapSequential(key -> topology.locate(table, key), LOOKUPS_AT_ONCE)
        .collectList();
  }

  /** Locates keys without a signal for each, because there may be many. */
  private static List<ShardId> immediate(
      ShardingStrategy strategy, TableRule.Sharded rule, List<ShardKey> keys) {
    List<ShardId> shards = new ArrayList<>(keys.size());
    for (ShardKey key : keys) {
      shards.add(strategy.locate(rule.stored(key)));
    }
    return shards;
  }

  private static List<ShardId> distinct(List<ShardId> shards) {
    return shards.size() == 1 ? shards : new ArrayList<>(new LinkedHashSet<>(shards));
  }
}
