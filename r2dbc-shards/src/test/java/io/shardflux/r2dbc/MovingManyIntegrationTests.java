package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.FROM;
import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Statements for many keys, or for all shards, while keys go from one shard to another. */
@Tag("same-on-any-server")
class MovingManyIntegrationTests {

  private static final List<Long> MOVING = keys(true, 20);
  private static final List<Long> STAYING = keys(false, 40);
  private static final List<Long> ALL = Stream.of(MOVING, STAYING).flatMap(List::stream).toList();

  private final MovedByHand move =
      new MovedByHand(
          TestServers.shared(),
          options -> options.with(Timeouts.defaults().withAcquire(Duration.ofSeconds(1))));

  @AfterEach
  void close() {
    move.end();
  }

  private record Row(long id, long n) {}

  private static Row row(io.r2dbc.spi.Row row, Object metadata) {
    return new Row(
        Objects.requireNonNull(row.get("id", Long.class)),
        Objects.requireNonNull(row.get("n", Long.class)));
  }

  private static List<ShardKey> shardKeys(Collection<Long> ids) {
    return ids.stream().map(ShardKey::of).toList();
  }

  private List<InsertOutcome<Long>> insert(Collection<Long> ids) {
    return insert(Flux.fromIterable(ids)).blockOptional(BOUND).orElseThrow();
  }

  private Mono<List<InsertOutcome<Long>>> insert(Flux<Long> ids) {
    return move.router
        .<Long>inserts(
            "users",
            "INSERT INTO users (id, n) VALUES (:id, 1)",
            ShardKey::of,
            id -> Map.of("id", id))
        .store(ids)
        .collectList();
  }

  private void started() {
    assertThat(insert(ALL)).hasOnlyElementsOfType(InsertOutcome.Stored.class);
    move.fence();
  }

  /** The keys have left; the source still has their rows behind its fence. */
  private void switched() {
    move.close();
    move.copy();
    move.published(Phase.SWITCHED);
  }

  /** The same, and the source has nothing of them any more. */
  private void left(int sureFor) {
    started();
    move.published(Phase.COPYING).known();
    move.close();
    move.copy();
    move.clean();
    move.published(Phase.SWITCHED);
    move.sureFor(sureFor);
  }

  private Flux<Row> read(Collection<Long> ids) {
    return move.router
        .onKeys("users", shardKeys(ids))
        .sql("SELECT id, n FROM users WHERE id IN (:keys)")
        .map(MovingManyIntegrationTests::row)
        .rows();
  }

  private Mono<Long> add(Collection<Long> ids) {
    return move.router
        .onKeys("users", shardKeys(ids))
        .sql("UPDATE users SET n = n + 1 WHERE id IN (:keys)")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .ofType(ShardSignal.Row.class)
        .map(signal -> (Long) signal.value())
        .reduce(0L, Long::sum);
  }

  /** All users once, where they belong, with that value. */
  private void assertAll(long n) {
    Map<Long, Map<ShardId, Long>> found = move.values();
    for (long id : ALL) {
      ShardId home =
          move.router.locate("users", ShardKey.of(id)).blockOptional(BOUND).orElseThrow();
      assertThat(found.getOrDefault(id, Map.of())).as("user %s", id).containsEntry(home, n);
    }
  }

  @Test
  void aReadOfKeysAsksThoseThatLeftAgain() {
    left(2);
    assertThat(read(ALL).map(Row::id).collectList().block(BOUND))
        .containsExactlyInAnyOrderElementsOf(ALL);
  }

  @Test
  void anOrderedReadOfKeysThatLeftIsToldSo() {
    left(2);
    StepVerifier.create(
            move.router
                .onKeys("users", shardKeys(ALL))
                .sql("SELECT id, n FROM users WHERE id IN (:keys) ORDER BY id")
                .map(MovingManyIntegrationTests::row)
                .orderedBy(Comparator.comparing(Row::id))
                .rows()
                .then())
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  @Test
  void anOrderedReadWhoseKeysLeaveBeforeItIsSentKeepsItsOrder() {
    left(0);
    StepVerifier.create(
            move.router
                .onKeys("users", shardKeys(ALL))
                .sql("SELECT id, n FROM users WHERE id IN (:keys) ORDER BY id")
                .map(MovingManyIntegrationTests::row)
                .orderedBy(Comparator.comparing(Row::id))
                .rows()
                .map(Row::id)
                .collectList())
        .expectNext(ALL.stream().sorted().toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aLateWriteOfKeysIsDoneOnceWhereTheyWent() {
    started();
    move.published(Phase.COPYING).known();
    switched();
    assertThat(add(ALL).block(BOUND)).isEqualTo(ALL.size());
    assertAll(2);
  }

  @Test
  void aWriteOfKeysThatFoundNothingIsDoneWhereTheyWent() {
    left(2);
    assertThat(add(ALL).block(BOUND)).isEqualTo(ALL.size());
    assertAll(2);
  }

  @Test
  void aWriteOfKeysWaitsForTheirSwitch() {
    started();
    move.published(Phase.SWITCHING).known();
    StepVerifier.create(add(ALL))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(50))
        .then(
            () -> {
              switched();
              move.known();
            })
        .expectNext((long) ALL.size())
        .expectComplete()
        .verify(BOUND);
    assertAll(2);
  }

  private KeyedReads<Row> joined() {
    return move.router.coalesced(
        "users",
        "SELECT id, n FROM users WHERE id IN (:keys)",
        (row, metadata) -> ShardKey.of(Objects.requireNonNull(row.get("id", Long.class))),
        MovingManyIntegrationTests::row);
  }

  @Test
  void joinedReadsOfKeysThatLeftAreAskedAgain() {
    left(2);
    KeyedReads<Row> reads = joined();
    long first = MOVING.get(0);
    StepVerifier.create(reads.one(ShardKey.of(first)).map(Row::id))
        .expectNext(first)
        .expectComplete()
        .verify(BOUND);
    assertThat(
            Flux.fromIterable(ALL)
                .flatMap(id -> reads.one(ShardKey.of(id)).map(Row::id), ALL.size())
                .collectList()
                .block(BOUND))
        .containsExactlyInAnyOrderElementsOf(ALL);
  }

  @Test
  void joinedReadsOfKeysThatStayDoNotNeedTheControlServer() {
    started();
    move.published(Phase.COPYING).known();
    move.dies();
    KeyedReads<Row> reads =
        joined().timeouts(Timeouts.defaults().withAcquire(Duration.ofSeconds(1)));
    Queue<Long> failed = new ConcurrentLinkedQueue<>();
    Queue<Long> found = new ConcurrentLinkedQueue<>();
    Flux.fromIterable(ALL)
        .flatMap(
            id ->
                reads
                    .one(ShardKey.of(id))
                    .doOnNext(row -> found.add(row.id()))
                    .onErrorResume(
                        ShardUnavailableException.class,
                        error -> {
                          failed.add(id);
                          return Mono.empty();
                        }),
            ALL.size())
        .blockLast(BOUND);
    assertThat(found).containsExactlyInAnyOrderElementsOf(STAYING);
    assertThat(failed).containsExactlyInAnyOrderElementsOf(MOVING);
  }

  private List<Long> stored(List<InsertOutcome<Long>> outcomes) {
    return outcomes.stream()
        .filter(InsertOutcome.Stored.class::isInstance)
        .map(InsertOutcome::row)
        .toList();
  }

  @Test
  void rowsThatTheFenceRefusedGoWhereTheirKeysWent() {
    move.fence();
    move.published(Phase.COPYING).known();
    switched();
    List<InsertOutcome<Long>> outcomes = insert(ALL);
    assertThat(stored(outcomes)).containsExactlyInAnyOrderElementsOf(ALL);
    assertAll(1);
    assertThat(move.values().values()).allMatch(places -> places.size() == 1);
    // Those that stay keep their order.
    Map<ShardId, List<Long>> byShard =
        outcomes.stream()
            .map(outcome -> (InsertOutcome.Stored<Long>) outcome)
            .filter(outcome -> STAYING.contains(outcome.row()))
            .collect(
                Collectors.groupingBy(
                    InsertOutcome.Stored::shard,
                    Collectors.mapping(InsertOutcome::row, Collectors.toList())));
    assertThat(byShard.values()).allSatisfy(ids -> assertThat(ids).isSorted());
  }

  @Test
  void rowsWaitForTheSwitchOfTheirKeys() {
    move.fence();
    move.published(Phase.SWITCHING).known();
    Mono.delay(Duration.ofMillis(100))
        .publishOn(Schedulers.boundedElastic())
        .subscribe(
            tick -> {
              switched();
              move.known();
            });
    assertThat(stored(insert(ALL))).containsExactlyInAnyOrderElementsOf(ALL);
    assertAll(1);
  }

  /** Rows that were located before a move began, and whose turn comes when it is over. */
  @Test
  void rowsThatWaitedOverAWholeMoveGoWhereTheirKeysWent() {
    long held =
        STAYING.stream()
            .filter(id -> FROM.equals(MovedByHand.OLD.locate(ShardKey.of(id))))
            .findFirst()
            .orElseThrow();
    move.run(FROM, "BEGIN");
    move.run(FROM, "INSERT INTO users VALUES (" + held + ", 0)");
    Sinks.Many<Long> rows = Sinks.many().unicast().onBackpressureBuffer();
    Mono<List<InsertOutcome<Long>>> outcomes = insert(rows.asFlux()).cache();
    outcomes.subscribe();
    rows.tryEmitNext(held).orThrow();
    Await.until(
        "the first row's statement waits",
        Mono.fromSupplier(
                () ->
                    move.rows(
                        FROM,
                        "SELECT COUNT(*), 0 FROM information_schema.PROCESSLIST"
                            + " WHERE DB = DATABASE() AND COMMAND <> 'Sleep'"
                            + " AND ID <> CONNECTION_ID()"))
            .subscribeOn(Schedulers.boundedElastic()),
        found -> found.get(0).get(0) == 1);
    MOVING.forEach(id -> rows.tryEmitNext(id).orThrow());
    rows.tryEmitComplete().orThrow();
    move.published(Phase.SWITCHED).known();
    move.published(null).known();
    move.run(FROM, "ROLLBACK");
    assertThat(stored(outcomes.blockOptional(BOUND).orElseThrow()))
        .hasSize(1 + MOVING.size())
        .containsAll(MOVING);
    assertThat(MOVING).allMatch(id -> move.values(id).keySet().equals(Set.of(MovedByHand.TO)));
  }

  @Test
  void rowsThatAreNotSwitchedInTimeAreRefused() {
    move.fence();
    move.published(Phase.SWITCHING).known();
    List<InsertOutcome<Long>> outcomes = insert(List.of(MOVING.get(0), STAYING.get(0)));
    assertThat(outcomes)
        .satisfiesExactlyInAnyOrder(
            stored -> assertThat(stored).isInstanceOf(InsertOutcome.Stored.class),
            refused ->
                assertThat(refused)
                    .isInstanceOfSatisfying(
                        InsertOutcome.Refused.class,
                        it ->
                            assertThat(it.error())
                                .isInstanceOf(ShardUnavailableException.class)
                                .hasMessageContaining("have not been switched")));
  }

  private Mono<Long> count(String sql) {
    return move.router
        .onAll()
        .sql(sql)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .rows()
        .reduce(0L, Long::sum);
  }

  @Test
  void aCountOfAllShardsIsTheSameInEveryPhase() {
    started();
    String owned = "SELECT COUNT(*) FROM users u WHERE :owned(users u)AND n > 0";
    String plain = "SELECT COUNT(*) FROM `users`";
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
    assertThat(count(plain).block(BOUND)).isEqualTo(ALL.size());
    move.published(Phase.COPYING).known();
    move.copy();
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
    StepVerifier.create(count(plain))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                        "TABLE_MOVING: users, whose rows stand on two shards while its keys move,"
                            + " in: SELECT COUNT(*) FROM `users` (expected: :owned(users) in its"
                            + " WHERE)"))
        .verify(BOUND);
    // By its name a shard is the operator's own.
    assertThat(
            move.router
                .on(FROM)
                .sql(plain)
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                .one()
                .block(BOUND))
        .isPositive();
    move.published(Phase.SWITCHING).known();
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
    move.published(Phase.SWITCHED).known();
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
    move.clean();
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
    move.published(null).known();
    assertThat(count(owned).block(BOUND)).isEqualTo(ALL.size());
  }

  @Test
  void aLateCountIsToldThatRowsMoved() {
    started();
    move.published(Phase.COPYING).known();
    move.copy();
    move.published(Phase.SWITCHED);
    move.clean();
    move.sureFor(1);
    StepVerifier.create(count("SELECT COUNT(*) FROM users WHERE :owned(users)"))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
    assertThat(count("SELECT COUNT(*) FROM users WHERE :owned(users)").block(BOUND))
        .isEqualTo(ALL.size());
  }

  @Test
  void statisticsKeepTheLastCountWhileKeysMove() {
    started();
    move.published(Phase.COPYING).known();
    assertThat(move.router.operations().statistics("users").block(BOUND))
        .allSatisfy(statistics -> assertThat(statistics.rowCount()).isNull());
  }
}
