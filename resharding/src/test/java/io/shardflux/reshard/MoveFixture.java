package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.watch.LoadLimits;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** A cluster of two shards, and a third one that may be added, with users and their orders. */
final class MoveFixture implements AutoCloseable {

  static final Duration BOUND = Duration.ofMinutes(5);
  static final ShardId S0 = ShardId.of("shard_0");
  static final ShardId S1 = ShardId.of("shard_1");
  static final ShardId S2 = ShardId.of("shard_2");
  static final String STRATEGY = "by_user";

  static final List<String> TABLES =
      List.of(
          "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100), version INT NOT NULL)",
          "CREATE TABLE orders (user_id BIGINT, no INT, total DECIMAL(10,2), note VARBINARY(20),"
              + " PRIMARY KEY (user_id, no))");

  final List<Database> databases;
  final List<ClusterRouter> routers = new ArrayList<>();
  private final List<ShardMoves> moves = new ArrayList<>();
  private final String document;

  /**
   * One router is open, and the tables are there on its two shards.
   *
   * @param strategy the strategy of the document, in YAML
   */
  MoveFixture(String strategy) {
    this(strategy, null);
  }

  /**
   * The same, where a server follows that of the first shard.
   *
   * @param replica that server
   */
  MoveFixture(String strategy, @Nullable DatabaseServer replica) {
    databases = TestServers.shared().freshDatabases("moves");
    document =
        """
        shards:
          shard_0: {url: '%s'%s}
          shard_1: {url: '%s'}
        strategies:
          by_user: %s
        tables:
          users: {key: {id: integer}, strategy: by_user}
          orders: {key: {user_id: integer}, strategy: by_user}
        timeouts: {acquire: 2s}
        control:
          create-tables: true
          poll: 100ms
          lease: 1s
        """
            .formatted(
                databases.get(0).r2dbcUrl(),
                replica == null
                    ? ""
                    : ", replicas: [{url: '"
                        + new Database(replica, databases.get(0).name()).r2dbcUrl()
                        + "'}]",
                databases.get(1).r2dbcUrl(),
                strategy);
    router();
    TABLES.forEach(
        sql ->
            router(0)
                .onAll()
                .sql(sql)
                .onFailure(FailurePolicy.failFast())
                .rowsUpdated()
                .blockLast(BOUND));
  }

  String document() {
    return document;
  }

  /** Runs a statement on each server. */
  void onServers(String sql) {
    for (int i = 0; i < databases.size(); i++) {
      onServer(i, sql);
    }
  }

  void onServer(int number, String sql) {
    ShardRouter plain =
        ShardRouter.builder().shard(Shard.of("one", databases.get(number).r2dbcUrl())).build();
    plain.on(ShardId.of("one")).sql(sql).rowsUpdated().block(BOUND);
    plain.close().block(BOUND);
  }

  /** A number that the first shard's server gives. */
  long number(String sql) {
    return router(0)
        .on(S0)
        .sql(sql)
        .map((row, metadata) -> longOf(row.get(0)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Opens one more router. */
  ClusterRouter router() {
    return router(document);
  }

  /** Opens one more router, whose document has one section more. */
  ClusterRouter routerWith(String section) {
    return router(document + section + "\n");
  }

  /** Opens one more router, which uses an account without a password. */
  ClusterRouter routerOf(String account) {
    return router(document.replaceAll("://[^@]*@", "://" + account + "@"));
  }

  /** Opens one more router, and takes its way to the control server away, and no other. */
  ClusterRouter routerCutOff() {
    onServers("CREATE USER IF NOT EXISTS alone@'%'");
    onServers("GRANT ALL ON *.* TO alone@'%'");
    ClusterRouter alone =
        router(document.replace("control:", "control:\n  username: alone\n  password: ''"));
    onServers("DROP USER alone@'%'");
    router(0)
        .on(S0)
        .sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'alone'")
        .map((row, metadata) -> longOf(row.get(0)))
        .all()
        .concatMap(id -> router(0).on(S0).sql("KILL " + id).rowsUpdated())
        .blockLast(BOUND);
    return alone;
  }

  private ClusterRouter router(String document) {
    ClusterRouter router = ClusterRouter.open(document).blockOptional(BOUND).orElseThrow();
    routers.add(router);
    return router;
  }

  /** What is told to a router that publishes its document with one more table. */
  Mono<String> published() {
    String more =
        document
            .replace("timeouts:", "  more: {key: {user_id: integer}, strategy: by_user}\ntimeouts:")
            .replace("control:", "control:\n  publish: true");
    return ClusterRouter.open(more)
        .flatMap(router -> router.close().thenReturn("published"))
        .onErrorResume(error -> Mono.just(String.valueOf(error.getMessage())));
  }

  ShardRouter router(int number) {
    return routers.get(number).router();
  }

  /** The same without a wait for other routers' statements, where there are none. */
  ShardMoves hasty(int router, MoveJob.Guards guards) {
    return moves(
        router,
        new MoveJob.Guards() {
          @Override
          public Mono<Void> before(String what) {
            return guards.before(what);
          }

          @Override
          public LoadLimits limits() {
            return guards.limits();
          }

          @Override
          public boolean settles() {
            return false;
          }
        });
  }

  /** The moves of a router, which does them from now on. */
  ShardMoves moves(int router, MoveJob.Guards guards) {
    ShardMoves of = new DefaultShardMoves(routers.get(router), guards);
    moves.add(of);
    return of;
  }

  void addThird() {
    routers.get(0).addShard(Shard.of("shard_2", databases.get(2).r2dbcUrl()), "room").block(BOUND);
  }

  /** Adds it with tables, so that all shards can be asked from now on. */
  void addThirdWithTables() {
    addThird();
    TABLES.forEach(sql -> router(0).on(S2).sql(sql).rowsUpdated().block(BOUND));
  }

  /** Users 1 to that number, each with as many orders as its id modulo 3. */
  void load(int users) {
    Flux.range(1, users)
        .flatMap(
            id ->
                patient(insert(id))
                    .thenMany(Flux.range(1, id % 3).concatMap(no -> patient(order(id, no)))),
            4)
        .blockLast(BOUND);
  }

  /** A busy machine may not connect in time; nothing was sent then. */
  private static Mono<Long> patient(Mono<Long> write) {
    return write.retryWhen(
        Retry.fixedDelay(60, Duration.ofMillis(200))
            .filter(
                error -> String.valueOf(error.getMessage()).contains(": no connection within")));
  }

  /** Once its quote is escaped, a driver may see a marker in it. */
  static String name(long id) {
    return "isn't it n\\o? " + id;
  }

  Mono<Long> insert(long id) {
    return router(0)
        .on("users", ShardKey.of(id))
        .sql("INSERT INTO users VALUES (:id, :name, 0)")
        .bind("id", id)
        .bind("name", name(id))
        .rowsUpdated();
  }

  Mono<Long> update(long id) {
    return update(router(0), id);
  }

  static Mono<Long> update(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = version + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> order(long id, int no) {
    return router(0)
        .on("orders", ShardKey.of(id))
        .sql("INSERT INTO orders VALUES (:id, :no, :total, :note)")
        .bind("id", id)
        .bind("no", no)
        .bind("total", id * 100 + no)
        .bind("note", no == 1 ? null : new byte[] {0, 39, 92, (byte) id})
        .rowsUpdated();
  }

  /** The plan without a time in which it may be reversed. */
  static MovePlan brief(MovePlan plan) {
    return plan.with(plan.options().toBuilder().rollbackWindow(Duration.ZERO).build());
  }

  /** Starts a move that may be reversed for long. */
  long started(ShardMoves moves, ShardingStrategy next) {
    return moves
        .plan(STRATEGY, next)
        .map(plan -> plan.accepting(MovePlan.Code.UNIQUE_KEY))
        .flatMap(moves::start)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Starts a move that keeps the old place for no longer than it must. */
  long startedBriefly(ShardMoves moves, ShardingStrategy next) {
    return moves
        .plan(STRATEGY, next)
        .map(MoveFixture::brief)
        .flatMap(moves::start)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  long run(ShardMoves moves, ShardingStrategy next, MovePlan.Code... accepted) {
    MovePlan plan =
        moves
            .plan(STRATEGY, next)
            .map(found -> found.accepting(accepted))
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    long job = moves.start(brief(plan).atMost(100_000)).blockOptional(BOUND).orElseThrow();
    MoveProgress end = moves.progress(job).blockLast(BOUND);
    assertThat(Objects.requireNonNull(end).error()).isNull();
    return job;
  }

  /** What stands on the servers themselves: each user's shard, and its row with its orders. */
  Map<Long, List<String>> rows() {
    Map<Long, List<String>> rows = new TreeMap<>();
    for (int i = 0; i < databases.size(); i++) {
      ShardId id = ShardId.of("shard_" + i);
      ShardRouter plain =
          ShardRouter.builder().shard(Shard.of(id.value(), databases.get(i).r2dbcUrl())).build();
      plain
          .on(id)
          .sql(
              "SELECT id, CONCAT_WS('|', name, version, (SELECT GROUP_CONCAT(CONCAT_WS(':', no,"
                  + " total, HEX(note)) ORDER BY no) FROM orders WHERE user_id = id)) FROM users")
          .map((row, metadata) -> Map.entry(longOf(row.get(0)), id + "|" + row.get(1)))
          .all()
          .onErrorResume(error -> Flux.empty())
          .doOnNext(
              row ->
                  rows.computeIfAbsent(row.getKey(), key -> new ArrayList<>()).add(row.getValue()))
          .blockLast(BOUND);
      plain.close().block(BOUND);
    }
    return rows;
  }

  private static long longOf(@Nullable Object value) {
    return ((Number) Objects.requireNonNull(value)).longValue();
  }

  /** Each user is there once, where the strategy has it, with all that it had. */
  void check(Map<Long, List<String>> before, ShardingStrategy strategy) {
    Map<Long, List<String>> after = rows();
    assertThat(after.keySet()).isEqualTo(before.keySet());
    after.forEach(
        (id, found) -> {
          String had = Objects.requireNonNull(before.get(id)).get(0);
          String now = strategy.locate(ShardKey.of(id)) + had.substring(had.indexOf('|'));
          assertThat(found).as("user %s", id).containsExactly(now);
        });
  }

  /** Nothing is left of a move on the servers. */
  void checkClean() {
    for (Database database : databases) {
      ShardRouter plain =
          ShardRouter.builder().shard(Shard.of("shard_0", database.r2dbcUrl())).build();
      assertThat(
              plain
                  .on(S0)
                  .sql(
                      "SELECT (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE"
                          + " TRIGGER_SCHEMA = DATABASE()) + (SELECT COUNT(*) FROM"
                          + " information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND"
                          + " TABLE_NAME LIKE 'shardflux\\\\_change%')")
                  .map((row, metadata) -> longOf(row.get(0)))
                  .one()
                  .block(BOUND))
          .isZero();
      plain.close().block(BOUND);
    }
  }

  @Override
  public void close() {
    moves.forEach(each -> each.close().block(BOUND));
    routers.forEach(router -> router.close().block(BOUND));
  }
}
