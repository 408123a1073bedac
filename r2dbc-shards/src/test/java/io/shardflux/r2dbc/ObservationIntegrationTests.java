package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.Observed;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The observations of statements on real servers. */
@Tag("same-on-any-server")
class ObservationIntegrationTests {

  private static final String ASLEEP = "SELECT SLEEP(30)";
  private static final ShardId UNREACHABLE = ShardId.of("unreachable");

  /** An observation that has ended. */
  record Seen(Map<String, String> keys, @Nullable Throwable error, Observation.Context context) {

    static Seen of(Observation.Context context) {
      return new Seen(
          context.getAllKeyValues().stream()
              .collect(Collectors.toMap(KeyValue::getKey, KeyValue::getValue)),
          context.getError(),
          context);
    }

    @Nullable String key(String name) {
      return keys.get(name);
    }
  }

  private final Queue<Seen> ended = new ConcurrentLinkedQueue<>();
  // It checks that each is started and stopped once, in that order.
  private final ObservationRegistry registry = TestObservationRegistry.create();
  private final List<Database> databases = TestServers.shared().freshDatabases("observed");
  private final List<Shard> shards = TestShards.shards(databases);
  private final ShardRouter router = router(registry);

  private ShardRouter router(ObservationRegistry observations) {
    List<Shard> all = new ArrayList<>(shards);
    all.add(Shard.of(UNREACHABLE.value(), "r2dbc:mysql://root@127.0.0.1:1/a"));
    return TestShards.router(all)
        .pool(PoolOptions.builder().maxSize(1).build())
        .observations(observations)
        .build();
  }

  @BeforeEach
  void load() {
    ShardRouter loader = TestShards.router(shards).build();
    TestShards.load(loader);
    loader.close().block(BOUND);
    registry
        .observationConfig()
        .observationHandler(
            new ObservationHandler<Observation.Context>() {

              @Override
              public void onStop(Observation.Context context) {
                if ("shardflux.statement".equals(context.getName())) {
                  ended.add(Seen.of(context));
                }
              }

              @Override
              public boolean supportsContext(Observation.Context context) {
                return true;
              }
            });
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
  }

  @Test
  void aBatchIsObservedUnderItsFirstCaller() {
    KeyedReads<Long> reads =
        router.coalesced(
            "users",
            "SELECT id FROM users WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(row.get(0, Long.class)),
            (row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)),
            CoalescingOptions.defaults().withInFlight(1));
    Observation none = Observation.start("none", registry);
    Observation first = Observation.start("first", registry);
    Observation second = Observation.start("second", registry);
    // With the only place taken, the others go together.
    StepVerifier.create(
            Flux.just(none, first, second)
                .flatMap(
                    parent ->
                        reads
                            .one(ShardKey.of(42))
                            .contextWrite(context -> context.put(Observed.PARENT, parent))))
        .expectNext(42L, 42L, 42L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ended)
        .extracting(seen -> seen.context().getParentObservation(), seen -> seen.key("rows"))
        .containsExactly(tuple(none, "1"), tuple(first, "1"));
  }

  @Test
  void aReadIsObservedWithItsParentAndWithoutItsValues() {
    Observation parent = Observation.start("parent", registry);
    StepVerifier.create(
            router
                .on("users", ShardKey.of(42))
                .sql("SELECT name FROM users WHERE id = :id AND name <> :other")
                .bind("id", 42)
                .bind("other", "Quetzalcoatl")
                .map((row, metadata) -> 1)
                .all()
                .contextWrite(context -> context.put(Observed.PARENT, parent)))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    parent.stop();
    ShardId shard = router.locate("users", ShardKey.of(42)).blockOptional(BOUND).orElseThrow();
    Seen seen = only();
    assertThat(seen.keys())
        .isEqualTo(
            Map.of(
                "shard", shard.value(),
                "role", "primary",
                "operation", "read",
                "outcome", "success",
                "server", databases.get(IDS.indexOf(shard)).server().address(),
                "statement", "SELECT name FROM users WHERE id = :id AND name <> :other",
                "rows", "1"));
    assertThat(seen.context().getLowCardinalityKeyValues().stream().map(KeyValue::getKey))
        .containsExactlyInAnyOrder("shard", "role", "operation", "outcome");
    assertThat(seen.context().getContextualName()).isEqualTo("read " + shard);
    assertThat(seen.context().getParentObservation()).isSameAs(parent);
    assertThat(seen.error()).isNull();
  }

  @Test
  void aReadOfAllShardsIsObservedOnEach() {
    router.onAll().sql("SELECT id FROM users").map((row, metadata) -> 1).signals().blockLast(BOUND);
    assertThat(ended)
        .extracting(seen -> seen.key("shard"), seen -> seen.key("outcome"))
        .containsExactlyInAnyOrder(
            tuple("shard_0", "success"),
            tuple("shard_1", "success"),
            tuple("shard_2", "success"),
            tuple("unreachable", "unavailable"));
    assertThat(
            ended.stream()
                .map(seen -> seen.key("rows"))
                .mapToInt(rows -> Integer.parseInt(String.valueOf(rows)))
                .sum())
        .isEqualTo(TestShards.USERS);
  }

  @Test
  void anErrorsKindIsTheOutcome() {
    fail(router.on(IDS.get(0)).sql("SELECT nothing FROM nowhere").rowsUpdated());
    fail(TestShards.insert(router, 42));
    fail(
        router
            .on(IDS.get(0))
            .sql(ASLEEP)
            .timeouts(Timeouts.defaults().withTotal(Duration.ofMillis(200)))
            .map((row, metadata) -> 1)
            .one());
    fail(router.on(UNREACHABLE).sql("DELETE FROM users").rowsUpdated());
    assertThat(ended)
        .extracting(seen -> seen.key("operation"), seen -> seen.key("outcome"))
        .containsExactly(
            tuple("write", "grammar"),
            tuple("write", "constraint"),
            tuple("read", "timeout"),
            tuple("write", "unavailable"));
    assertThat(ended).allSatisfy(seen -> assertThat(seen.error()).isNotNull());
  }

  @Test
  void aCancelIsAnOutcomeAndNoError() {
    Disposable sleeping =
        router.on(IDS.get(0)).sql(ASLEEP).map((row, metadata) -> 1).one().subscribe();
    Await.until("it sleeps", ServerSide.sleeping(shards.get(0)), count -> count == 1);
    sleeping.dispose();
    Seen seen = only();
    assertThat(seen.key("outcome")).isEqualTo("cancelled");
    assertThat(seen.key("rows")).isEqualTo("0");
    assertThat(seen.error()).isNull();
  }

  @Test
  void eachGoOfAReadIsObserved() {
    ShardTarget target = router.on(IDS.get(0));
    // It fails once: what it writes stays, as that table knows no transactions.
    target.sql("CREATE TABLE tried (id INT) ENGINE = MEMORY").rowsUpdated().block(BOUND);
    target
        .sql(
            "CREATE FUNCTION flaky() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN"
                + " IF NOT EXISTS (SELECT 1 FROM tried) THEN INSERT INTO tried VALUES (1);"
                + " SIGNAL SQLSTATE '40001'; END IF; RETURN 7; END")
        .rowsUpdated()
        .block(BOUND);
    Flux.range(0, 10)
        .concatMap(i -> target.sql("SELECT 1").map((row, metadata) -> 1).one())
        .blockLast(BOUND);
    ended.clear();
    StepVerifier.create(
            target.sql("SELECT flaky()").map((row, metadata) -> row.get(0, Integer.class)).one())
        .expectNext(7)
        .expectComplete()
        .verify(BOUND);
    assertThat(ended)
        .extracting(seen -> seen.key("outcome"))
        .containsExactly("rollback", "success");
  }

  @Test
  void aLentConnectionIsObservedAndWhatRunsOnItNests() {
    StepVerifier.create(router.on(IDS.get(0)).inTransaction(connection -> parentInside()))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(router.on(IDS.get(0)).inConnection(connection -> parentInside()))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            router
                .on(IDS.get(0))
                .inConnection(connection -> Mono.error(new IllegalStateException("mine"))))
        .expectErrorMessage("mine")
        .verify(BOUND);
    StepVerifier.create(router.on(IDS.get(0)).inConnection(connection -> Mono.never()))
        .expectSubscription()
        .thenCancel()
        .verify(BOUND);
    Await.until("four of them", Mono.fromSupplier(ended::size), size -> size == 4);
    assertThat(ended)
        .extracting(seen -> seen.key("operation"), seen -> seen.key("outcome"))
        .containsExactlyInAnyOrder(
            tuple("transaction", "success"),
            tuple("lend", "success"),
            tuple("lend", "other"),
            tuple("lend", "cancelled"));
    assertThat(ended)
        .allSatisfy(seen -> assertThat(seen.keys()).doesNotContainKeys("statement", "rows"));
  }

  @Test
  void withoutARegistryTheWorkSeesItsSubscribersContext() {
    ShardRouter plain = router(ObservationRegistry.NOOP);
    StepVerifier.create(
            plain
                .on(IDS.get(0))
                .inTransaction(
                    connection ->
                        Mono.deferContextual(
                            context -> Mono.just(context.hasKey(Observed.PARENT)))))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
    plain.close().block(BOUND);
    assertThat(ended).isEmpty();
  }

  /** The name of the observation that work is in. */
  private static Mono<String> parentInside() {
    return Mono.deferContextual(
            context ->
                Mono.justOrEmpty(context.<Observation>get(Observed.PARENT).getContext().getName()))
        .filter("shardflux.statement"::equals);
  }

  private static void fail(Mono<?> statement) {
    StepVerifier.create(statement).expectError().verify(BOUND);
  }

  private Seen only() {
    assertThat(ended).hasSize(1);
    return ended.element();
  }
}
