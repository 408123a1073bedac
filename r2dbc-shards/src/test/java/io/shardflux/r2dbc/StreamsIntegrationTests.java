package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.TestShards.User;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscription;
import reactor.core.Exceptions;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Results without a bound on rows, and who reads them slowly. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class StreamsIntegrationTests {

  private static final String ALL = "SELECT id, name FROM users";
  private static final String ONE = ALL + " WHERE id = :id";
  private static final int SIZE = 4;
  private static final int STREAMS = 2;
  private static final int TIMES = 10;
  private static final Timeouts BRIEF = Timeouts.defaults().withAcquire(Duration.ofMillis(250));

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router = router(STREAMS, Timeouts.defaults());
  private final List<Slow> readers = new ArrayList<>();

  StreamsIntegrationTests() {
    TestShards.load(router);
    // More than the rows that are asked for ahead.
    Flux.range(1, TIMES - 1)
        .concatMap(
            i ->
                router
                    .onAll()
                    .sql("INSERT INTO users SELECT id + :more, name FROM users WHERE id <= :users")
                    .bind("more", i * TestShards.USERS)
                    .bind("users", TestShards.USERS)
                    .rowsUpdated())
        .blockLast(BOUND);
  }

  private ShardRouter router(int streams, Timeouts timeouts) {
    return TestShards.router(shards)
        .pool(PoolOptions.builder().maxSize(SIZE).streams(streams).build())
        .timeouts(timeouts)
        .build();
  }

  @AfterEach
  void free() {
    readers.forEach(BaseSubscriber::dispose);
    readers.clear();
    awaitFree(router);
  }

  @AfterAll
  void close() {
    router.close().block(BOUND);
  }

  /** A caller that asks for rows, and does not wait long for a place. */
  private record Asker(ShardRouter router, Timeouts timeouts) {

    ScatterSpec all(String sql) {
      return router.onAll().sql(sql).timeouts(timeouts);
    }

    Flux<User> rows(String sql) {
      return all(sql).map(User::of).rows();
    }

    <T> Flux<T> each(Function<StatementSpec, Flux<T>> rows) {
      return Flux.fromIterable(TestShards.IDS)
          .flatMap(id -> rows.apply(router.on(id).sql(ALL).timeouts(timeouts)), 3, 1);
    }
  }

  static List<Arguments> streams() {
    return List.of(
        stream("rows", asker -> asker.rows(ALL)),
        stream("signals", asker -> asker.all(ALL).map(User::of).signals()),
        stream(
            "an order",
            asker ->
                asker
                    .all(ALL + " ORDER BY id")
                    .map(User::of)
                    .orderedBy(Comparator.comparingLong(User::id))
                    .signals()),
        stream("one shard each", asker -> asker.each(statement -> statement.map(User::of).all())),
        stream(
            "results",
            asker ->
                asker.each(
                    statement ->
                        statement.results(
                            UnaryOperator.identity(), result -> result.map(User::of)))),
        stream("no limit", asker -> asker.rows(ALL + " LIMIT 10, 18446744073709551615")),
        stream("groups", asker -> asker.rows("SELECT MAX(id) id, name FROM users GROUP BY id, 2")),
        stream("a limit inside", asker -> asker.rows("(" + ALL + " LIMIT 90) UNION ALL " + ALL)),
        stream("a table", asker -> asker.rows("WITH u AS (" + ALL + ") SELECT * FROM u")));
  }

  private static Flux<?> all(ShardRouter router, String sql) {
    return router.onAll().sql(sql).map(User::of).rows();
  }

  private static Arguments stream(String name, Function<Asker, Flux<?>> rows) {
    return arguments(name, rows);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("streams")
  void leaveConnectionsToOthers(String name, Function<Asker, Flux<?>> rows) {
    Asker asker = new Asker(router, BRIEF);
    for (int i = 0; i < 3 * SIZE; i++) {
      read(rows.apply(asker));
    }
    awaitTaken(router, STREAMS);
    Flux.range(1, 30)
        .flatMap(id -> find(router, id), 2)
        .as(StepVerifier::create)
        .expectNextCount(30)
        .expectComplete()
        .verify(BOUND);
    // More of them are told so, and no server is taken for late.
    Mono.from(rows.apply(asker).doOnNext(StreamsIntegrationTests::rethrow))
        .as(StepVerifier::create)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageContaining("overloaded, all of its 2 streams are taken for 250 ms")
                    .hasMessageContaining("raise pool.streams"))
        .verify(BOUND);
    assertThat(router.operations().statistics().block(BOUND))
        .allMatch(shard -> shard.status() == ShardStatistics.Status.ACTIVE);
  }

  @Test
  void takeAllConnectionsWhereTheyMay() {
    ShardRouter open = router(SIZE, Timeouts.defaults());
    for (int i = 0; i < SIZE; i++) {
      read(open.onAll().sql(ALL).map(User::of).rows());
    }
    awaitTaken(open, SIZE);
    open.on("users", ShardKey.of(1))
        .sql(ONE)
        .bind("id", 1)
        .timeouts(BRIEF)
        .map(User::of)
        .one()
        .as(StepVerifier::create)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardTimeoutException.class)
                    .hasMessageContaining("no connection within 250 ms"))
        .verify(BOUND);
    readers.forEach(BaseSubscriber::dispose);
    open.close().block(BOUND);
  }

  static Stream<Arguments> bounded() {
    return Stream.<Arguments>of(
        shortly("a limit", router -> all(router, ALL + " LIMIT 2")),
        shortly(
            "an order's limit",
            router ->
                router
                    .onAll()
                    .sql(ALL + " ORDER BY id LIMIT :n")
                    .bind("n", 2)
                    .map(User::of)
                    .orderedBy(Comparator.comparingLong(User::id))
                    .signals()),
        shortly("an aggregate", router -> all(router, "SELECT COUNT(*) id, 'n' name FROM users")),
        shortly("no table", router -> all(router, "SELECT 1 id, 'n' name")),
        shortly("said so", router -> router.onAll().sql(ALL).bounded().map(User::of).signals()),
        shortly(
            "a key",
            router ->
                router.on("users", ShardKey.of(7)).sql(ONE).bind("id", 7).map(User::of).all()),
        shortly(
            "keys",
            router ->
                router
                    .onKeys("users", List.of(ShardKey.of(7), ShardKey.of(8)))
                    .sql(ALL + " WHERE id IN (:keys)")
                    .map(User::of)
                    .rows()),
        shortly(
            "the first", router -> router.on(TestShards.IDS.get(0)).sql(ALL).map(User::of).first()),
        shortly("an insert", router -> TestShards.insert(router, 100_000)),
        shortly(
            "a change of all",
            router -> router.onAll().sql("DELETE FROM users WHERE id = 100000").rowsUpdated()),
        shortly(
            "a lent connection",
            router ->
                router
                    .on(TestShards.IDS.get(0))
                    .inConnection(
                        connection ->
                            Flux.<Result>from(connection.createStatement(ALL).execute())
                                .concatMap(result -> result.map(User::of)))),
        shortly(
            "a transaction",
            router ->
                Flux.usingWhen(
                    router.on(TestShards.IDS.get(0)).begin(IsolationLevel.READ_COMMITTED),
                    transaction -> transaction.sql(ALL).map(User::of).all(),
                    ShardTransaction::commit)));
  }

  private static Arguments shortly(String name, Function<ShardRouter, Publisher<?>> work) {
    return arguments(name, work);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bounded")
  void areNotWhatHasABound(String name, Function<ShardRouter, Publisher<?>> work) {
    for (int i = 0; i < STREAMS; i++) {
      read(router.onAll().sql(ALL).map(User::of).rows());
    }
    awaitTaken(router, STREAMS);
    Flux.from(work.apply(router))
        .doOnNext(StreamsIntegrationTests::rethrow)
        .then()
        .as(StepVerifier::create)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void waitInAQueueThatHasABound() {
    ShardRouter narrow =
        TestShards.router(shards)
            .pool(PoolOptions.builder().maxSize(1).maxPending(1).build())
            .build();
    Flux<User> rows = narrow.on(TestShards.IDS.get(0)).sql(ALL).map(User::of).all();
    Slow first = read(rows);
    awaitTaken(narrow, TestShards.IDS.subList(0, 1), 1);
    Slow second = read(rows);
    rows.as(StepVerifier::create)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageContaining("overloaded, 1 streams wait for a place"))
        .verify(BOUND);
    first.dispose();
    second.requestUnbounded();
    await(second::isDisposed);
    narrow.close().block(BOUND);
  }

  @Test
  void ofSeveralShardsDoNotWaitForEachOther() {
    ShardRouter narrow = router(1, BRIEF.withAcquire(Duration.ofSeconds(20)));
    Flux<User> ordered =
        narrow
            .onAll()
            .sql(ALL + " ORDER BY id")
            .map(User::of)
            .orderedBy(Comparator.comparingLong(User::id))
            .rows();
    Flux.range(0, 64)
        .flatMap(i -> ordered.subscribeOn(Schedulers.parallel()).count(), 16)
        .as(StepVerifier::create)
        .thenConsumeWhile(count -> count == TIMES * TestShards.USERS)
        .expectComplete()
        .verify(Duration.ofSeconds(15));
    awaitFree(narrow);
    narrow.close().block(BOUND);
  }

  @Test
  void givePlacesBackOnceWheneverTheyAreCancelled() {
    Random random = new Random(24);
    Timeouts hasty = BRIEF.withAcquire(Duration.ofMillis(5));
    Flux.range(0, 400)
        .flatMap(
            i ->
                router
                    .onAll()
                    .sql(ALL)
                    .timeouts(random.nextInt(4) == 0 ? hasty : BRIEF)
                    .map(User::of)
                    .signals()
                    .limitRate(1 + random.nextInt(64))
                    .take(1 + random.nextInt(120))
                    .takeUntilOther(Mono.delay(Duration.ofNanos(random.nextInt(8_000_000))))
                    .then()
                    .onErrorComplete(),
            24)
        .as(StepVerifier::create)
        .expectComplete()
        .verify(BOUND);
    awaitFree(router);
    for (int i = 0; i < STREAMS; i++) {
      read(router.onAll().sql(ALL).map(User::of).rows());
    }
    awaitTaken(router, STREAMS);
  }

  private static void rethrow(Object signal) {
    if (signal instanceof ShardSignal.Failed<?> failed) {
      throw Exceptions.propagate(failed.error());
    }
  }

  private static Mono<User> find(ShardRouter router, long id) {
    return router.on("users", ShardKey.of(id)).sql(ONE).bind("id", id).map(User::of).one();
  }

  private Slow read(Flux<?> rows) {
    Slow reader = new Slow();
    rows.subscribe(reader);
    readers.add(reader);
    return reader;
  }

  private static void awaitTaken(ShardRouter router, int streams) {
    awaitTaken(router, TestShards.IDS, streams);
  }

  private static void awaitTaken(ShardRouter router, List<ShardId> ids, int streams) {
    await(
        () ->
            ids.stream()
                .map(id -> server(router, id))
                .allMatch(
                    server ->
                        server.streams() == streams
                            && server.connectionCounts().acquired() >= streams));
  }

  private static void awaitFree(ShardRouter router) {
    awaitTaken(router, 0);
    await(
        () ->
            TestShards.IDS.stream()
                .allMatch(id -> server(router, id).connectionCounts().acquired() == 0));
  }

  private static void await(BooleanSupplier condition) {
    Flux.interval(Duration.ofMillis(10))
        .filter(tick -> condition.getAsBoolean())
        .blockFirst(Duration.ofSeconds(15));
  }

  private static ServerPool server(ShardRouter router, ShardId id) {
    ShardServers servers = TestShards.live(router).enter(id);
    servers.leave();
    return servers.servers().get(0);
  }

  /** Takes one row and no more. */
  private static final class Slow extends BaseSubscriber<Object> {

    @Override
    protected void hookOnSubscribe(Subscription subscription) {
      request(1);
    }

    @Override
    protected void hookOnError(Throwable error) {
      // Of those that found no place.
    }
  }
}
