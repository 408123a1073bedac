package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static io.shardflux.reshard.MoveFixture.STRATEGY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.shardflux.cluster.ClusterAccess;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.reshard.watch.LoadLimits;
import io.shardflux.reshard.watch.ReplicaLags;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/** What an operator sets and sees of moves. */
@Tag("same-on-any-server")
@Isolated
class OperatorIntegrationTests {

  /** The time of a piece of work, which the application does not wait for. */
  private static final Duration SLOW = Duration.ofSeconds(3);

  private static final String HASH = "{type: hash, shards: [shard_0, shard_1]}";
  private static final ShardingStrategy THREE = ShardingStrategy.hash(List.of(S0, S1, S2));

  @Test
  void aRouterThatDoesNoMovesLeavesThemToOthers() {
    try (MoveFixture fixture = new MoveFixture(HASH)) {
      fixture.addThird();
      fixture.load(20);
      fixture.routerWith("resharding: {enabled: false, rows-per-second: 70, close-bound: 80ms}");
      ShardMoves passive =
          fixture.hasty(
              1,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return Mono.error(new IllegalStateException("done where it is turned off"));
                }
              });
      MovePlan plan = passive.plan(STRATEGY, THREE).blockOptional(BOUND).orElseThrow();
      assertThat(plan.options().rowsPerSecond()).isEqualTo(70);
      assertThat(plan.options().closeBound()).isEqualTo(Duration.ofMillis(80));
      long job =
          passive
              .start(MoveFixture.brief(plan.with(MoveOptions.defaults())))
              .blockOptional(BOUND)
              .orElseThrow();
      // Longer than a router takes to see a job.
      assertThat(passive.progress(job).take(4).collectList().block(BOUND))
          .hasSize(4)
          .noneMatch(MoveProgress::running);

      ShardMoves active = fixture.hasty(0, MoveJob.Guards.ALL);
      MoveProgress end = active.progress(job).last().blockOptional(BOUND).orElseThrow();

      assertThat(end.error()).isNull();
      fixture.checkClean();
    }
  }

  @Test
  void keysMoveWhenThatIsWanted() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      MoveOptions told = MoveOptions.defaults().with("{switch: when-told}");
      long job = started(moves, told);
      String reason = "switch: when-told, and not wanted yet";
      awaited(moves, job, at -> reason.equals(at.report().throttledBy()));
      // What is written meanwhile goes with the rest.
      fixture.update(7).block(BOUND);
      MoveProgress later = moves.progress(job).skip(4).blockFirst(BOUND);
      assertThat(later).extracting(MoveProgress::phase).isEqualTo("SWITCH");
      assertThat(fixture.router(0).topology().locate("users", ShardKey.of(7)).block(BOUND))
          .isEqualTo(S0);
      Map<Long, List<String>> before = fixture.rows();

      moves.want(job, Wanted.SWITCH).block(BOUND);

      MoveProgress end = moves.progress(job).last().blockOptional(BOUND).orElseThrow();
      assertThat(end.error()).isNull();
      before.replaceAll((id, rows) -> List.of(rows.get(0)));
      fixture.check(before, ShardingStrategy.fixed(S1));

      job = started(moves, ShardingStrategy.fixed(S0), told);
      awaited(moves, job, at -> reason.equals(at.report().throttledBy()));
      moves.want(job, Wanted.CANCEL).block(BOUND);
      assertThat(moves.progress(job).last().blockOptional(BOUND).orElseThrow().error()).isNull();
      fixture.checkClean();
    }
  }

  /** A move that ends where it is let to, and what was told of it. */
  private static long started(ShardMoves moves, MoveOptions options) {
    return started(moves, ShardingStrategy.fixed(S1), options);
  }

  private static long started(ShardMoves moves, ShardingStrategy next, MoveOptions options) {
    return moves
        .plan(STRATEGY, next)
        .flatMap(plan -> moves.start(MoveFixture.brief(plan.with(options))))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static MoveProgress awaited(ShardMoves moves, long job, Predicate<MoveProgress> wanted) {
    return moves
        .progress(job)
        .filter(wanted)
        .next()
        .switchIfEmpty(Mono.error(() -> new AssertionError("the move ended before")))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static MoveProgress ended(ShardMoves moves, long job) {
    MoveProgress end = moves.progress(job).last().blockOptional(BOUND).orElseThrow();
    assertThat(end.error()).isNull();
    assertThat(end.stuck()).isFalse();
    assertThat(end.report().done()).isEqualTo(1);
    return end;
  }

  @Test
  void theCopyingWaitsForAReplicaThatIsBehind() {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    List<DatabaseServer> all = servers.servers();
    try (Replication replication = servers.replicate(all.get(0), all.get(2));
        MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}", all.get(2))) {
      String address = all.get(2).host() + ":" + all.get(2).port();
      replication.delay(Duration.ofMinutes(10));
      fixture.load(20);
      ReplicaLags lags = lagsOf(fixture);
      await(lags, lag -> lag.behind() != null && lag.behind().toSeconds() > 1);
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      long job = started(moves, MoveOptions.builder().maxLag(Duration.ofSeconds(1)).build());
      MoveProgress held = awaited(moves, job, move -> move.report().throttledBy() != null);
      assertThat(held.report().throttledBy()).matches("lag: " + address + " is [0-9]+ s behind");
      assertThat(held.rowsCopied()).isZero();
      assertThat(held.phase()).isEqualTo("COPY");

      // Changes do not pile up meanwhile: they are applied, or forgotten where the row comes later.
      fixture.update(7).block(BOUND);
      awaitTrue(
          () ->
              fixture.number(
                      "SELECT (SELECT COUNT(*) FROM shardflux_change_1_0_0)"
                          + " + (SELECT COUNT(*) FROM shardflux_change_1_0_1)")
                  == 0);
      assertThat(awaited(moves, job, move -> true).rowsCopied()).isZero();

      // It is not known how far a replica is behind that applies nothing.
      replication.delay(Duration.ZERO);
      replication.catchUp();
      replication.stopApplying();
      await(lags, lag -> lag.behind() == null);
      ended(moves, job);
      assertThat(versionOn(fixture, 1, 7)).isEqualTo(1);
      replication.resumeApplying();
      lags.close().block(BOUND);
    }
  }

  private static ReplicaLags lagsOf(MoveFixture fixture) {
    List<Shard> shards = ClusterAccess.of(fixture.routers.get(0)).opened().shards();
    return ReplicaLags.of(shards).blockOptional(BOUND).orElseThrow();
  }

  private static void await(ReplicaLags lags, Predicate<ReplicaLags.Lag> wanted) {
    awaitTrue(() -> wanted.test(lags.now().blockOptional(BOUND).orElseThrow().get(0)));
  }

  private static void awaitTrue(BooleanSupplier wanted) {
    Mono.fromSupplier(wanted::getAsBoolean)
        .subscribeOn(Schedulers.boundedElastic())
        .filter(met -> met)
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50)))
        .block(BOUND);
  }

  /** The version of a user on a server, or -1 if it is not there. */
  private static long versionOn(MoveFixture fixture, int shard, long user) {
    return fixture
        .router(0)
        .on(ShardId.of("shard_" + shard))
        .sql("SELECT version FROM users WHERE id = :id")
        .bind("id", user)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .defaultIfEmpty(-1L)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void theCopyingWaitsUntilOldVersionsArePurged() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(20);
      AtomicLong limit = new AtomicLong(-2);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public LoadLimits limits() {
                  return new LoadLimits(limit.get(), Long.MAX_VALUE, Duration.ofMinutes(2));
                }
              });
      long job = started(moves, MoveOptions.defaults());
      MoveProgress held = awaited(moves, job, move -> move.report().throttledBy() != null);
      assertThat(held.report().throttledBy())
          .matches("history: [0-9]+ old versions on shard_0 are not purged");
      assertThat(held.report().notKnown()).allMatch(what -> what.startsWith("latency of shard_0"));
      assertThat(held.rowsCopied()).isZero();
      limit.set(Long.MAX_VALUE);
      ended(moves, job);
    }
  }

  @Test
  void itIsToldWhoHoldsUpASwitch() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(50);
      Sinks.Empty<Void> end = Sinks.empty();
      Sinks.One<Long> holding = Sinks.one();
      Mono<Void> held =
          fixture
              .router(0)
              .on(S0)
              .inTransaction(
                  connection ->
                      updated(connection, "UPDATE users SET version = 9 WHERE id = 1")
                          .then(connectionId(connection))
                          .doOnNext(holding::tryEmitValue)
                          .then(end.asMono()))
              .then()
              .cache();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  if (!what.equals("switching")) {
                    return Mono.empty();
                  }
                  held.subscribe();
                  return holding.asMono().then();
                }
              });
      Mono<List<MoveEvent>> told =
          moves.events().takeUntil(MoveEvent.Stuck.class::isInstance).collectList().cache();
      told.subscribe();
      long job = started(moves, MoveOptions.builder().patience(Duration.ofSeconds(1)).build());
      MoveProgress stuck = awaited(moves, job, MoveProgress::stuck);
      MoveProgress.Wait waiting = Objects.requireNonNull(stuck.report().waiting());
      assertThat(stuck.error()).isNull();
      assertThat(stuck.phase()).isEqualTo("SWITCH");
      assertThat(stuck.from() + " " + stuck.to()).isEqualTo("shard_0 shard_1");
      assertThat(waiting.on()).isEqualTo("open transactions on shard_0");
      assertThat(waiting.since()).isBefore(Instant.now());
      assertThat(waiting.holders())
          .anySatisfy(
              holder -> {
                assertThat(holder.connection()).isEqualTo(holding.asMono().block(BOUND));
                assertThat(holder.user()).isNotEmpty();
                assertThat(holder.host()).isNotEmpty();
                assertThat(holder.age()).isBetween(Duration.ofMillis(1), BOUND);
              });
      assertThat(told.blockOptional(BOUND).orElseThrow())
          .filteredOn(event -> event instanceof MoveEvent.HeldUp)
          .singleElement()
          .extracting("waiting.on")
          .isEqualTo(waiting.on());
      end.tryEmitEmpty();
      ended(moves, job);
      held.block(BOUND);
    }
  }

  /** The mover is slow, and the application is not: no switch begins, and the move ends. */
  @Test
  void aMoveThatFallsBehindCancelsItself() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(60);
      Map<Long, List<String>> before = fixture.rows();
      AtomicBoolean over = new AtomicBoolean();
      AtomicBoolean switching = new AtomicBoolean();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  switching.compareAndSet(false, what.equals("switching"));
                  return what.equals("apply") ? Mono.delay(BOUND).then() : Mono.empty();
                }

                @Override
                public LoadLimits limits() {
                  return new LoadLimits(1_000_000, 20, Duration.ofSeconds(1));
                }
              });
      Mono<Void> writing =
          Flux.range(1, 60)
              .map(Integer::longValue)
              .concatMap(fixture::update)
              .repeat(() -> !over.get())
              .then()
              .cache();
      long job = started(moves, MoveOptions.builder().giveUpAfter(Duration.ofSeconds(2)).build());
      awaited(moves, job, move -> move.phase().equals("COPY"));
      writing.subscribe();
      MoveProgress behind = awaited(moves, job, move -> move.report().fallsBehind() != null);
      assertThat(behind.stuck()).isTrue();
      assertThat(behind.report().fallsBehind()).startsWith("changes come faster than they are");
      MoveProgress end = moves.progress(job).last().blockOptional(BOUND).orElseThrow();
      over.set(true);
      writing.block(BOUND);
      assertThat(end.phase()).isEqualTo("REVERSED");
      assertThat(end.stuck()).isFalse();
      assertThat(end.error()).startsWith("cancelled: changes come faster");
      assertThat(switching).isFalse();
      assertThat(fixture.rows().keySet()).isEqualTo(before.keySet());
      assertThat(fixture.rows().values())
          .allSatisfy(rows -> assertThat(rows).singleElement().asString().startsWith("shard_0"));
      fixture.checkClean();
    }
  }

  /** The keys have moved, and nothing is applied to their old place. */
  @ParameterizedTest
  @ValueSource(strings = {"HOLD", "REVERSE"})
  void aWayBackThatFallsBehindIsGivenUp(String phase) {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(60);
      AtomicBoolean over = new AtomicBoolean();
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals(phase.equals("HOLD") ? "flow" : "return verify")
                      ? Mono.delay(SLOW).then()
                      : Mono.empty();
                }

                @Override
                public LoadLimits limits() {
                  return new LoadLimits(1_000_000, 20, Duration.ofSeconds(1));
                }
              });
      Mono<Void> writing =
          Flux.range(1, 60)
              .map(Integer::longValue)
              .concatMap(id -> fixture.update(id).retry(10))
              .repeat(() -> !over.get())
              .then()
              .cache();
      MoveOptions options =
          MoveOptions.builder()
              .giveUpAfter(Duration.ofSeconds(2))
              .rollbackWindow(Duration.ofHours(1))
              .build();
      long job =
          moves
              .plan(STRATEGY, ShardingStrategy.fixed(S1))
              .flatMap(plan -> moves.start(plan.with(options)))
              .blockOptional(BOUND)
              .orElseThrow();
      awaited(moves, job, move -> move.phase().equals("HOLD"));
      if (phase.equals("REVERSE")) {
        moves.want(job, MoveProgress.Wanted.REVERSE).block(BOUND);
        awaited(moves, job, move -> move.phase().equals("REVERSE"));
      }
      writing.subscribe();
      MoveProgress behind = awaited(moves, job, move -> move.report().fallsBehind() != null);
      assertThat(behind.stuck()).isTrue();
      assertThat(behind.phase()).isEqualTo(phase);
      assertThat(behind.report().fallsBehind())
          .startsWith("the old place falls behind: changes come faster than they are");
      MoveProgress end = moves.progress(job).last().blockOptional(BOUND).orElseThrow();
      over.set(true);
      writing.block(BOUND);
      assertThat(end.phase()).isEqualTo(phase.equals("HOLD") ? "CLEAN" : "STAYED");
      assertThat(end.error()).startsWith("the way back was given up: changes come faster");
      assertThat(fixture.rows().values())
          .allSatisfy(rows -> assertThat(rows).singleElement().asString().startsWith("shard_1"));
      fixture.checkClean();
    }
  }

  /** A server whose disk is full says so by this error; the move goes on when there is room. */
  @Test
  void aFullTargetLosesNothing() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(40);
      AtomicBoolean full = new AtomicBoolean(true);
      ShardMoves moves =
          fixture.hasty(
              0,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return what.equals("copy") && full.getAndSet(false)
                      ? trigger(fixture, "orders", "BEFORE INSERT")
                          .then(trigger(fixture, "users", "BEFORE DELETE"))
                      : Mono.empty();
                }
              });
      MovePlan plan =
          moves.plan(STRATEGY, ShardingStrategy.fixed(S1)).blockOptional(BOUND).orElseThrow();
      assertThat(plan.targets())
          .singleElement()
          .satisfies(
              target -> {
                assertThat(target.shard()).isEqualTo(S1);
                assertThat(target.bytesAbout()).isPositive();
              });
      long job = started(moves, MoveOptions.defaults());
      MoveProgress stuck = awaited(moves, job, MoveProgress::stuck);
      assertThat(stuck.error())
          .startsWith("shard_1: no room left, [1114]")
          .contains("The table is full");
      assertThat(stuck.phase()).isEqualTo("COPY");
      for (long id = 1; id <= 40; id++) {
        assertThat(fixture.update(id).block(BOUND)).isOne();
      }
      Map<Long, List<String>> before = fixture.rows();
      before.replaceAll(
          (id, rows) -> rows.stream().filter(row -> row.startsWith("shard_0")).toList());
      fixture.router(0).on(S1).sql("DROP TRIGGER full_users").rowsUpdated().block(BOUND);
      fixture.router(0).on(S1).sql("DROP TRIGGER full_orders").rowsUpdated().block(BOUND);
      ended(moves, job);
      fixture.check(before, ShardingStrategy.fixed(S1));
      fixture.checkClean();
    }
  }

  /** A move whose end can't be noted says why, and ends once it can. */
  @Test
  void anEndThatIsNotNotedIsTold() {
    try (MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}")) {
      fixture.load(3);
      fixture.onServer(
          0,
          "CREATE TRIGGER no_end BEFORE UPDATE ON shardflux_job FOR EACH ROW BEGIN IF NEW.ended_at"
              + " IS NOT NULL THEN SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT ="
              + " 'no end today'; END IF; END");
      ShardMoves moves = fixture.hasty(0, MoveJob.Guards.ALL);
      long job = fixture.startedBriefly(moves, ShardingStrategy.fixed(S1));
      MoveProgress held = awaited(moves, job, move -> move.error() != null);
      assertThat(held.error()).contains("no end today");
      assertThat(held.ended()).isFalse();
      fixture.onServer(0, "DROP TRIGGER no_end");
      ended(moves, job);
      fixture.checkClean();
    }
  }

  private static Mono<Void> trigger(MoveFixture fixture, String table, String event) {
    return fixture
        .router(0)
        .on(S1)
        .sql(
            "CREATE TRIGGER full_"
                + table
                + " "
                + event
                + " ON "
                + table
                + " FOR EACH ROW SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114,"
                + " MESSAGE_TEXT = 'The table is full'")
        .rowsUpdated()
        .then();
  }

  private static Mono<Long> updated(Connection connection, String sql) {
    return Mono.from(connection.createStatement(sql).execute())
        .flatMap(result -> Mono.from(result.getRowsUpdated()));
  }

  private static Mono<Long> connectionId(Connection connection) {
    return Mono.from(connection.createStatement("SELECT CONNECTION_ID()").execute())
        .flatMap(result -> Mono.from(result.map(row -> row.get(0, Long.class))));
  }
}
