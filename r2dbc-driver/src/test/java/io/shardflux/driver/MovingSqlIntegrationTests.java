package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.SharedTopology;
import io.shardflux.r2dbc.spi.TopologyAccess;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongPredicate;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** SQL of keys that go from the first shard to the third, by the hands of the test. */
class MovingSqlIntegrationTests {

  private static final List<KeyColumn> KEY = List.of(KeyColumn.integer("id"));
  private static final ShardingStrategy OLD = slots(IDS.get(0));
  private static final ShardingStrategy NEXT = slots(IDS.get(2));
  private static final List<Long> MOVING = keys(id -> !stays(id), 3);
  private static final List<Long> STAYING = keys(MovingSqlIntegrationTests::stays, 4);
  private static final long KEY_1 = MOVING.get(0);

  private final List<Database> databases = TestServers.shared().freshDatabases("moving");
  private final List<Shard> shards = new ArrayList<>();
  private final Control control = new Control();
  private final ShardRouter router = router();
  private final ShardfluxConnectionFactory factory = ShardfluxConnectionFactory.of(router);
  private Topology newest = topology(1, OLD);

  private static ShardingStrategy slots(ShardId first) {
    return ShardingStrategy.hashSlots(
        List.of(first, IDS.get(1), IDS.get(0), IDS.get(1)), HashFunction.CRC32);
  }

  private static boolean stays(long id) {
    return OLD.locate(ShardKey.of(id)).equals(NEXT.locate(ShardKey.of(id)));
  }

  private static List<Long> keys(LongPredicate wanted, int count) {
    return LongStream.iterate(1, id -> id + 1).filter(wanted).limit(count).boxed().toList();
  }

  /** What the router knows of the newest topology. */
  private final class Control implements SharedTopology {

    private final AtomicInteger sureFor = new AtomicInteger(Integer.MAX_VALUE);

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
      return sureFor.get() == Integer.MAX_VALUE || sureFor.getAndDecrement() > 0;
    }

    @Override
    public Mono<Void> confirm() {
      return Mono.defer(
          () ->
              TopologyAccess.of(router)
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
      shards.add(Shard.of("shard_" + i, databases.get(i).r2dbcUrl()));
    }
    shards.forEach(builder::shard);
    begin();
    RouterParts parts = builder.parts();
    return builder.build(
        new TopologyDocument.Opened(null, parts.topology(), parts.shards(), List.of()), control);
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

  private Topology topology(long epoch, ShardingStrategy strategy) {
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

  private void published(Phase phase) {
    newest = topology(newest.epoch() + 1, way(phase));
  }

  private void known() {
    control.confirm().block(BOUND);
  }

  private void at(int shard, String sql) {
    router.on(IDS.get(shard)).sql(sql).write().rowsUpdated().block(BOUND);
  }

  /** All rows are there, and the source has a fence. */
  private void started() {
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

  /** What moves is at both places, and the source takes no more of it. */
  private void switched() {
    at(0, "UPDATE fence SET closed = 1");
    for (long id : MOVING) {
      Long n =
          router
              .on(IDS.get(0))
              .sql("SELECT n FROM users WHERE id = " + id)
              .map((row, metadata) -> row.get(0, Long.class))
              .one()
              .block(BOUND);
      at(2, "INSERT INTO users VALUES (" + id + ", " + n + ")");
    }
    published(Phase.SWITCHED);
  }

  private void cleaned() {
    at(0, "DELETE FROM users WHERE id IN (" + listed(MOVING) + ")");
  }

  private static String listed(List<Long> ids) {
    return ids.stream().map(String::valueOf).collect(Collectors.joining(", "));
  }

  private Mono<Long> changed(String sql) {
    return Mono.usingWhen(
        factory.create(), connection -> changed(connection, sql), Connection::close);
  }

  private static Mono<Long> changed(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum);
  }

  private Flux<Long> read(String sql) {
    return Flux.usingWhen(
        factory.create(),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(
                    result ->
                        result.map(
                            (row, metadata) ->
                                Objects.requireNonNull((Number) row.get(0)).longValue())),
        Connection::close);
  }

  private static String add(long id) {
    return "UPDATE users SET n = n + 1 WHERE id = " + id;
  }

  private static String of(long id) {
    return "SELECT n FROM users WHERE id = " + id;
  }

  @Test
  void aWriteWaitsForTheSwitchAndAReadDoesNot() {
    started();
    published(Phase.SWITCHING);
    known();
    StepVerifier.create(changed(add(KEY_1)))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
              switched();
              known();
            })
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  @Test
  void aLateWriteIsPutAgain() {
    started();
    switched();
    // The router knows of no move.
    StepVerifier.create(changed(add(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  @Test
  void rowsOfSeveralShardsGoWhereTheirKeysWent() {
    started();
    published(Phase.COPYING);
    known();
    cleaned();
    at(1, "DELETE FROM users");
    at(0, "DELETE FROM users");
    at(0, "UPDATE fence SET closed = 1");
    published(Phase.SWITCHED);
    List<Long> all = new ArrayList<>(MOVING);
    all.addAll(STAYING);
    String rows = all.stream().map(id -> "(" + id + ", 5)").collect(Collectors.joining(", "));
    StepVerifier.create(changed("INSERT INTO users (id, n) VALUES " + rows))
        .expectNext(7L)
        .expectComplete()
        .verify(BOUND);
    for (long id : all) {
      StepVerifier.create(read(of(id))).expectNext(5L).expectComplete().verify(BOUND);
    }
  }

  @Test
  void whatFindsNothingIsPutAgain() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    cleaned();
    control.sureFor.set(2);
    StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
  }

  @Test
  void aWriteThatFoundNothingIsPutAgain() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    cleaned();
    control.sureFor.set(2);
    StepVerifier.create(changed(add(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTransactionThatIsLateIsToldSo(boolean fenced) {
    started();
    published(Phase.COPYING);
    known();
    switched();
    if (!fenced) {
      cleaned();
      control.sureFor.set(1);
    }
    Mono<Long> transaction =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(changed(connection, add(KEY_1)))
                    .flatMap(count -> Mono.from(connection.commitTransaction()).thenReturn(count))
                    .onErrorResume(
                        error ->
                            Mono.from(connection.rollbackTransaction())
                                .onErrorComplete()
                                .then(Mono.error(error))),
            Connection::close);
    StepVerifier.create(transaction).expectError(TopologyChangedException.class).verify(BOUND);
    known();
    StepVerifier.create(transaction).expectNext(1L).expectComplete().verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(2L).expectComplete().verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT COUNT(*) FROM users",
        "SELECT u.n FROM users u WHERE u.n > 0 ORDER BY u.n",
        "/* shardflux: scatter-writes=true */ UPDATE users SET n = 0",
        "DELETE FROM users WHERE id IN (:all)",
        "UPDATE users SET n = 0 WHERE id IN (:here)"
      })
  void whatMayMeetRowsOfTwoShardsIsRefusedWhileKeysMove(String text) {
    started();
    published(Phase.COPYING);
    known();
    List<Long> all = new ArrayList<>(MOVING);
    all.addAll(STAYING);
    long mate =
        STAYING.stream()
            .filter(id -> OLD.locate(ShardKey.of(id)).equals(IDS.get(0)))
            .findFirst()
            .orElseThrow();
    String sql = text.replace(":all", listed(all)).replace(":here", listed(List.of(KEY_1, mate)));
    StepVerifier.create(sql.contains("SELECT") ? read(sql) : changed(sql))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageContaining("TABLE_MOVING"))
        .verify(BOUND);
    StepVerifier.create(read(of(mate))).expectNext(1L).expectComplete().verify(BOUND);
    StepVerifier.create(read(of(KEY_1))).expectNext(1L).expectComplete().verify(BOUND);
  }
}
