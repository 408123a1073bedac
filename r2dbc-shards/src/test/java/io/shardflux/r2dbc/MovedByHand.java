package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.SharedTopology;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.LongPredicate;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A table of users of which a part goes from shard_0 to shard_2 and back, by the hands of a test
 * that is both the mover and the control server.
 */
final class MovedByHand implements SharedTopology {

  static final ShardId FROM = ShardId.of("shard_0");
  static final ShardId STAYS = ShardId.of("shard_1");
  static final ShardId TO = ShardId.of("shard_2");
  static final String CREATE =
      "CREATE TABLE users (id BIGINT PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0)";

  private static final List<KeyColumn> KEY = List.of(KeyColumn.integer("id"));
  private static final String CLUSTER = "moved-by-hand";
  static final ShardingStrategy OLD = slots(FROM);
  static final ShardingStrategy NEXT = slots(TO);

  private final List<Shard> shards;
  private final Map<ShardId, Connection> servers = new ConcurrentHashMap<>();
  final ShardRouter router;

  /** What the control server has. */
  private volatile Topology newest;

  private volatile boolean answers = true;
  private volatile boolean expired;
  private volatile boolean blind;
  private final AtomicInteger sureFor = new AtomicInteger(Integer.MAX_VALUE);
  private final AtomicInteger followedFor = new AtomicInteger(Integer.MAX_VALUE);
  private volatile ShardingStrategy before = OLD;

  MovedByHand(TestServers testServers, UnaryOperator<RouterOptions> options) {
    this(testServers, options, databases -> TestShards.shards(databases));
  }

  MovedByHand(
      TestServers testServers,
      UnaryOperator<RouterOptions> options,
      Function<List<Database>, List<Shard>> shardsOf) {
    List<Database> databases = testServers.freshDatabases("moved");
    this.shards = shardsOf.apply(databases);
    Flux.range(0, databases.size())
        .flatMap(i -> begun(shards.get(i).id(), databases.get(i)))
        .blockLast(BOUND);
    this.newest = topology(1, OLD);
    LiveShards live =
        new LiveShards(newest, shards, options.apply(RouterOptions.defaults().with(this)), null);
    this.router =
        new DefaultShardRouter(
            live,
            List.of(),
            ScatterReads.ALLOWED,
            GatherOptions.defaults(),
            RowCountOptions.defaults(),
            CoalescingOptions.defaults());
  }

  private Mono<Void> begun(ShardId shard, Database database) {
    return Mono.<Connection>from(ConnectionFactories.get(database.r2dbcUrl()).create())
        .doOnNext(connection -> servers.put(shard, connection))
        .flatMapMany(
            connection ->
                Flux.just(
                        CREATE,
                        "CREATE TABLE fence (id INT PRIMARY KEY, closed INT NOT NULL)",
                        "INSERT INTO fence VALUES (1, 0)",
                        "CREATE TABLE "
                            + IDENTITY
                            + " (id TINYINT PRIMARY KEY, cluster CHAR(36) NOT NULL, shard"
                            + " VARCHAR(64) NOT NULL, epoch BIGINT NOT NULL)",
                        "INSERT INTO "
                            + IDENTITY
                            + " VALUES (1, '"
                            + CLUSTER
                            + "', '"
                            + shard
                            + "', 0)",
                        // The mover's own statements pass its fence.
                        "SET @mover = 1")
                    .concatMap(sql -> connection.createStatement(sql).execute())
                    .concatMap(Result::getRowsUpdated))
        .then();
  }

  /** Closes the router and the mover's connections. */
  void end() {
    Flux.concat(router.close(), Flux.fromIterable(servers.values()).flatMap(Connection::close))
        .blockLast(BOUND);
  }

  /** Four slots of which the first goes elsewhere, and the third shares the shard it leaves. */
  private static ShardingStrategy slots(ShardId first) {
    return ShardingStrategy.hashSlots(List.of(first, STAYS, FROM, STAYS), HashFunction.CRC32);
  }

  /** Some keys that move, or others. */
  static List<Long> keys(boolean moving, int count) {
    LongPredicate wanted = id -> OLD.locate(ShardKey.of(id)).equals(NEXT.locate(ShardKey.of(id)));
    return LongStream.iterate(1, id -> id + 1)
        .filter(moving ? wanted.negate() : wanted)
        .limit(count)
        .boxed()
        .toList();
  }

  private Topology topology(long epoch, ShardingStrategy strategy) {
    Topology.Builder builder =
        Topology.builder()
            .epoch(epoch)
            .strategy("by_id", strategy)
            .table(new TableRule.Sharded("users", KEY, "by_id"));
    shards.forEach(shard -> builder.shard(shard.id()));
    return builder.build();
  }

  // The control server.

  @Override
  public String cluster() {
    return CLUSTER;
  }

  @Override
  public Mono<Void> seen(long epoch) {
    return Mono.empty();
  }

  @Override
  public boolean confirmed() {
    if (blind) {
      return true;
    }
    if (sureFor.get() != Integer.MAX_VALUE) {
      return sureFor.getAndDecrement() > 0;
    }
    return answers && !expired;
  }

  @Override
  public boolean followed() {
    return blind || followedFor.get() == Integer.MAX_VALUE || followedFor.getAndDecrement() > 0;
  }

  @Override
  public Mono<Void> confirm() {
    return Mono.defer(
        () -> {
          if (blind) {
            return Mono.empty();
          }
          return answers
              ? inForce()
                  .doOnSuccess(
                      done -> {
                        expired = false;
                        sureFor.set(Integer.MAX_VALUE);
                        followedFor.set(Integer.MAX_VALUE);
                      })
              : Mono.never();
        });
  }

  /** Answers no more. */
  void dies() {
    answers = false;
  }

  void lives() {
    answers = true;
  }

  /** The router's lease is over. */
  void expire() {
    expired = true;
  }

  /** The router stands still after that many looks at its lease, for longer than that lasts. */
  void standsStill(int looks) {
    followedFor.set(looks);
    sureFor.set(0);
  }

  /** The router takes what it knows for the newest, and never asks. */
  void blind(boolean now) {
    blind = now;
  }

  /** The router is sure for that many looks, and then has to ask. */
  void sureFor(int looks) {
    sureFor.set(looks);
  }

  // The mover.

  /** Publishes a phase, which the router does not know yet. */
  MovedByHand published(@Nullable Phase phase) {
    ShardingStrategy next = before == OLD ? NEXT : OLD;
    newest =
        topology(
            newest.epoch() + 1,
            phase == null
                ? next
                : TransitionStrategy.of(
                    before, next, List.of(new Step(source(), target(), phase))));
    if (phase == null) {
      before = next;
    }
    return this;
  }

  /** What is published is in force. */
  void known() {
    inForce().block(BOUND);
  }

  private Mono<Void> inForce() {
    return TopologyAccess.of(router).swap(newest, shards).then();
  }

  ShardId source() {
    return before == OLD ? FROM : TO;
  }

  ShardId target() {
    return before == OLD ? TO : FROM;
  }

  void fence() {
    for (String event : List.of("INSERT", "UPDATE", "DELETE")) {
      String row = event.equals("DELETE") ? "OLD" : "NEW";
      run(
          source(),
          "CREATE TRIGGER fence_"
              + event
              + " AFTER "
              + event
              + " ON users FOR EACH ROW BEGIN DECLARE shut INT; IF "
              + moving().replace("`id`", row + ".`id`")
              + " AND @mover IS NULL THEN SELECT closed INTO shut FROM fence WHERE id = 1 LOCK IN"
              + " SHARE MODE; IF shut THEN SIGNAL SQLSTATE '45S01' SET MYSQL_ERRNO = 45001,"
              + " MESSAGE_TEXT = 'shardflux: the row moves to another shard'; END IF; END IF; END");
    }
  }

  void close() {
    run(source(), "UPDATE fence SET closed = 1");
  }

  /** Copies what moves. */
  void copy() {
    List<String> rows = new ArrayList<>();
    for (List<Long> row : rows(source(), "SELECT id, n FROM users WHERE " + moving())) {
      rows.add("(" + row.get(0) + "," + row.get(1) + ")");
    }
    if (!rows.isEmpty()) {
      run(target(), "INSERT INTO users VALUES " + String.join(",", rows));
    }
  }

  /** Deletes what moved, and then the fence. */
  void clean() {
    run(source(), "DELETE FROM users WHERE " + moving());
    for (String event : List.of("INSERT", "UPDATE", "DELETE")) {
      run(source(), "DROP TRIGGER IF EXISTS fence_" + event);
    }
    run(source(), "UPDATE fence SET closed = 0");
  }

  private String moving() {
    ShardingStrategy next = before == OLD ? NEXT : OLD;
    TransitionStrategy way =
        TransitionStrategy.of(before, next, List.of(new Step(source(), target(), Phase.COPYING)));
    return way.moving(way.steps().get(0), KEY).blockOptional(BOUND).orElseThrow();
  }

  // What is in the databases.

  List<List<Long>> rows(ShardId shard, String sql) {
    return Flux.from(server(shard).createStatement(sql).execute())
        .concatMap(
            result ->
                result.map(
                    (row, metadata) ->
                        List.of(
                            Objects.requireNonNull(row.get(0, Long.class)),
                            Objects.requireNonNull(row.get(1, Long.class)))))
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  void run(ShardId shard, String sql) {
    Flux.from(server(shard).createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .blockLast(BOUND);
  }

  private Connection server(ShardId shard) {
    Connection server = servers.get(shard);
    if (server == null) {
      throw new IllegalArgumentException("shard: " + shard);
    }
    return server;
  }

  /** The values of n of a user, by shard. */
  Map<ShardId, Long> values(long id) {
    return values().getOrDefault(id, Map.of());
  }

  /** The values of n of all users, by shard. */
  Map<Long, Map<ShardId, Long>> values() {
    Map<Long, Map<ShardId, Long>> found = new HashMap<>();
    for (Shard shard : shards) {
      rows(shard.id(), "SELECT id, n FROM users")
          .forEach(
              row ->
                  found
                      .computeIfAbsent(row.get(0), id -> new HashMap<>())
                      .put(shard.id(), row.get(1)));
    }
    return found;
  }
}
