package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.cluster.JobLostException;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.DirectoryKeys;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Keys of a directory move while it is given new ones, by two routers with caches of their own. */
class DirectoryMovesIntegrationTests {

  private static final int USERS = 40;
  private static final Set<ShardId> ALL = Set.of(S0, S1, S2);
  private static final String USER =
      "CREATE TABLE users (id BIGINT PRIMARY KEY, version INT NOT NULL)";

  private final List<Database> databases = TestServers.shared().freshDatabases("directory");
  private final List<ClusterRouter> routers = new ArrayList<>();
  private final TableDirectory directory =
      TableDirectory.of(Shard.of("directory", databases.get(0).r2dbcUrl()), "by_user");
  private ShardMoves moves;
  private volatile boolean settles;

  /** Whether a switch may take longer than writes wait for it. */
  private volatile boolean interrupted;

  private volatile Function<String, Mono<Void>> before = what -> Mono.empty();
  private String document = "";

  private final MoveJob.Guards guards =
      new MoveJob.Guards() {
        @Override
        public boolean settles() {
          return settles;
        }

        @Override
        public Mono<Void> before(String what) {
          return Mono.defer(() -> before.apply(what));
        }
      };

  /** The updates of each user that succeeded, from its insert on. */
  private final Map<Long, AtomicInteger> versions = new ConcurrentHashMap<>();

  private final Queue<Object> wrong = new ConcurrentLinkedQueue<>();
  private final AtomicInteger ids = new AtomicInteger(USERS);

  @BeforeEach
  void open() {
    directory.createTable().block(BOUND);
    document =
        """
        shards:
          shard_0: {url: '%1$s'}
          shard_1: {url: '%2$s'}
        strategies:
          by_user:
            type: directory
            shards: [shard_0, shard_1]
            server: {url: '%1$s'}
            assign-unknown: {type: modulo, shards: [shard_0, shard_1]}
            expiry: 1h
            timeout: 3s
        tables:
          users: {key: {id: integer}, strategy: by_user}
        timeouts: {acquire: 3s}
        control:
          create-tables: true
          poll: 100ms
          lease: 1s
        """
            .formatted(databases.get(0).r2dbcUrl(), databases.get(1).r2dbcUrl());
    for (int i = 0; i < 2; i++) {
      routers.add(ClusterRouter.open(document).blockOptional(BOUND).orElseThrow());
    }
    moves = new DefaultShardMoves(routers.get(0), guards);
    router(0).onAll().sql(USER).onFailure(FailurePolicy.failFast()).rowsUpdated().blockLast(BOUND);
    Flux.range(1, USERS).concatMap(id -> inserted(router(0), id)).blockLast(BOUND);
    // Both know all keys, for an hour.
    LongStream.rangeClosed(1, USERS).forEach(id -> updated(router(1), id).block(BOUND));
    routers.get(0).addShard(Shard.of("shard_2", databases.get(2).r2dbcUrl()), "room").block(BOUND);
  }

  @AfterEach
  void close() {
    moves.close().block(BOUND);
    routers.forEach(router -> router.close().block(BOUND));
    directory.close().block(BOUND);
  }

  private ShardRouter router(int number) {
    return routers.get(number).router();
  }

  private Mono<Long> inserted(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("INSERT INTO users VALUES (:id, 0)")
        .bind("id", id)
        .rowsUpdated()
        .doOnNext(rows -> versions.put(id, new AtomicInteger()));
  }

  private Mono<Long> updated(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = version + 1 WHERE id = :id")
        .bind("id", id)
        .rowsUpdated()
        .doOnNext(
            rows -> {
              if (rows == 1) {
                Objects.requireNonNull(versions.get(id)).incrementAndGet();
              } else {
                wrong.add("user " + id + ": " + rows + " rows");
              }
            });
  }

  /** Writes by both routers, a tenth of them of new users, until it is over. */
  private Mono<Void> application(AtomicBoolean over) {
    return Flux.range(0, 8)
        .flatMap(
            lane ->
                Mono.defer(() -> write(router(lane % 2)))
                    // Nothing was sent.
                    .onErrorResume(
                        ShardUnavailableException.class,
                        error -> interrupted ? Mono.empty() : Mono.error(error))
                    .then(Mono.delay(Duration.ofMillis(2)))
                    .repeat(() -> !over.get())
                    .then())
        .then()
        .doOnError(wrong::add)
        .onErrorComplete()
        .cache();
  }

  private Mono<Long> write(ShardRouter router) {
    if (ThreadLocalRandom.current().nextInt(10) == 0) {
      return inserted(router, ids.incrementAndGet());
    }
    List<Long> all = List.copyOf(versions.keySet());
    return updated(router, all.get(ThreadLocalRandom.current().nextInt(all.size())));
  }

  /** Each user is once on the shard that the directory has for it, with all updates. */
  private void check() {
    assertThat(wrong).isEmpty();
    Map<Long, String> expected = new TreeMap<>();
    versions.forEach((id, version) -> expected.put(id, place(id) + " " + version));
    Map<Long, String> found = new TreeMap<>();
    for (int i = 0; i < 3; i++) {
      ShardId shard = ShardId.of("shard_" + i);
      rows(i).forEach((id, version) -> found.merge(id, shard + " " + version, (a, b) -> a + b));
    }
    assertThat(found).isEqualTo(expected);
    versions
        .keySet()
        .forEach(
            id ->
                routers.forEach(
                    each ->
                        assertThat(each.router().locate("users", ShardKey.of(id)).block(BOUND))
                            .isEqualTo(place(id))));
  }

  private ShardId place(long id) {
    return directory.find(ShardKey.of(id)).blockOptional(BOUND).orElseThrow();
  }

  private Map<Long, Long> rows(int server) {
    ShardRouter plain =
        ShardRouter.builder().shard(Shard.of("one", databases.get(server).r2dbcUrl())).build();
    try {
      return plain
          .on(ShardId.of("one"))
          .sql("SELECT id, version FROM users")
          .map(
              (row, metadata) ->
                  Map.entry(
                      Objects.requireNonNull(row.get(0, Long.class)),
                      Objects.requireNonNull(row.get(1, Long.class))))
          .all()
          // It has no table before a move makes it.
          .onErrorResume(R2dbcBadGrammarException.class, none -> Flux.empty())
          .collectMap(Map.Entry::getKey, Map.Entry::getValue)
          .blockOptional(BOUND)
          .orElseThrow();
    } finally {
      plain.close().block(BOUND);
    }
  }

  private List<ShardKey> keysOf(ShardId shard) {
    return directory.assigned(shard).collectList().blockOptional(BOUND).orElseThrow();
  }

  private MovePlan plan(Intent intent) {
    MovePlan plan = moves.plan(intent).blockOptional(BOUND).orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    return plan;
  }

  private void run(Intent intent) {
    long job = moves.start(MoveFixture.brief(plan(intent))).blockOptional(BOUND).orElseThrow();
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
  }

  private void meanwhile(Runnable work) {
    AtomicBoolean over = new AtomicBoolean();
    Mono<Void> application = application(over);
    // Without writers no statement is under way that was located by an earlier topology.
    settles = true;
    application.subscribe();
    work.run();
    over.set(true);
    application.block(BOUND);
  }

  /** First to a shard that each router's own document has: its own strategy is used again. */
  @Test
  void namedKeysMoveWhileOthersAreAssigned() {
    List<ShardKey> some = keysOf(S0).subList(0, 10);
    ShardingStrategy before = router(1).topology().strategies().get("by_user");
    meanwhile(() -> run(new Intent.MoveKeys("by_user", some, S1)));
    assertThat(keysOf(S1)).containsAll(some);
    assertThat(ids.get()).isGreaterThan(USERS);
    assertThat(router(1).topology().strategies().get("by_user")).isSameAs(before);
    versions.keySet().forEach(id -> updated(router(1), id).block(BOUND));
    check();
    settles = false;
    run(new Intent.MoveKeys("by_user", some, S2));
    assertThat(keysOf(S2)).containsExactlyInAnyOrderElementsOf(some);
    check();
    assertThat(router(0).topology().strategies().get("by_user"))
        .extracting(strategy -> Objects.requireNonNull(strategy).shards())
        .isEqualTo(Set.of(S0, S1, S2));
  }

  /** Each of them goes on with what it does until that is refused, beside the next one. */
  @Test
  void nothingIsLostWhereOwnersLoseAMove() {
    List<ShardKey> some = keysOf(S0).subList(0, 10);
    Set<String> left = ConcurrentHashMap.newKeySet();
    left.addAll(List.of("copy", "open", "tell", "clean"));
    before = what -> left.remove(what) ? taken() : Mono.empty();
    interrupted = true;
    ShardMoves others = new DefaultShardMoves(routers.get(1), guards);
    try {
      meanwhile(() -> run(new Intent.MoveKeys("by_user", some, S1)));
    } finally {
      others.close().block(BOUND);
    }
    assertThat(left).isEmpty();
    assertThat(keysOf(S1)).containsAll(some);
    check();
  }

  /** As by an owner that took the job, and was lost at once. */
  private Mono<Void> taken() {
    return router(0)
        .on(S0)
        .sql(
            "UPDATE shardflux_job SET token = token + 1, owner_until = UTC_TIMESTAMP(6) WHERE"
                + " ended_at IS NULL")
        .rowsUpdated()
        .then();
  }

  /** What is assigned between the plan and its begin stays there; nothing is behind that. */
  @Test
  void aShardIsLetGoWithAllItsKeys() {
    ShardKey late = ShardKey.of(100_001);
    meanwhile(
        () -> {
          MovePlan plan = plan(new Intent.RemoveShard(S1, List.of(S0, S2)));
          inserted(router(1), 100_001).block(BOUND);
          long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
          assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
        });
    check();
    assertThat(keysOf(S1)).contains(late);
    assertThatThrownBy(() -> routers.get(0).removeShard(S1, "too early").block(BOUND))
        .isInstanceOf(IllegalArgumentException.class);
    List<ShardKey> left = keysOf(S1);
    settles = false;
    run(new Intent.RemoveShard(S1, List.of()));
    check();
    assertThat(left).allMatch(key -> !place(Long.parseLong(key.text(0))).equals(S1));
    assertThat(keysOf(S1)).isEmpty();
    routers.get(0).removeShard(S1, "empty").block(BOUND);
  }

  @Test
  void keysAreSpreadEvenly() {
    run(new Intent.Spread("by_user", List.of(S0, S1, S2)));
    assertThat(List.of(keysOf(S0).size(), keysOf(S1).size(), keysOf(S2).size()))
        .containsExactlyInAnyOrder(14, 13, 13);
    check();
    run(new Intent.Spread("by_user", List.of(S2)));
    assertThat(keysOf(S2)).hasSize(USERS);
    check();
  }

  /** Until the end the directory has the keys where they were, and no router asks it for them. */
  @Test
  void keysThatAreTakenBackAreWhereTheyWere() {
    List<ShardKey> some = keysOf(S0).subList(0, 10);
    String before = String.valueOf(router(0).topology().strategies().get("by_user"));
    for (Wanted wanted : List.of(Wanted.REVERSE, Wanted.CANCEL)) {
      MovePlan plan = plan(new Intent.MoveKeys("by_user", some, S1));
      boolean told = wanted == Wanted.CANCEL;
      long job =
          moves
              .start(plan.with(plan.options().toBuilder().switchesWhenTold(told).build()))
              .blockOptional(BOUND)
              .orElseThrow();
      moves
          .progress(job)
          .filter(at -> at.phase().equals(told ? "SWITCH" : "HOLD"))
          .blockFirst(BOUND);
      assertThat(router(0).locate("users", some.get(0)).block(BOUND)).isEqualTo(told ? S0 : S1);
      versions.keySet().forEach(id -> updated(router(1), id).block(BOUND));
      moves.want(job, wanted).block(BOUND);
      moves.progress(job).blockLast(BOUND);
      assertThat(keysOf(S0)).containsAll(some);
      assertThat(router(0).topology().strategies().get("by_user")).hasToString(before);
      check();
    }
  }

  @Test
  void keysStayWhereAMoveIsEnded() {
    List<ShardKey> some = keysOf(S0).subList(0, 10);
    long job =
        moves
            .start(plan(new Intent.MoveKeys("by_user", some, S2)))
            .blockOptional(BOUND)
            .orElseThrow();
    moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(BOUND);
    moves.want(job, Wanted.STAY).block(BOUND);
    moves.progress(job).blockLast(BOUND);
    assertThat(keysOf(S2)).containsExactlyInAnyOrderElementsOf(some);
    check();
  }

  /** The second step's shard has no key, so that it need not have the tables. */
  @Test
  void aMoveThatEndsMidwayHasNoShardThatNoKeyCameTo() {
    AtomicInteger installs = new AtomicInteger();
    Sinks.Empty<Void> second = Sinks.empty();
    before =
        what -> {
          if (!what.equals("install") || installs.incrementAndGet() != 3) {
            return Mono.empty();
          }
          second.tryEmitEmpty().orThrow();
          // Ended by what is wanted.
          return Mono.never();
        };
    long job =
        moves
            .start(plan(new Intent.RemoveShard(S0, List.of(S1, S2))))
            .blockOptional(BOUND)
            .orElseThrow();
    second.asMono().block(BOUND);
    moves.want(job, Wanted.STAY).block(BOUND);
    moves.progress(job).blockLast(BOUND);
    assertThat(keysOf(S0)).hasSize(10);
    assertThat(keysOf(S2)).isEmpty();
    assertThat(byUser().shards()).isEqualTo(Set.of(S0, S1));
    check();
  }

  private DirectoryStrategy byUser() {
    return (DirectoryStrategy)
        Objects.requireNonNull(router(0).topology().strategies().get("by_user"));
  }

  /** No step makes tables where no key goes. */
  @Test
  void aShardWithoutKeysMustHaveTheTables() {
    directoryRows("DELETE FROM shardflux_directory");
    Intent spread = new Intent.Spread("by_user", List.of(S0, S1, S2));
    assertThat(moves.plan(spread).blockOptional(BOUND).orElseThrow().refusals())
        .singleElement()
        .satisfies(
            refusal -> {
              assertThat(refusal.code()).isEqualTo(MovePlan.Code.TABLE_MISSING);
              assertThat(refusal.where()).isEqualTo("users on shard_2");
            });
    router(0).on(S2).sql(USER).rowsUpdated().block(BOUND);
    run(spread);
    assertThat(byUser().shards()).isEqualTo(ALL);
    assertThat(String.valueOf(byUser().unknown())).contains("shard_2");
  }

  private void directoryRows(String sql) {
    router(0).on(S0).sql(sql).rowsUpdated().block(BOUND);
  }

  /**
   * New shards come before the rule that gives them keys, and that before a shard goes, though an
   * owner fails or is lost behind the first of it.
   */
  @Test
  void shardsComeAndGoOneAfterTheOther() {
    Queue<String> rests = new ConcurrentLinkedQueue<>();
    AtomicBoolean begun = new AtomicBoolean();
    before =
        what -> {
          boolean rest =
              router(0).topology().strategies().get("by_user") instanceof DirectoryStrategy;
          begun.compareAndSet(false, !rest);
          if (!rest || !begun.get() || !what.equals("publish")) {
            return Mono.empty();
          }
          rests.add(new TreeSet<>(byUser().shards()) + " " + byUser().unknown());
          return rests.size() == 1 ? Mono.error(new IllegalStateException("lost")) : Mono.empty();
        };
    run(new Intent.Spread("by_user", List.of(S1, S2)));
    String first = "[shard_0, shard_1, shard_2] modulo[shard_0, shard_1]";
    assertThat(rests)
        .containsExactly(first, first, "[shard_0, shard_1, shard_2] modulo[shard_1, shard_2]");
    assertThat(byUser().shards()).isEqualTo(Set.of(S1, S2));
    check();
  }

  /** Routers ask the directory until all of them have the names. */
  @Test
  void aKeyThatIsWrittenElsewhereAsAMoveBeginsStopsIt() {
    ShardKey key = keysOf(S0).get(0);
    AtomicBoolean written = new AtomicBoolean();
    before =
        what ->
            what.equals("publish") && written.compareAndSet(false, true)
                ? directory.reassign(key, S0, S1).then()
                : Mono.empty();
    long job =
        moves
            .start(plan(new Intent.MoveKeys("by_user", List.of(key), S1)))
            .blockOptional(BOUND)
            .orElseThrow();
    MoveProgress met = moves.progress(job).filter(at -> at.error() != null).blockFirst(BOUND);
    assertThat(Objects.requireNonNull(met).error())
        .contains("on shard_1 by the directory (expected: on shard_0)");
    assertThat(met.phase()).isEqualTo("PREPARE");
    moves.want(job, Wanted.CANCEL).block(BOUND);
    moves.progress(job).blockLast(BOUND);
    assertThat(byUser().shards()).isEqualTo(Set.of(S0, S1));
  }

  /** It looked whether the job is its own, and stood still while two moves came and went. */
  @Test
  void aFormerOwnerWritesNothingIntoTheDirectory() {
    ShardKey key = keysOf(S0).get(0);
    DirectoryStrategy rest = ShardingStrategy.directory(directory, List.of(S0, S1)).build();
    TransitionStrategy way =
        TransitionStrategy.of(
            NamedKeysStrategy.of(Map.of(key, S0), rest),
            NamedKeysStrategy.of(Map.of(key, S1), rest),
            List.of(new TransitionStrategy.Step(S0, S1, TransitionStrategy.Phase.SWITCHED)));
    AtomicBoolean looked = new AtomicBoolean();
    Mono<Void> meanwhile =
        DirectoryKeys.written(way, new Owned(7, 2), Mono.empty())
            .then(directory.find(key))
            .doOnNext(shard -> assertThat(shard).isEqualTo(S1))
            .then(directory.reassign(key, S1, S0))
            .then();
    Mono<Void> former =
        DirectoryKeys.written(
            way,
            new Owned(7, 1),
            Mono.defer(
                () ->
                    looked.compareAndSet(false, true)
                        ? meanwhile
                        : Mono.error(new JobLostException(7))));
    assertThatThrownBy(() -> former.block(BOUND)).isInstanceOf(JobLostException.class);
    assertThat(directory.find(key).block(BOUND)).isEqualTo(S0);
  }

  @Test
  void whatADirectoryCantDoIsRefused() {
    refused(new Intent.MoveKeys("by_user", List.of(ShardKey.of(77_777)), S1), "key: 77777");
    refused(
        new Intent.Change("by_user", ShardingStrategy.modulo(List.of(S0, S1))),
        "move some by move-keys");
    MovePlan plan = plan(new Intent.MoveKeys("by_user", keysOf(S0).subList(0, 2), S1));
    assertThatThrownBy(
            () ->
                moves
                    .start(plan.with(plan.options().toBuilder().keepsFence(true).build()))
                    .block(BOUND))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("clean: keep-fence");
    refusedBesideAnother();
    directory.reassign(keysOf(S0).get(0), S0, S1).block(BOUND);
    assertThatThrownBy(() -> moves.start(plan).block(BOUND))
        .isInstanceOf(MoveRefusedException.class)
        .hasMessageContaining("on shard_1 by the directory (expected: on shard_0)");
    String many =
        IntStream.range(0, 1_000 - keysOf(S1).size())
            .mapToObj(i -> "('by_user', '" + (100_000 + i) + "', 'integer', 'shard_1')")
            .collect(Collectors.joining(", "));
    directoryRows(
        "INSERT INTO shardflux_directory (directory, key_text, key_types, shard) VALUES " + many);
    refused(new Intent.RemoveShard(S1, List.of()), "keys: 1000 of the directory");
  }

  /** Another strategy, or one inside another, that asks the same rows. */
  private void refusedBesideAnother() {
    String same =
        "{type: directory, name: by_user, shards: [shard_0], server: {url: '"
            + databases.get(0).r2dbcUrl()
            + "'}}";
    ClusterRouter other =
        ClusterRouter.open(
                document
                    .replace(
                        "strategies:",
                        "  shard_2: {url: '"
                            + databases.get(2).r2dbcUrl()
                            + "'}\nstrategies:\n  by_pair: {type: tenant, key: text, tenants: {a: "
                            + same
                            + "}}")
                    .replace("control:", "control:\n  publish: true"))
            .blockOptional(BOUND)
            .orElseThrow();
    routers.add(other);
    refused(
        new Intent.MoveKeys("by_user", keysOf(S0).subList(0, 2), S1),
        "whose directory another strategy asks, too");
  }

  private void refused(Intent intent, String message) {
    assertThatThrownBy(() -> moves.plan(intent).block(BOUND))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }
}
