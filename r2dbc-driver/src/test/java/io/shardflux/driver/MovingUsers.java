package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.config.TopologyDocument;
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
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Users whose keys go from the first shard to the third, by the hands of the test. */
abstract class MovingUsers {

  private static final List<KeyColumn> KEY = List.of(KeyColumn.integer("id"));
  static final ShardingStrategy OLD = slots(IDS.get(0));
  static final ShardingStrategy NEXT = slots(IDS.get(2));
  static final List<Long> MOVING = keys(id -> !stays(id), 3);
  static final List<Long> STAYING = keys(MovingUsers::stays, 4);
  static final long KEY_1 = MOVING.get(0);

  private final List<Database> databases = TestServers.shared().freshDatabases("moving");
  private final List<Shard> shards = new ArrayList<>();
  final Control control = new Control();
  final ShardRouter router = router();
  final ShardfluxConnectionFactory factory = ShardfluxConnectionFactory.of(router);
  Topology newest = topology(1, OLD);

  private static ShardingStrategy slots(ShardId first) {
    return ShardingStrategy.hashSlots(
        List.of(first, IDS.get(1), IDS.get(0), IDS.get(1)), HashFunction.CRC32);
  }

  static boolean stays(long id) {
    return OLD.locate(ShardKey.of(id)).equals(NEXT.locate(ShardKey.of(id)));
  }

  private static List<Long> keys(LongPredicate wanted, int count) {
    return LongStream.iterate(1, id -> id + 1).filter(wanted).limit(count).boxed().toList();
  }

  /** What the router knows of the newest topology. */
  final class Control implements SharedTopology {

    final AtomicInteger sureFor = new AtomicInteger(Integer.MAX_VALUE);

    /** Whether the control server answers no more. */
    volatile boolean lost;

    @Override
    public String cluster() {
      return "by-hand";
    }

    @Override
    public Mono<Void> seen(long epoch) {
      return Mono.empty();
    }

    @Override
    public boolean confirmed() {
      return !lost && (sureFor.get() == Integer.MAX_VALUE || sureFor.getAndDecrement() > 0);
    }

    /** The databases of the shards have no later topology. */
    @Override
    public boolean followed() {
      return lost || confirmed();
    }

    @Override
    public Mono<Void> confirm() {
      return Mono.defer(
          () ->
              lost
                  ? Mono.error(new IllegalStateException("control: gone"))
                  : TopologyAccess.of(router)
                      .swap(newest, shards)
                      .doOnSuccess(done -> sureFor.set(Integer.MAX_VALUE))
                      .then());
    }
  }

  @SuppressWarnings("NullAway") // The document of what is opened is for others.
  private ShardRouter router() {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_id", OLD)
            .table(new TableRule.Sharded("users", KEY, "by_id"));
    for (int i = 0; i < databases.size(); i++) {
      shards.add(shard(i, databases.get(i)));
    }
    shards.forEach(builder::shard);
    begin();
    RouterParts parts = builder.parts();
    return builder.build(
        new TopologyDocument.Opened(null, parts.topology(), parts.shards(), List.of()), control);
  }

  /** A shard, of which a test may want more. Called before the test's own fields are there. */
  Shard shard(int number, Database database) {
    return Shard.of("shard_" + number, database.r2dbcUrl());
  }

  /** The tables, by a router that knows of no others. */
  private void begin() {
    ShardRouterBuilder plain = ShardRouter.builder();
    shards.forEach(plain::shard);
    ShardRouter own = plain.build();
    Flux.fromIterable(shards)
        .flatMap(
            shard ->
                Flux.just(
                        "CREATE TABLE users (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
                        "CREATE TABLE fence (closed INT NOT NULL)",
                        "INSERT INTO fence VALUES (0)",
                        "CREATE TABLE shardflux_identity (id TINYINT PRIMARY KEY, cluster CHAR(36),"
                            + " shard VARCHAR(64), epoch BIGINT)",
                        "INSERT INTO shardflux_identity VALUES (1, 'by-hand', '"
                            + shard.id()
                            + "', 0)")
                    .concatMap(sql -> own.on(shard.id()).sql(sql).rowsUpdated()))
        .then(own.close())
        .block(BOUND);
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  Topology topology(long epoch, ShardingStrategy strategy) {
    Topology.Builder builder =
        Topology.builder()
            .epoch(epoch)
            .strategy("by_id", strategy)
            .table(new TableRule.Sharded("users", KEY, "by_id"));
    shards.forEach(shard -> builder.shard(shard.id()));
    return builder.build();
  }

  private TransitionStrategy way(Phase phase) {
    return TransitionStrategy.of(OLD, NEXT, List.of(new Step(IDS.get(0), IDS.get(2), phase)));
  }

  void published(Phase phase) {
    newest = topology(newest.epoch() + 1, way(phase));
  }

  void known() {
    control.confirm().block(BOUND);
  }

  void at(int shard, String sql) {
    router.on(IDS.get(shard)).sql(sql).write().rowsUpdated().block(BOUND);
  }

  /** All rows are there, and the source has a fence. */
  void started() {
    String rows =
        LongStream.concat(MOVING.stream().mapToLong(id -> id), STAYING.stream().mapToLong(id -> id))
            .mapToObj(id -> "(" + id + ", 1)")
            .collect(Collectors.joining(", "));
    assertThat(changed("INSERT INTO users (id, n) VALUES " + rows).block(BOUND)).isEqualTo(7);
    String moving =
        way(Phase.COPYING)
            .moving(way(Phase.COPYING).steps().get(0), KEY)
            .blockOptional(BOUND)
            .orElseThrow()
            .replace("`id`", "NEW.`id`");
    for (String event : List.of("INSERT", "UPDATE")) {
      at(
          0,
          "CREATE TRIGGER fence_"
              + event
              + " AFTER "
              + event
              + " ON users FOR EACH ROW BEGIN DECLARE shut INT; IF "
              + moving
              + " THEN SELECT closed INTO shut FROM fence LOCK IN SHARE MODE; IF shut THEN SIGNAL"
              + " SQLSTATE '45S01' SET MYSQL_ERRNO = 45001, MESSAGE_TEXT = 'shardflux: moved, 1,"
              + " 2'; END IF; END IF; END");
    }
  }

  /** All rows are where they began, at rest. */
  void begunAnew() {
    newest = topology(newest.epoch() + 1, OLD);
    known();
    at(0, "DROP TRIGGER fence_INSERT");
    at(0, "DROP TRIGGER fence_UPDATE");
    at(0, "UPDATE fence SET closed = 0");
    for (int shard = 0; shard < IDS.size(); shard++) {
      at(shard, "DELETE FROM users");
    }
    started();
  }

  /** What moves is at both places, and the source takes no more of it. */
  void switched() {
    at(0, "UPDATE fence SET closed = 1");
    for (long id : MOVING) {
      at(2, "REPLACE INTO users VALUES (" + id + ", " + of(0, id) + ")");
    }
    published(Phase.SWITCHED);
  }

  /** The whole move, which the router hears of phase by phase. */
  void moved() {
    published(Phase.COPYING);
    known();
    switched();
    known();
    cleaned();
    newest = topology(newest.epoch() + 1, NEXT);
    known();
    at(0, "UPDATE fence SET closed = 0");
  }

  /** The same back again. */
  void movedBack() {
    for (Phase phase : List.of(Phase.COPYING, Phase.SWITCHED)) {
      newest =
          topology(
              newest.epoch() + 1,
              TransitionStrategy.of(
                  /* old= */ NEXT,
                  /* next= */ OLD,
                  List.of(new Step(IDS.get(2), IDS.get(0), phase))));
      if (phase == Phase.SWITCHED) {
        MOVING.forEach(id -> at(0, "REPLACE INTO users VALUES (" + id + ", " + of(2, id) + ")"));
      }
      known();
    }
    at(2, "DELETE FROM users WHERE id IN (" + listed(MOVING) + ")");
    newest = topology(newest.epoch() + 1, OLD);
    known();
  }

  /** What was switched comes back, and the target keeps nothing of it. */
  void reversed() {
    at(2, "DELETE FROM users WHERE id IN (" + listed(MOVING) + ")");
    at(0, "UPDATE fence SET closed = 0");
    published(Phase.COPYING);
    known();
  }

  private long of(int shard, long id) {
    return router
        .on(IDS.get(shard))
        .sql(of(id))
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  void cleaned() {
    at(0, "DELETE FROM users WHERE id IN (" + listed(MOVING) + ")");
  }

  static String listed(List<Long> ids) {
    return ids.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }

  Mono<Long> changed(String sql) {
    return Mono.usingWhen(
        factory.create(), connection -> changed(connection, sql), Connection::close);
  }

  static Mono<Long> changed(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum);
  }

  Flux<Long> read(String sql) {
    return Flux.usingWhen(factory.create(), connection -> read(connection, sql), Connection::close);
  }

  static Flux<Long> read(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute()).concatMap(MovingUsers::numbers);
  }

  /** The test's own hands, on a thread that may wait. */
  static Mono<Long> done(Runnable work) {
    return Mono.<Long>fromRunnable(work).subscribeOn(Schedulers.boundedElastic());
  }

  static Flux<Long> numbers(Result result) {
    return Flux.from(
        result.map((row, metadata) -> Objects.requireNonNull((Number) row.get(0)).longValue()));
  }

  static String add(long id) {
    return "UPDATE users SET n = n + 1 WHERE id = " + id;
  }

  static String of(long id) {
    return "SELECT n FROM users WHERE id = " + id;
  }

  /** The number of rows and the sum of their first column. */
  List<Long> summed(String sql) {
    List<Long> rows = read(sql).collectList().blockOptional(BOUND).orElseThrow();
    return List.of((long) rows.size(), rows.stream().mapToLong(n -> n).sum());
  }

  static List<Long> all() {
    List<Long> all = new ArrayList<>(MOVING);
    all.addAll(STAYING);
    return all;
  }
}
