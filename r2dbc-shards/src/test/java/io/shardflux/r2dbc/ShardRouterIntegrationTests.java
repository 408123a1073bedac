package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static io.shardflux.r2dbc.TestShards.USERS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.scatter.ShardSignal.Coverage;
import io.shardflux.r2dbc.scatter.ShardSignal.Failed;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.UnroutableKeyException;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.util.function.Tuple2;

class ShardRouterIntegrationTests {

  private static final String BY_ID = "SELECT id, name FROM users WHERE id = :id";
  private static final String ALL = "SELECT id, name FROM users ORDER BY id";
  private static final Comparator<User> ORDER = Comparator.comparingLong(User::id);

  private static List<Shard> shards = List.of();
  private static ShardRouter router = ShardRouter.builder().shard(nowhere("unused")).build();

  @BeforeAll
  static void load() {
    shards = TestShards.fresh(TestServers.shared());
    router = TestShards.router(shards).build();
    TestShards.load(router);
  }

  @AfterAll
  static void close() {
    router.close().block(BOUND);
  }

  @Test
  void aKeyIsReadFromItsShard() {
    for (long id : new long[] {1, 2, 150, USERS}) {
      StepVerifier.create(byId(id).one())
          .expectNext(new User(id, "user " + id))
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void rowsLieWhereTheStrategySays() {
    StepVerifier.create(
            router
                .onAll()
                .sql(ALL)
                .map(User::of)
                .signals()
                .ofType(ShardSignal.Row.class)
                .flatMap(
                    row ->
                        router
                            .locate("users", ShardKey.of(((User) row.value()).id()))
                            .map(shard -> shard.equals(row.shard()))))
        .recordWith(ArrayList::new)
        .thenConsumeWhile(same -> same)
        .consumeRecordedWith(all -> assertThat(all).hasSize(USERS))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void positionsAndNullsAreBound() {
    StepVerifier.create(
            router
                .on(IDS.get(1))
                .sql("SELECT ? IS NULL, CONCAT('a?', ?)")
                .bind(0, null)
                .bind(1, "b")
                .map((row, metadata) -> row.get(0, Integer.class) + " " + row.get(1, String.class))
                .one())
        .expectNext("1 a?b")
        .expectComplete()
        .verify(BOUND);
  }

  /** The driver knows neither escaped quotes nor comments behind a number sign. */
  @Test
  void textsThatSeemToHaveMarkersHaveNone() {
    assertThat(
            router
                .on(IDS.get(0))
                .sql("SELECT CONCAT('isn\\'t it? ', :a) # isn't it?\n")
                .bind("a", "or\\' 'is it?")
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
                .one()
                .block(BOUND))
        .isEqualTo("isn't it? or\\' 'is it?");
  }

  @Test
  void aMissingRowIsEmptyAndTwoRowsAreNotOne() {
    StepVerifier.create(byId(-1).one()).expectComplete().verify(BOUND);
    StatementSpec.Rows<User> many = router.on(IDS.get(0)).sql(ALL).map(User::of);
    StepVerifier.create(many.one())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TooManyRowsException.class)
                    .hasMessageContaining("rows: more than one"))
        .verify(BOUND);
    StepVerifier.create(many.first()).expectNextCount(1).expectComplete().verify(BOUND);
  }

  @Test
  void writesTellHowManyRowsTheyChanged() {
    long id = 1_000_001;
    StepVerifier.create(TestShards.insert(router, id))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            router
                .on("users", ShardKey.of(id))
                .sql("DELETE FROM users WHERE id = :id")
                .bind("id", id)
                .rowsUpdated())
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aServersErrorKeepsItsCategoryAndNamesTheShard() {
    ShardId shard = shardOf(ShardKey.of(7));
    StepVerifier.create(TestShards.insert(router, 7))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOfSatisfying(
                        R2dbcDataIntegrityViolationException.class,
                        duplicate -> assertThat(duplicate.getErrorCode()).isEqualTo(1062))
                    .hasMessageStartingWith(shard + ": "))
        .verify(BOUND);
    StepVerifier.create(router.on(IDS.get(0)).sql("SELEC 1").rowsUpdated())
        .expectError(R2dbcBadGrammarException.class)
        .verify(BOUND);
  }

  @Test
  void aSetOfKeysIsAskedByShardAndMissingOnesAreAbsent() {
    List<ShardKey> keys = LongStream.rangeClosed(-2_000, 2_000).mapToObj(ShardKey::of).toList();
    StepVerifier.create(
            router
                .onKeys("users", keys)
                .sql("SELECT id, name FROM users WHERE id IN (:keys) AND name LIKE :name")
                .bind("name", "user %")
                .map(User::of)
                .rows()
                .map(User::id)
                .collectSortedList())
        .expectNext(LongStream.rangeClosed(1, USERS).boxed().toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void moreKeysThanAStatementTakesAreNotOrdered() {
    List<ShardKey> keys = LongStream.rangeClosed(1, 4_000).mapToObj(ShardKey::of).toList();
    StepVerifier.create(
            router
                .onKeys("users", keys)
                .sql("SELECT id, name FROM users WHERE id IN (:keys) ORDER BY id")
                .map(User::of)
                .orderedBy(ORDER)
                .signals())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("keys: more than 1000 on shard_"))
        .verify(BOUND);
  }

  @Test
  void aSetOfKeysAsksOnlyTheirShards() {
    ShardKey key = ShardKey.of(3);
    ShardId shard = shardOf(key);
    StepVerifier.create(
            router
                .onKeys("users", List.of(key, key))
                .sql("SELECT id, name FROM users WHERE id IN (:keys)")
                .map(User::of)
                .signals())
        .expectNext(new ShardSignal.Row<>(shard, new User(3, "user 3")))
        .expectNextMatches(signal -> signal instanceof ShardSignal.Done)
        .expectNextMatches(
            signal -> signal instanceof Coverage<User> c && c.asked().equals(Set.of(shard)))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void compositeKeysAreGroupedInOneList() {
    ShardRouter pairs =
        TestShards.router(shards)
            .table(
                new TableRule.Sharded(
                    "pairs", List.of(KeyColumn.integer("a"), KeyColumn.text("b")), "by_id"))
            .build();
    try {
      pairs
          .onAll()
          .sql(
              "CREATE TABLE pairs (a BIGINT, b VARCHAR(20) COLLATE utf8mb4_bin, PRIMARY KEY (a,"
                  + " b))")
          .onFailure(FailurePolicy.failFast())
          .rowsUpdated()
          .thenMany(Flux.range(0, 50))
          .concatMap(
              i ->
                  pairs
                      .on("pairs", ShardKey.of(i, "ü" + i))
                      .sql("INSERT INTO pairs VALUES (:a, :b)")
                      .bind("a", i)
                      .bind("b", "ü" + i)
                      .rowsUpdated())
          .then()
          .block(BOUND);
      List<ShardKey> keys = IntStream.range(0, 60).mapToObj(i -> ShardKey.of(i, "ü" + i)).toList();
      StepVerifier.create(
              pairs
                  .onKeys("pairs", keys)
                  .sql("SELECT a FROM pairs WHERE (a, b) IN (:keys)")
                  .map((row, metadata) -> row.get(0, Integer.class))
                  .rows()
                  .collectSortedList())
          .expectNext(IntStream.range(0, 50).boxed().toList())
          .expectComplete()
          .verify(BOUND);
    } finally {
      pairs.close().block(BOUND);
    }
  }

  @Test
  void allShardsAnswerAndTheCoverageSaysSo() {
    StepVerifier.create(router.onAll().sql(ALL).map(User::of).signals().last())
        .expectNextMatches(
            signal ->
                signal instanceof Coverage<User> coverage
                    && coverage.complete()
                    && coverage.answered().equals(Set.copyOf(IDS))
                    && coverage.rows() == USERS)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void anOrderedMergeOfAllShardsIsInOrderUnderSmallDemand() {
    StepVerifier.create(
            router.onAll().sql(ALL).map(User::of).orderedBy(ORDER).rows().limitRate(7), 1)
        .thenRequest(Long.MAX_VALUE)
        .expectNextSequence(
            LongStream.rangeClosed(1, USERS).mapToObj(id -> new User(id, "user " + id)).toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aLateShardIsTaggedAndTheOthersAreWhole() {
    String slow = shards.get(1).options().getValue(ConnectionFactoryOptions.DATABASE) + "";
    StepVerifier.create(
            router
                .onAll()
                .sql("SELECT SLEEP(IF(DATABASE() = :slow, 20, 0))")
                .bind("slow", slow)
                .timeouts(Timeouts.of(Duration.ofSeconds(2)))
                .map((row, metadata) -> 1)
                .signals()
                .collectList())
        .assertNext(
            signals -> {
              assertThat(signals).hasSize(6);
              assertThat(signals.get(4))
                  .isInstanceOfSatisfying(
                      Failed.class,
                      failed ->
                          assertThat(failed.error())
                              .isInstanceOf(ShardTimeoutException.class)
                              .hasMessageContaining("shard_1: no row within 2000 ms"));
              assertThat(((Coverage<Integer>) signals.get(5)).failed()).containsExactly(IDS.get(1));
            })
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void rowsFailRatherThanHideAFailedShard() {
    StepVerifier.create(
            router
                .onAll()
                .sql("SELECT id, name FROM users UNION SELECT 0, nosuch FROM users")
                .map(User::of)
                .rows())
        .expectError(R2dbcBadGrammarException.class)
        .verify(BOUND);
  }

  @Test
  void aTransactionCommitsOnCompletion() {
    long id = 2_000_001;
    StepVerifier.create(inTransaction(id, Flux.empty()))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(byId(id).one()).expectNextCount(1).expectComplete().verify(BOUND);
    delete(id);
  }

  @Test
  void aTransactionRollsBackOnAnError() {
    long id = 2_000_002;
    StepVerifier.create(inTransaction(id, Flux.error(new IllegalStateException("boom"))))
        .expectNext(1L)
        .expectErrorMessage("boom")
        .verify(BOUND);
    StepVerifier.create(byId(id).one()).expectComplete().verify(BOUND);
  }

  @Test
  void aTransactionRollsBackOnACancel() {
    long id = 2_000_003;
    StepVerifier.create(inTransaction(id, Flux.never())).expectNext(1L).thenCancel().verify(BOUND);
    // The rollback runs behind the cancel: a write of the same key waits for its lock, and then
    // finds no row.
    StepVerifier.create(TestShards.insert(router, id))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    delete(id);
  }

  @Test
  void badKeysAndTablesAreRefusedByName() {
    StepVerifier.create(router.locate("users", ShardKey.of("x")))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(UnroutableKeyException.class)
                    .hasMessage("users.id: x, TEXT (expected: INTEGER)"))
        .verify(BOUND);
    StepVerifier.create(router.locate("orders", ShardKey.of(1)))
        .expectErrorMessage("table: orders (expected: one of [users])")
        .verify(BOUND);
    StepVerifier.create(router.on(ShardId.of("x")).sql("SELECT 1").rowsUpdated())
        .expectErrorMessage("shard: x (expected: one of [shard_0, shard_1, shard_2])")
        .verify(BOUND);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> router.on("users", ShardKey.of(1)).sql(BY_ID).map(User::of))
        .withMessageContaining("bind: no value for id");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> router.onKeys("users", List.of(ShardKey.of(1))).sql("SELECT 1").rowsUpdated())
        .withMessageContaining("sql: no :keys marker");
  }

  @Test
  void keysThatAreAskedForMostAreTold() {
    ShardRouter counting = TestShards.router(shards).hotKeys(true).build();
    try {
      Mono<User> seventh =
          counting
              .on("users", ShardKey.of(7))
              .sql("SELECT id, name FROM users WHERE id = :id")
              .bind("id", 7)
              .map(User::of)
              .one();
      seventh.repeat(49).then().block(BOUND);
      counting
          .onKeys("users", List.of(ShardKey.of(7), ShardKey.of(8)))
          .sql("SELECT id, name FROM users WHERE id IN (:keys)")
          .map(User::of)
          .rows()
          .then()
          .block(BOUND);
      assertThat(counting.operations().hotKeys("users").get(0))
          .isEqualTo(new HotKey(ShardKey.of(7), 51, 51));
      assertThat(router.operations().hotKeys("users")).isEmpty();
      assertThatIllegalArgumentException().isThrownBy(() -> router.operations().hotKeys("nothing"));
    } finally {
      counting.close().block(BOUND);
    }
  }

  @Test
  void aFullQueueIsRefusedAtOnceAndALongOneTimesOut() {
    PoolOptions one = PoolOptions.builder().maxSize(1).maxPending(1).build();
    ShardRouter narrow =
        TestShards.router(shards)
            .pool(one)
            .timeouts(Timeouts.defaults().withAcquire(Duration.ofSeconds(1)))
            .build();
    try {
      Mono<Long> slow = narrow.on(IDS.get(0)).sql("DO SLEEP(3)").rowsUpdated();
      StepVerifier.create(
              Flux.merge(
                      slow,
                      slow.onErrorResume(e -> message(e)),
                      slow.onErrorResume(e -> message(e)))
                  .then(Mono.just(seen)))
          .assertNext(
              errors -> {
                assertThat(errors).hasSize(2);
                assertThat(errors.get(0)).contains("shard_0: overloaded, 1 callers wait");
                assertThat(errors.get(1)).contains("shard_0: no connection within 1000 ms");
              })
          .expectComplete()
          .verify(BOUND);
    } finally {
      narrow.close().block(BOUND);
    }
  }

  private final List<String> seen = new CopyOnWriteArrayList<>();

  private Mono<Long> message(Throwable error) {
    seen.add(String.valueOf(error.getMessage()));
    return Mono.empty();
  }

  @Test
  void aShardThatIsDownAtStartStopsNoOther() {
    List<Shard> withDown = new ArrayList<>(shards);
    withDown.add(nowhere("shard_3"));
    ShardRouter some =
        TestShards.router(withDown)
            .rowCounts(new RowCountOptions(true, Duration.ofSeconds(1)))
            .build();
    try {
      some.warmUp().block(BOUND);
      StepVerifier.create(
              some.onAll()
                  .sql(ALL)
                  .map(User::of)
                  .signals()
                  .filter(s -> !(s instanceof ShardSignal.Row)))
          .recordWith(ArrayList::new)
          .thenConsumeWhile(signal -> true)
          .consumeRecordedWith(
              signals ->
                  assertThat(signals)
                      .filteredOn(signal -> signal instanceof Failed)
                      .singleElement()
                      .isInstanceOfSatisfying(
                          Failed.class,
                          failed ->
                              assertThat(failed.error())
                                  .isInstanceOf(ShardUnavailableException.class)
                                  .hasMessageContaining("shard_3: down, not asked")))
          .expectComplete()
          .verify(BOUND);
      StepVerifier.create(some.operations().statistics("users"))
          .assertNext(
              all -> {
                assertThat(all)
                    .extracting(ShardStatistics::status)
                    .containsExactly(
                        ShardStatistics.Status.ACTIVE,
                        ShardStatistics.Status.ACTIVE,
                        ShardStatistics.Status.ACTIVE,
                        ShardStatistics.Status.DOWN);
                assertThat(all.get(3).rowCount()).isNull();
                assertThat(
                        all.stream()
                            .limit(3)
                            .mapToLong(s -> s.rowCount() == null ? -1 : s.rowCount())
                            .sum())
                    .isEqualTo(USERS);
              })
          .expectComplete()
          .verify(BOUND);
    } finally {
      some.close().block(BOUND);
    }
  }

  @Test
  void shardsComeAndGoWhileStatementsFinishOnTheOldTopology() {
    ShardRouter growing = TestShards.router(shards).build();
    try {
      Shard fourth =
          Shard.of("shard_3", TestServers.shared().freshDatabases("fourth").get(0).r2dbcUrl());
      growing.operations().addShard(fourth).block(BOUND);
      assertThat(growing.topology().epoch()).isEqualTo(2);
      assertThat(growing.topology().shards()).contains(fourth.id());

      Mono<Long> slow = growing.on(fourth.id()).sql("SELECT SLEEP(2)").map((r, m) -> 1L).one();
      StepVerifier.create(
              Flux.merge(
                  slow,
                  growing
                      .operations()
                      .removeShard(fourth.id())
                      .thenReturn(0)
                      .elapsed()
                      .map(Tuple2::getT1)))
          .recordWith(ArrayList::new)
          .expectNextCount(1)
          .consumeRecordedWith(first -> assertThat(first).noneMatch(ms -> ms > 1 && ms < 1_500))
          .expectNextCount(1)
          .expectComplete()
          .verify(BOUND);
      assertThat(growing.topology().shards()).doesNotContain(fourth.id());
      StepVerifier.create(growing.operations().removeShard(IDS.get(0)))
          .expectErrorMessage("strategies.by_id: shard_0 (expected: one of [shard_1, shard_2])")
          .verify(BOUND);
      StepVerifier.create(growing.operations().addShard(shards.get(0)))
          .expectError(IllegalArgumentException.class)
          .verify(BOUND);
    } finally {
      growing.close().block(BOUND);
    }
  }

  @Test
  void aClosedRouterRefusesAndLeavesNothingOnTheServers() {
    ShardRouter shortLived = TestShards.router(TestShards.fresh(TestServers.shared())).build();
    List<String> databases =
        shortLived
            .onAll()
            .sql("SELECT DATABASE()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
            .rows()
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    shortLived.close().block(BOUND);
    shortLived.close().block(BOUND);
    StepVerifier.create(shortLived.onAll().sql("SELECT 1").rowsUpdated())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageContaining("closing (expected: a router and a shard in use)"))
        .verify(BOUND);
    assertThat(connectionsTo(databases)).isZero();
  }

  private static @Nullable Long connectionsTo(List<String> databases) {
    return Flux.fromIterable(databases)
        .concatMap(
            database ->
                router
                    .onAll()
                    .sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db = :db")
                    .bind("db", database)
                    .map((row, metadata) -> row.get(0, Long.class))
                    .rows())
        .reduce(0L, Long::sum)
        // A server notices a closed connection a moment later.
        .filter(count -> count == 0)
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50)).take(100))
        .defaultIfEmpty(-1L)
        .block(BOUND);
  }

  private static Flux<Long> inTransaction(long id, Flux<Long> then) {
    return router
        .on("users", ShardKey.of(id))
        .inTransaction(
            connection ->
                Flux.from(
                        connection
                            .createStatement("INSERT INTO users VALUES (" + id + ", 'x')")
                            .execute())
                    .concatMap(result -> result.getRowsUpdated())
                    .concatWith(then));
  }

  private static ShardId shardOf(ShardKey key) {
    return Objects.requireNonNull(router.locate("users", key).block(BOUND));
  }

  private static StatementSpec.Rows<User> byId(long id) {
    return router.on("users", ShardKey.of(id)).sql(BY_ID).bind("id", id).map(User::of);
  }

  private static void delete(long id) {
    router
        .on("users", ShardKey.of(id))
        .sql("DELETE FROM users WHERE id = ?")
        .bind(0, id)
        .rowsUpdated()
        .block(BOUND);
  }

  /** A shard on a port that nobody listens on. */
  private static Shard nowhere(String id) {
    return Shard.of(id, "r2dbc:mysql://root@127.0.0.1:1/x");
  }
}
