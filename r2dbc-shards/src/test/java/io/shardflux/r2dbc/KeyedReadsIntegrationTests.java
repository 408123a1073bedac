package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static io.shardflux.r2dbc.TestShards.USERS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.coalesce.StrayRowException;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.UnroutableKeyException;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class KeyedReadsIntegrationTests {

  private static final String SELECT = "SELECT id, name FROM users WHERE id IN (:keys)";
  private static final String SLOW = SELECT + " AND SLEEP(0.5) = 0";
  private static final CoalescingOptions TEN_WAIT = CoalescingOptions.defaults().withMaxWaiting(10);
  private static final int AT_ONCE = 256;

  private final TestServers servers = TestServers.shared();
  private final List<Shard> shards = TestShards.fresh(servers);
  private final ShardRouter router =
      TestShards.router(shards)
          .table(new TableRule.Sharded("orders", List.of(KeyColumn.integer("user_id")), "by_id"))
          .table(
              new TableRule.Sharded(
                  "words", List.of(KeyColumn.text("tenant"), KeyColumn.text("word")), "by_id"))
          .hotKeys(true)
          .build();
  private final KeyedReads<User> users = users(SELECT);

  KeyedReadsIntegrationTests() {
    TestShards.load(router);
    onAll("CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT, KEY (user_id))");
    onAll(
        "CREATE TABLE words (tenant VARCHAR(20), word VARCHAR(20), meaning VARCHAR(20))"
            + " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");
    onAll(
        "CREATE FUNCTION picky(id BIGINT) RETURNS INT DETERMINISTIC NO SQL BEGIN"
            + " IF id = 13 THEN SIGNAL SQLSTATE '45000'; END IF; RETURN 1; END");
  }

  @AfterEach
  void restore() {
    servers.restore();
    Await.until(
        "every shard active",
        router.operations().statistics(),
        all -> all.stream().allMatch(it -> it.status() == ShardStatistics.Status.ACTIVE));
  }

  @AfterAll
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void eachCallerGetsItsOwnRow() {
    SimpleMeterRegistry meters = new SimpleMeterRegistry();
    new ShardMeters(router).bindTo(meters);
    double batches = sum(meters, "shardflux.batches");
    double keys = sum(meters, "shardflux.batch.keys");
    StepVerifier.create(
            Flux.range(0, 5_000)
                .flatMap(
                    i -> {
                      long id = 1L + i % USERS;
                      return users.one(ShardKey.of(id)).filter(new User(id, "user " + id)::equals);
                    },
                    AT_ONCE)
                .count())
        .expectNext(5_000L)
        .expectComplete()
        .verify(BOUND);
    assertThat(sum(meters, "shardflux.batches") - batches).isBetween(40.0, 2_500.0);
    // Equal keys are asked once.
    assertThat(sum(meters, "shardflux.batch.keys") - keys).isBetween(300.0, 5_000.0);
    assertThat(router.operations().hotKeys("users")).isNotEmpty();
  }

  @Test
  void aRowIsToldWithTheShardThatItCameFrom() {
    AtomicInteger lookups = new AtomicInteger();
    ShardRouter own = moving(lookups);
    try {
      Flux.fromIterable(IDS)
          .concatMap(
              shard ->
                  Flux.concat(
                      own.on(shard)
                          .sql("CREATE TABLE moved (id BIGINT, shard VARCHAR(20))")
                          .rowsUpdated(),
                      own.on(shard)
                          .sql("INSERT INTO moved VALUES (7, :shard)")
                          .bind("shard", shard.value())
                          .rowsUpdated()))
          .then()
          .block(BOUND);
      KeyedReads<String> reads =
          own.coalesced(
              "moved",
              "SELECT id, shard FROM moved WHERE id IN (:keys)",
              (row, metadata) -> ShardKey.of(row.get("id", Long.class)),
              (row, metadata) -> String.valueOf(row.get("shard")));
      StepVerifier.create(
              Flux.range(0, 9).concatMap(i -> reads.oneLocated(ShardKey.of(7))).collectList())
          .assertNext(
              rows ->
                  assertThat(rows)
                      .hasSize(9)
                      .allMatch(row -> row.shard().value().equals(row.value()))
                      .extracting(ShardSignal.Row::shard)
                      .containsAll(IDS))
          .expectComplete()
          .verify(BOUND);
      assertThat(lookups).hasValue(9);
      StepVerifier.create(reads.oneLocated(ShardKey.of(8))).expectComplete().verify(BOUND);
    } finally {
      own.close().block(BOUND);
    }
  }

  /** With a table whose keys move to the next shard with each look-up. */
  private ShardRouter moving(AtomicInteger lookups) {
    ShardDirectory directory =
        new ShardDirectory() {
          @Override
          public Mono<ShardId> find(ShardKey key) {
            return Mono.fromSupplier(() -> IDS.get(lookups.getAndIncrement() % IDS.size()));
          }

          @Override
          public Mono<ShardId> assign(ShardKey key, ShardId shard) {
            return Mono.error(new UnsupportedOperationException());
          }

          @Override
          public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
            return Mono.error(new UnsupportedOperationException());
          }

          @Override
          public Flux<ShardKey> assigned(ShardId shard) {
            return Flux.empty();
          }
        };
    return TestShards.router(shards)
        .strategy("moving", ShardingStrategy.directory(directory, IDS).cacheSize(0).build())
        .table(new TableRule.Sharded("moved", List.of(KeyColumn.integer("id")), "moving"))
        .build();
  }

  @Test
  void missingKeysAreEmpty() {
    StepVerifier.create(
            Flux.range(USERS - 49, 100).flatMap(id -> users.one(ShardKey.of(id)), 100).count())
        .expectNext(50L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aKeyMayHaveSeveralRows() {
    for (long order = 1; order <= 60; order++) {
      ShardKey user = ShardKey.of(order % 6);
      write(user, "INSERT INTO orders (id, user_id) VALUES (" + order + ", " + order % 6 + ")");
    }
    KeyedReads<Long> orders =
        router.coalesced(
            "orders",
            "SELECT user_id, id FROM orders WHERE user_id IN (:keys) ORDER BY id DESC",
            (row, metadata) -> ShardKey.of(row.get(0, Long.class)),
            (row, metadata) -> Objects.requireNonNull(row.get(1, Long.class)));
    StepVerifier.create(
            Flux.range(0, 120)
                .flatMap(
                    i ->
                        orders
                            .all(ShardKey.of(i % 6))
                            .collectList()
                            .map(
                                ids ->
                                    ids.equals(
                                        LongStream.iterate(60, id -> id - 1)
                                            .limit(60)
                                            .filter(id -> id % 6 == i % 6)
                                            .boxed()
                                            .toList())),
                    120)
                .filter(right -> right)
                .count())
        .expectNext(120L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(orders.one(ShardKey.of(3)))
        .expectError(TooManyRowsException.class)
        .verify(BOUND);
    StepVerifier.create(orders.all(ShardKey.of(3)), 2)
        .expectNext(57L, 51L)
        .thenRequest(1)
        .expectNext(45L)
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void keysOfSeveralPartsAreComparedByteByByte() {
    List<String> tenants = List.of("acme", "north", "south");
    for (String tenant : tenants) {
      write(
          ShardKey.of(tenant, "a"),
          "INSERT INTO words VALUES ('"
              + tenant
              + "', 'a', 'small'), ('"
              + tenant
              + "', 'B', 'big')");
    }
    KeyedReads<String> words =
        router.coalesced(
            "words",
            "SELECT tenant, word, meaning FROM words WHERE (tenant, word) IN (:keys)",
            (row, metadata) -> ShardKey.of(row.get(0, String.class), row.get(1, String.class)),
            (row, metadata) -> row.get(0, String.class) + " " + row.get(2, String.class));
    StepVerifier.create(
            Flux.fromIterable(tenants)
                .flatMapSequential(tenant -> words.one(ShardKey.of(tenant, "a"))))
        .expectNext("acme small", "north small", "south small")
        .expectComplete()
        .verify(BOUND);
    // The column's collation holds 'b' for 'B', which is another key.
    String tenant = tenants.stream().filter(it -> sameShard(it, "a", "b")).findFirst().orElse("");
    assumeTrue(!tenant.isEmpty(), "some tenant has both words on one shard");
    StepVerifier.create(
            Flux.just("a", "b", "c", "d")
                .flatMapSequential(
                    word ->
                        words
                            .one(ShardKey.of(tenant, word))
                            .onErrorResume(
                                StrayRowException.class, stray -> Mono.just("stray " + word))))
        .expectNext(tenant + " small", "stray b")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void whatTheServerRefusesForOneKeyFailsThatKeyAlone() {
    KeyedReads<User> picky = users(SELECT + " AND picky(id) = 1");
    StepVerifier.create(
            Flux.range(1, 60)
                .flatMap(
                    id ->
                        picky
                            .one(ShardKey.of(id))
                            .map(User::id)
                            .onErrorResume(
                                R2dbcException.class,
                                error -> Mono.just(error.getErrorCode() == 1644 ? -id : 0L)),
                    60)
                .sort()
                .collectList())
        .assertNext(ids -> assertThat(ids).isEqualTo(except(13, 60)))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aRowThatCantBeMappedFailsItsKeyAlone() {
    KeyedReads<Long> mapped =
        router.coalesced(
            "users",
            SELECT,
            KeyedReadsIntegrationTests::key,
            (row, metadata) -> {
              User user = User.of(row, metadata);
              if (user.id() == 13) {
                throw new IllegalStateException("thirteen");
              }
              return user.id();
            });
    StepVerifier.create(
            Flux.range(1, 60)
                .flatMap(
                    id ->
                        mapped
                            .one(ShardKey.of(id))
                            .onErrorReturn(IllegalStateException.class, (long) -id),
                    60)
                .sort()
                .collectList())
        .assertNext(ids -> assertThat(ids).isEqualTo(except(13, 60)))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void eachCallerIsHeldToItsOwnTime() {
    KeyedReads<User> sleepy = users(SELECT + " AND SLEEP(2) = 0");
    List<Long> ids = ofOneShard(4);
    occupy(sleepy, ids);
    Mono<String> hasty =
        sleepy
            .timeouts(Timeouts.of(Duration.ofSeconds(3)))
            .one(ShardKey.of(ids.get(2)))
            .map(User::name)
            .onErrorReturn(ShardTimeoutException.class, "late");
    Mono<String> patient = sleepy.one(ShardKey.of(ids.get(3))).map(User::name);
    StepVerifier.create(Mono.zip(hasty, patient))
        .assertNext(
            both -> {
              assertThat(both.getT1()).isEqualTo("late");
              assertThat(both.getT2()).isEqualTo("user " + ids.get(3));
            })
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void onlyTheLastCancelEndsTheStatement() {
    KeyedReads<User> sleepy = users(SELECT + " AND SLEEP(60) = 0");
    ShardKey key = ShardKey.of(1);
    Shard shard = shards.get(IDS.indexOf(router.locate("users", key).block(BOUND)));
    Disposable first = sleepy.one(key).subscribe();
    Await.until("one sleeps", ServerSide.sleeping(shard), count -> count == 1);
    first.dispose();
    Await.until("none sleeps", ServerSide.sleeping(shard), count -> count == 0);
    List<Disposable> occupying = List.of(sleepy.one(key).subscribe(), sleepy.one(key).subscribe());
    Disposable third = sleepy.one(key).subscribe();
    Disposable fourth = sleepy.one(key).subscribe();
    Await.until("two sleep", ServerSide.sleeping(shard), count -> count == 2);
    occupying.get(0).dispose();
    occupying.get(1).dispose();
    Await.until("one sleeps", ServerSide.sleeping(shard), count -> count == 1);
    third.dispose();
    assertThat(ServerSide.sleeping(shard).block(BOUND)).isOne();
    fourth.dispose();
    Await.until("none sleeps", ServerSide.sleeping(shard), count -> count == 0);
    ServerSide.awaitOnlyIdle(router, shards);
  }

  @Test
  void moreThanMayWaitAreRefused() {
    refusedBeyondTen(users(SLOW, TEN_WAIT));
  }

  @Test
  void theRoutersOptionsHoldWhereNoneAreGiven() {
    ShardRouter narrow = TestShards.router(shards).coalescing(TEN_WAIT).build();
    refusedBeyondTen(narrow.coalesced("users", SLOW, KeyedReadsIntegrationTests::key, User::of));
    narrow.close().block(BOUND);
  }

  private void refusedBeyondTen(KeyedReads<User> narrow) {
    List<Long> ids = ofOneShard(20);
    StepVerifier.create(
            Flux.fromIterable(ids)
                .flatMap(
                    id ->
                        narrow
                            .one(ShardKey.of(id))
                            .map(User::id)
                            .onErrorReturn(ShardUnavailableException.class, -1L),
                    20)
                .filter(id -> id == -1)
                .count())
        .assertNext(refused -> assertThat(refused).isBetween(1L, 8L))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aServerThatIsKilledFailsItsOwnReadsAndNoOthers() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    servers.kill(servers.servers().get(2));
    assertOnlyShardTwoFails(error -> error instanceof ShardUnavailableException);
  }

  @Test
  void aServerThatHangsFailsItsOwnReadsAndNoOthers() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    servers.pause(servers.servers().get(2));
    assertOnlyShardTwoFails(
        error ->
            error instanceof ShardTimeoutException || error instanceof ShardUnavailableException);
  }

  private void assertOnlyShardTwoFails(Predicate<Throwable> expected) {
    KeyedReads<User> bounded = users.timeouts(Timeouts.of(Duration.ofSeconds(3)));
    StepVerifier.create(
            Flux.range(1, USERS)
                .flatMap(
                    id -> {
                      ShardKey key = ShardKey.of(id);
                      Mono<Boolean> read =
                          bounded.one(key).map(user -> true).onErrorReturn(expected, false);
                      return Mono.zip(router.locate("users", key), read);
                    },
                    USERS)
                .filter(both -> both.getT1().equals(IDS.get(2)) == both.getT2())
                .collectList())
        .expectNext(List.of())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aDrainedShardTakesNoNewReadsAndEndsThoseThatWait() {
    KeyedReads<User> sleepy = users(SELECT + " AND SLEEP(1) = 0");
    List<Long> ids = ofOneShard(4);
    ShardId shard = IDS.get(0);
    Mono<List<User>> waiting =
        Flux.fromIterable(ids).flatMap(id -> sleepy.one(ShardKey.of(id))).collectList().cache();
    waiting.subscribe();
    Mono<Void> drained = router.operations().drain(shard).cache();
    drained.subscribe();
    StepVerifier.create(sleepy.one(ShardKey.of(ids.get(0))))
        .expectError(ShardUnavailableException.class)
        .verify(BOUND);
    StepVerifier.create(waiting.map(List::size)).expectNext(4).expectComplete().verify(BOUND);
    StepVerifier.create(drained).expectComplete().verify(BOUND);
    router.operations().resume(shard).block(BOUND);
    StepVerifier.create(users.one(ShardKey.of(ids.get(0))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aKeyThatLiesNowhereIsRefused() {
    StepVerifier.create(users.one(ShardKey.of("text")))
        .expectError(UnroutableKeyException.class)
        .verify(BOUND);
  }

  @Test
  void aStatementThatCantBeJoinedIsRefusedAtOnce() {
    refused(
        "SELECT id FROM users", "sql: markers [] (expected: … IN (:keys), and no other marker)");
    refused("SELECT id FROM users WHERE id IN (?)", "sql: markers [0]");
    refused(
        "SELECT id FROM users WHERE id IN (:keys) AND name = :name", "sql: markers [keys, name]");
    refused("DELETE FROM users WHERE id IN (:keys)", "sql: no plain read");
    refused(SELECT + " FOR UPDATE", "sql: no plain read");
    refused(SELECT + " LIMIT 1", "sql: LIMIT or FETCH");
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                router.coalesced(
                    "nowhere", SELECT, KeyedReadsIntegrationTests::key, (row, metadata) -> 1))
        .withMessageStartingWith("table: nowhere");
  }

  private void refused(String sql, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> users(sql))
        .withMessageStartingWith(message)
        .withMessageEndingWith(" in: " + sql);
  }

  private KeyedReads<User> users(String sql) {
    return users(sql, CoalescingOptions.defaults());
  }

  private KeyedReads<User> users(String sql, CoalescingOptions coalescing) {
    return router.coalesced("users", sql, KeyedReadsIntegrationTests::key, User::of, coalescing);
  }

  private static ShardKey key(io.r2dbc.spi.Row row, io.r2dbc.spi.RowMetadata metadata) {
    return ShardKey.of(row.get(0, Long.class));
  }

  /** Takes both places of their shard, so that what comes next goes together. */
  private static void occupy(KeyedReads<User> reads, List<Long> ids) {
    reads.one(ShardKey.of(ids.get(0))).subscribe();
    reads.one(ShardKey.of(ids.get(1))).subscribe();
  }

  private List<Long> ofOneShard(int count) {
    return LongStream.rangeClosed(1, USERS)
        .boxed()
        .filter(id -> IDS.get(0).equals(router.locate("users", ShardKey.of(id)).block(BOUND)))
        .limit(count)
        .toList();
  }

  private boolean sameShard(String tenant, String one, String other) {
    return Objects.equals(
        router.locate("words", ShardKey.of(tenant, one)).block(BOUND),
        router.locate("words", ShardKey.of(tenant, other)).block(BOUND));
  }

  private static List<Long> except(long failed, int count) {
    return LongStream.rangeClosed(1, count)
        .map(id -> id == failed ? -id : id)
        .sorted()
        .boxed()
        .toList();
  }

  private void onAll(String sql) {
    router.onAll().sql(sql).onFailure(FailurePolicy.failFast()).rowsUpdated().blockLast(BOUND);
  }

  private void write(ShardKey key, String sql) {
    String table = key.size() == 1 ? "users" : "words";
    router.on(table, key).sql(sql).rowsUpdated().block(BOUND);
  }

  private static double sum(SimpleMeterRegistry meters, String counter) {
    return meters.find(counter).functionCounters().stream().mapToDouble(it -> it.count()).sum();
  }
}
