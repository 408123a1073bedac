package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.InsertOutcome.Refused;
import io.shardflux.r2dbc.insert.InsertOutcome.Stored;
import io.shardflux.r2dbc.insert.InsertOutcome.Unknown;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.UnroutableKeyException;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;
import reactor.util.function.Tuple2;

class RowInsertsIntegrationTests {

  private static final String INSERT = "INSERT INTO notes (id, text) VALUES (:id, :text)";

  private static final String PREPARED = "?useServerPrepareStatement=true";

  /** A row of the table. */
  private record Note(long id, @Nullable String text) {

    static Note of(long id) {
      return new Note(id, "note " + id);
    }

    Map<String, @Nullable Object> values() {
      Map<String, @Nullable Object> values = new HashMap<>();
      values.put("id", id);
      values.put("text", text);
      return values;
    }
  }

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("inserts");
  private final List<Shard> shards = TestShards.shards(databases);
  private final ShardRouter router = router(Timeouts.defaults());
  private final RowInserts<Note> inserts = inserts(router, INSERT);

  @BeforeEach
  void createTable() {
    router
        .onAll()
        .sql(
            "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL,"
                + " seq BIGINT AUTO_INCREMENT UNIQUE, CHECK (id <> 13)) CHARACTER SET utf8mb3")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .blockLast(BOUND);
  }

  @AfterEach
  void close() {
    servers.restore();
    router.close().block(BOUND);
  }

  @Test
  void everyRowIsStoredOnceOnItsShardInOrder() {
    int count = 30_000;
    List<InsertOutcome<Note>> outcomes = outcomes(Flux.range(20, count).map(Note::of));

    assertThat(outcomes).hasSize(count).hasOnlyElementsOfType(Stored.class);
    Map<ShardId, List<Long>> byShard = storedByShard(outcomes);
    for (ShardId shard : IDS) {
      assertThat(stored(shard)).isEqualTo(byShard.get(shard)).isSorted();
      assertThat(stored(shard)).allMatch(id -> id % 1_000 > 0 || located(id).equals(shard));
    }
    assertThat(byShard.values().stream().mapToInt(List::size).sum()).isEqualTo(count);
  }

  @Test
  void rowsAtFaultAreToldApartAndTheRestIsStoredInOrder() {
    assertThat(outcomes(Flux.just(Note.of(500), Note.of(2_001)))).hasSize(2);
    List<InsertOutcome<Note>> outcomes =
        outcomes(
            Flux.range(1, 3_000)
                .map(
                    id ->
                        switch (id) {
                          case 77 -> new Note(77, null);
                          case 1_234 -> new Note(1_234, "x".repeat(70_000));
                          case 1_235 -> new Note(1_234, "x");
                          case 1_236 -> new Note(1_234, "twice");
                          case 2_999 -> new Note(2_999, "no utf8mb3: 😀");
                          default -> Note.of(id);
                        }));

    assertThat(outcomes).hasSize(3_000);
    Map<Long, Integer> codes = new HashMap<>();
    for (InsertOutcome<Note> outcome : outcomes) {
      if (outcome instanceof Refused<Note> refused) {
        codes.put(refused.row().id(), ((R2dbcException) refused.error()).getErrorCode());
      }
    }
    assertThat(codes.keySet()).isEqualTo(Set.of(13L, 77L, 500L, 1_234L, 2_001L, 2_999L));
    assertThat(codes.get(13L)).isIn(3819, 4025);
    assertThat(codes)
        .containsEntry(77L, 1048)
        .containsEntry(500L, 1062)
        .containsEntry(1_234L, 1062)
        .containsEntry(2_999L, 1366);
    assertThat(refused(outcomes))
        .hasSize(7)
        .filteredOn(refused -> refused.row().id() == 500)
        .extracting(Refused::error)
        .singleElement()
        .isInstanceOf(R2dbcDataIntegrityViolationException.class);
    Map<ShardId, List<Long>> byShard = storedByShard(outcomes);
    for (ShardId shard : IDS) {
      List<Long> there = new ArrayList<>(stored(shard));
      there.removeAll(Set.of(500L, 2_001L));
      assertThat(there).isEqualTo(byShard.get(shard)).isSorted();
    }
    assertThat(text(1_234)).isEqualTo("x");
  }

  @Test
  void anUploadThatIsAllThereIsRefusedRowByRow() {
    Flux<Note> notes = Flux.range(0, 1_000).map(Note::of).filter(note -> note.id() != 13);
    assertThat(outcomes(notes)).hasOnlyElementsOfType(Stored.class);

    assertThat(outcomes(notes)).hasSize(999).hasOnlyElementsOfType(Refused.class);
  }

  @Test
  void aReplaceSaysStoredOfEachRow() {
    assertThat(outcomes(Flux.range(20, 100).map(Note::of))).hasOnlyElementsOfType(Stored.class);
    RowInserts<Note> replaces =
        inserts(router, "REPLACE INTO notes (id, text) VALUES (:id, :text)");

    assertThat(
            replaces
                .store(Flux.range(50, 200).map(id -> new Note(id, "new")))
                .collectList()
                .block(BOUND))
        .hasSize(200)
        .hasOnlyElementsOfType(Stored.class);
    assertThat(text(50)).isEqualTo("new");
    assertThat(text(49)).isEqualTo("note 49");
  }

  @Test
  void aRowThatMayNotGoForAReplaceIsRefusedAlone() {
    assertThat(outcomes(Flux.range(20, 300).map(Note::of))).hasOnlyElementsOfType(Stored.class);
    ShardId shard = located(100);
    run(shard, "CREATE TABLE marks (seq BIGINT, FOREIGN KEY (seq) REFERENCES notes (seq))");
    run(shard, "INSERT INTO marks SELECT seq FROM notes WHERE id = 100");
    List<InsertOutcome<Note>> outcomes =
        outcomes(
            inserts(router, "REPLACE INTO notes (id, text) VALUES (:id, :text)"),
            Flux.range(20, 300).map(id -> new Note(id, "new")));

    assertThat(refused(outcomes)).extracting(refused -> refused.row().id()).containsExactly(100L);
    assertThat(outcomes).hasSize(300).noneMatch(outcome -> outcome instanceof Unknown);
  }

  @Test
  void aRowWhoseExpressionFindsTooManyIsRefusedAlone() {
    IDS.forEach(shard -> run(shard, "CREATE TABLE words (note BIGINT, word TEXT)"));
    IDS.forEach(shard -> run(shard, "INSERT INTO words VALUES (100, 'a'), (100, 'b'), (101, 'c')"));
    List<InsertOutcome<Note>> outcomes =
        outcomes(
            inserts(
                router,
                "INSERT INTO notes (id, text) VALUES (:id,"
                    + " COALESCE((SELECT word FROM words WHERE note = :id), :text))"),
            Flux.range(20, 300).map(Note::of));

    assertThat(refused(outcomes)).extracting(refused -> refused.row().id()).containsExactly(100L);
    assertThat(text(101)).isEqualTo("c");
  }

  @Test
  void whatCannotBeSentIsRefusedAlone() {
    RowInserts<Object> any =
        router.inserts(
            "notes",
            INSERT,
            row ->
                row.equals(6)
                    ? nothing()
                    : row instanceof String text ? ShardKey.of(text) : ShardKey.of((Integer) row),
            row ->
                switch (String.valueOf(row)) {
                  case "1" -> Map.of("id", 1);
                  case "2" -> Map.of("id", 2, "text", LocalDateTime.class);
                  case "3" -> throw new IllegalStateException("three");
                  case "7" -> nothing();
                  case "8" -> Map.of("id", 8, "text", Double.NaN);
                  default -> Map.of("id", row, "text", "x");
                });

    List<InsertOutcome<Object>> outcomes =
        any.store(Flux.just(6, 7, 8, 1, 2, 3, "four", 5))
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(error(outcomes, 1)).hasMessageStartingWith("values: none for text");
    assertThat(error(outcomes, 2)).hasMessageStartingWith("values: text, a java.lang.Class");
    assertThat(error(outcomes, 3)).hasMessage("three");
    assertThat(error(outcomes, "four")).isInstanceOf(UnroutableKeyException.class);
    assertThat(error(outcomes, 6)).hasMessageStartingWith("key: null");
    assertThat(error(outcomes, 7)).hasMessageStartingWith("values: null");
    assertThat(error(outcomes, 8)).hasMessageStartingWith("values: text, NaN (expected: a finite");
    assertThat(outcomes).contains(new Stored<Object>(5, located(5))).hasSize(8);
  }

  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
  private static <T> T nothing() {
    return null;
  }

  @Test
  void whatCannotBeToldIsRefusedBeforeAnyWork() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> inserts(router, "INSERT IGNORE INTO notes (id) VALUES (:id)"))
        .withMessageStartingWith("sql: INSERT IGNORE");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> router.inserts("nowhere", INSERT, row -> ShardKey.of(1), row -> Map.of()))
        .withMessageStartingWith("table: nowhere");
  }

  @Test
  void anErrorThatIsNoRowsFaultReachesItsRowsAndNoOthers() {
    router.on(IDS.get(1)).sql("DROP TABLE notes").rowsUpdated().block(BOUND);
    List<InsertOutcome<Note>> outcomes = outcomes(Flux.range(20, 3_000).map(Note::of));

    assertThat(refused(outcomes))
        .isNotEmpty()
        .allSatisfy(
            refused -> {
              assertThat(located(refused.row().id())).isEqualTo(IDS.get(1));
              assertThat(refused.error()).hasMessageStartingWith("shard_1: ");
            });
    assertThat(outcomes).hasSize(3_000);
    assertThat(storedByShard(outcomes).keySet()).isEqualTo(Set.of(IDS.get(0), IDS.get(2)));
  }

  @Test
  void statementsStayBelowTheServersBound() {
    long before = maxPacket();
    setMaxPacket(262_144);
    ShardRouter fresh = router(Timeouts.defaults());
    try {
      String quotes = "'".repeat(49_990);
      List<InsertOutcome<Note>> outcomes =
          inserts(fresh, INSERT)
              .store(
                  Flux.range(20, 60)
                      .map(id -> new Note(id, id == 33 ? "\\".repeat(200_000) : quotes)))
              .collectList()
              .blockOptional(BOUND)
              .orElseThrow();

      assertThat(refused(outcomes))
          .singleElement()
          .satisfies(
              refused -> {
                assertThat(refused.row().id()).isEqualTo(33);
                assertThat(refused.error())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("(expected: at most 262143, by the max_allowed_packet");
              });
      assertThat(storedByShard(outcomes).values().stream().mapToInt(List::size).sum())
          .isEqualTo(59);
      assertThat(text(34)).isEqualTo(quotes);
    } finally {
      setMaxPacket(before);
      fresh.close().block(BOUND);
    }
  }

  @Test
  void preparedStatementsHaveAsManyRowsAsTheirMarkersAllow() {
    ShardRouter preparing =
        router(
            Timeouts.defaults(),
            IntStream.range(0, 3)
                .mapToObj(i -> Shard.of("shard_" + i, databases.get(i).r2dbcUrl() + PREPARED))
                .toList());
    String markers = ":text, ".repeat(99);
    try {
      List<InsertOutcome<Note>> outcomes =
          outcomes(
              inserts(
                  preparing,
                  "INSERT INTO notes (id, text) VALUES (:id, COALESCE(" + markers + "'none'))"),
              Flux.range(20, 5_000).map(Note::of));

      assertThat(outcomes).hasSize(5_000).hasOnlyElementsOfType(Stored.class);
      assertThat(text(4_000)).isEqualTo("note 4000");
    } finally {
      preparing.close().block(BOUND);
    }
  }

  @Test
  void aKilledServersOutcomesAreTrue() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    int count = 60_000;
    Mono<Void> kill =
        Mono.<Void>fromRunnable(() -> servers.kill(servers.servers().get(1)))
            .subscribeOn(Schedulers.boundedElastic());
    List<InsertOutcome<Note>> outcomes =
        inserts
            .store(Flux.range(20, count).map(Note::of))
            .index()
            .concatMap(
                outcome ->
                    outcome.getT1() == 5_000
                        ? kill.thenReturn(outcome.getT2())
                        : Mono.just(outcome.getT2()),
                1)
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    servers.restore();

    assertThat(outcomes).hasSize(count);
    assertThat(refused(outcomes)).isNotEmpty();
    assertTrue(outcomes, IDS.get(1));
  }

  @Test
  void aHungServerHoldsUpNoOthersRows() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    ShardRouter hasty = router(Timeouts.of(Duration.ofSeconds(2)));
    try {
      hasty.warmUp().block(BOUND);
      servers.pause(servers.servers().get(1));
      // All of them may wait for one shard, which takes them by two statements.
      List<InsertOutcome<Note>> outcomes =
          outcomes(inserts(hasty, INSERT), Flux.range(1_000, 2_000).map(Note::of));
      servers.restore();

      assertThat(outcomes).hasSize(2_000);
      int others =
          (int) outcomes.stream().filter(o -> !located(o.row().id()).equals(IDS.get(1))).count();
      assertThat(outcomes.subList(0, others)).hasOnlyElementsOfType(Stored.class);
      assertThat(outcomes.subList(others, outcomes.size()))
          .noneMatch(outcome -> outcome instanceof Stored)
          .anyMatch(outcome -> outcome instanceof Unknown)
          .allMatch(outcome -> located(outcome.row().id()).equals(IDS.get(1)));
      assertTrue(outcomes, IDS.get(1));
    } finally {
      servers.restore();
      hasty.close().block(BOUND);
    }
  }

  @Test
  void aSlowConsumerSlowsTheSource() {
    AtomicLong asked = new AtomicLong();
    Flux<Note> source =
        Flux.range(20, 100_000).map(Note::of).doOnNext(n -> asked.incrementAndGet());

    StepVerifier.create(inserts.store(source), 0)
        .expectSubscription()
        .then(() -> assertThat(asked).hasValueLessThanOrEqualTo(64))
        .thenRequest(10)
        .expectNextCount(10)
        .then(() -> awaitStill(asked))
        .then(() -> assertThat(asked).hasValueLessThanOrEqualTo(10 + 3 * 2_000 + 64))
        .thenRequest(20_000)
        .expectNextCount(20_000)
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void longRowsCountByTheirBytes() {
    AtomicLong asked = new AtomicLong();
    Flux<Note> source =
        Flux.range(20, 2_000)
            .map(id -> new Note(id, "x".repeat(50_000)))
            .doOnNext(n -> asked.incrementAndGet());

    StepVerifier.create(inserts.store(source), 1)
        .expectNextCount(1)
        .then(() -> awaitStill(asked))
        .then(() -> assertThat(asked).hasValueLessThanOrEqualTo(1 + 6 * 21 + 256 + 64))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void aCancelEndsTheStatementAndTheSource() {
    TestPublisher<Note> source = TestPublisher.create();
    Note held = Note.of(20);
    ShardId shard = located(held.id());
    Sinks.Empty<Void> release = Sinks.empty();
    Mono<Void> holder =
        router
            .on(shard)
            .inTransaction(
                connection ->
                    Flux.from(
                            connection
                                .createStatement("INSERT INTO notes (id, text) VALUES (20, 'x')")
                                .execute())
                        .concatMap(Result::getRowsUpdated)
                        .concatWith(release.asMono().then(Mono.empty())))
            .then()
            .cache();
    holder.subscribe();
    Mono<Long> inserting =
        router
            .on(shard)
            .sql(
                "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%(20,%20%'"
                    + " AND id <> CONNECTION_ID() AND db = DATABASE()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one();

    StepVerifier.create(inserts.store(source))
        .then(() -> source.next(held))
        .then(() -> Await.until("the insert waits", inserting, count -> count == 1))
        .thenCancel()
        .verify(BOUND);
    source.assertCancelled();
    Await.until("the insert is ended", inserting, count -> count == 0);
    release.tryEmitEmpty();
    holder.block(BOUND);
    Await.until(
        "no connection taken",
        router.operations().statistics(),
        all -> all.stream().allMatch(one -> one.pool().acquired() == 0));
  }

  @Test
  void aSourcesErrorComesBehindTheOutcomes() {
    IllegalStateException broken = new IllegalStateException("broken");
    StepVerifier.create(
            inserts.store(Flux.range(20, 1_000).map(Note::of).concatWith(Mono.error(broken))))
        .expectNextCount(1_000)
        .expectErrorMatches(error -> error == broken)
        .verify(BOUND);
  }

  @Test
  void aRouterThatClosesEndsEveryRow() {
    int count = 50_000;
    List<InsertOutcome<Note>> outcomes =
        inserts
            .store(Flux.range(20, count).map(Note::of))
            .index()
            .doOnNext(
                outcome -> {
                  if (outcome.getT1() == 5_000) {
                    router.close().subscribe();
                  }
                })
            .map(Tuple2::getT2)
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();

    assertThat(outcomes).hasSize(count);
    assertThat(refused(outcomes))
        .isNotEmpty()
        .allSatisfy(
            refused -> assertThat(refused.error()).isInstanceOf(ShardUnavailableException.class));
    assertThat(outcomes).noneMatch(outcome -> outcome instanceof Unknown);
  }

  private void run(ShardId shard, String sql) {
    router.on(shard).sql(sql).rowsUpdated().block(BOUND);
  }

  private ShardRouter router(Timeouts timeouts) {
    return router(timeouts, shards);
  }

  private static ShardRouter router(Timeouts timeouts, List<Shard> shards) {
    return TestShards.router(shards)
        .table(new TableRule.Sharded("notes", List.of(KeyColumn.integer("id")), "by_id"))
        .timeouts(timeouts)
        .build();
  }

  private static RowInserts<Note> inserts(ShardRouter router, String sql) {
    return router.inserts("notes", sql, note -> ShardKey.of(note.id()), Note::values);
  }

  private List<InsertOutcome<Note>> outcomes(Flux<Note> notes) {
    return outcomes(inserts, notes);
  }

  private static List<InsertOutcome<Note>> outcomes(RowInserts<Note> inserts, Flux<Note> notes) {
    return inserts.store(notes).collectList().blockOptional(BOUND).orElseThrow();
  }

  private static List<Refused<Note>> refused(List<InsertOutcome<Note>> outcomes) {
    return outcomes.stream()
        .filter(outcome -> outcome instanceof Refused)
        .map(outcome -> (Refused<Note>) outcome)
        .toList();
  }

  private static Map<ShardId, List<Long>> storedByShard(List<InsertOutcome<Note>> outcomes) {
    return outcomes.stream()
        .filter(outcome -> outcome instanceof Stored)
        .map(outcome -> (Stored<Note>) outcome)
        .collect(
            Collectors.groupingBy(
                Stored::shard,
                Collectors.mapping(stored -> stored.row().id(), Collectors.toList())));
  }

  private static <T> Throwable error(List<InsertOutcome<T>> outcomes, T row) {
    return outcomes.stream()
        .filter(outcome -> outcome.row().equals(row) && outcome instanceof Refused)
        .map(outcome -> ((Refused<T>) outcome).error())
        .findFirst()
        .orElseThrow();
  }

  /** Compares what was said of a shard's rows with those it has. */
  private void assertTrue(List<InsertOutcome<Note>> outcomes, ShardId shard) {
    Set<Long> there = Set.copyOf(stored(shard));
    assertThat(there.containsAll(storedByShard(outcomes).getOrDefault(shard, List.of()))).isTrue();
    assertThat(refused(outcomes)).noneMatch(refused -> there.contains(refused.row().id()));
  }

  private ShardId located(long id) {
    return router.locate("notes", ShardKey.of(id)).blockOptional(BOUND).orElseThrow();
  }

  /** A shard's rows, in the order they were stored; it may be coming up again. */
  private List<Long> stored(ShardId shard) {
    return Await.until(
        "the rows of " + shard,
        router
            .on(shard)
            .sql("SELECT id FROM notes ORDER BY seq")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .all()
            .collectList()
            .onErrorResume(R2dbcException.class, error -> Mono.empty()),
        rows -> true);
  }

  private String text(long id) {
    return router
        .on("notes", ShardKey.of(id))
        .sql("SELECT text FROM notes WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private long maxPacket() {
    return router
        .on(IDS.get(0))
        .sql("SELECT @@GLOBAL.max_allowed_packet")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void setMaxPacket(long bytes) {
    router
        .onAll()
        .sql("SET GLOBAL max_allowed_packet = " + bytes)
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .blockLast(BOUND);
  }

  /** Waits until a count has stayed the same for a while. */
  private static void awaitStill(AtomicLong count) {
    AtomicLong before = new AtomicLong(-1);
    Await.until(
        "a count that stays",
        Mono.delay(Duration.ofMillis(300))
            .map(tick -> before.getAndSet(count.get()) == count.get()),
        still -> still);
  }
}
