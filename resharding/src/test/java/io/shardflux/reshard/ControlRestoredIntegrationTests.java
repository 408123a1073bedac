package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.cluster.ClusterEvent;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.retry.Retry;

/**
 * The shards' own databases know where keys are before the control server does, so that one which
 * dies in between, or comes back as an older copy, takes no key to its old place.
 */
@Isolated
@Tag("same-on-any-server")
class ControlRestoredIntegrationTests {

  private static final boolean ALL = Boolean.getBoolean("moves.all");

  private static final List<String> TABLES =
      List.of(
          "shardflux_control",
          "shardflux_topology",
          "shardflux_router",
          "shardflux_order",
          "shardflux_job");

  private static final ShardingStrategy OLD = ShardingStrategy.fixed(S0);
  private static final ShardingStrategy NEXT = ShardingStrategy.modulo(List.of(S0, S1));

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("restored");
  private ShardRouter control;
  private final List<ShardMoves> moves = new ArrayList<>();
  private final List<ClusterRouter> routers = new ArrayList<>();
  private final List<ClusterEvent> met = new CopyOnWriteArrayList<>();
  private final Told told = new Told();
  private final AtomicBoolean over = new AtomicBoolean();

  /** Not with the instance, which disabled tests have, too, and nobody closes. */
  @BeforeEach
  void open() {
    control = plain(2);
  }

  @AfterEach
  void close() {
    over.set(true);
    servers.restore();
    moves.forEach(each -> each.close().block(BOUND));
    routers.forEach(router -> router.close().block(BOUND));
    control.close().block(BOUND);
  }

  enum Way {
    FORTH,
    BACK
  }

  /** Does what a test wants at the first piece of work of a kind. */
  private static final class At implements MoveJob.Guards {

    private final String piece;
    private final Runnable work;
    private final boolean settles;
    private final CountDownLatch reached = new CountDownLatch(1);

    At(String piece, boolean settles, Runnable work) {
      this.piece = piece;
      this.work = work;
      this.settles = settles;
    }

    @Override
    public boolean settles() {
      return settles;
    }

    @Override
    public Mono<Void> before(String what) {
      if (!what.equals(piece) || reached.getCount() == 0) {
        return Mono.empty();
      }
      return Mono.<Void>fromRunnable(
              () -> {
                work.run();
                reached.countDown();
              })
          .subscribeOn(Schedulers.boundedElastic());
    }
  }

  @ParameterizedTest
  @EnumSource(Way.class)
  void bothSidesKnowTheNewPlaceBeforeItIsPublished(Way way) {
    ClusterRouter cluster = opened();
    List<Long> epochs = new CopyOnWriteArrayList<>();
    At telling =
        new At(
            way == Way.FORTH ? "tell" : "return tell",
            false,
            () -> epochs.addAll(List.of(epochOn(0), epochOn(1), published())));
    AtomicBoolean opening = new AtomicBoolean();
    At publishing = new At("publish", false, () -> {});
    MoveJob.Guards both =
        new MoveJob.Guards() {
          @Override
          public boolean settles() {
            return false;
          }

          @Override
          public Mono<Void> before(String what) {
            if (what.equals(telling.piece)) {
              opening.set(true);
              return telling.before(what);
            }
            return what.equals(publishing.piece) && opening.getAndSet(false)
                ? Mono.<Void>fromRunnable(
                        () -> epochs.addAll(List.of(epochOn(0), epochOn(1), published())))
                    .subscribeOn(Schedulers.boundedElastic())
                : Mono.empty();
          }
        };
    ShardMoves own = moves(cluster, both);
    long job = started(own);
    if (way == Way.BACK) {
      atPhase(own, job, "HOLD");
    }
    own.want(job, way == Way.FORTH ? Wanted.COMPLETE : Wanted.REVERSE).block(BOUND);
    own.progress(job).blockLast(BOUND);
    long before = epochs.get(2);
    long first = way == Way.FORTH ? 1 : 0;
    assertThat(epochs.get((int) first)).isEqualTo(before + 1);
    assertThat(epochs.get(1 - (int) first)).isLessThanOrEqualTo(before);
    assertThat(epochs.subList(3, 6)).containsExactly(before + 1, before + 1, before);
  }

  /** It has lost nothing then, so that the move goes on by itself. */
  @ParameterizedTest
  @EnumSource(Way.class)
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void aControlServerThatDiesBeforeThePublicationDelaysTheMove(Way way) {
    assumeTrue(servers.controllable());
    ClusterRouter cluster = opened();
    At dying =
        new At(
            way == Way.FORTH ? "tell" : "return tell",
            true,
            () -> {
              servers.kill(databases.get(2).server());
              Mono.delay(Duration.ofSeconds(3), Schedulers.boundedElastic())
                  .subscribe(tick -> servers.restore());
            });
    ShardMoves own = moves(cluster, dying);
    Disposable writing = writing(cluster, 0, 1);
    long job = started(own);
    if (way == Way.BACK) {
      atPhase(own, job, "HOLD");
    }
    own.want(job, way == Way.FORTH ? Wanted.COMPLETE : Wanted.REVERSE).block(BOUND);
    MoveProgress end =
        own.progress(job).retryWhen(Retry.fixedDelay(60, Duration.ofSeconds(1))).blockLast(BOUND);
    assertThat(Objects.requireNonNull(end).error()).isNull();
    over.set(true);
    await(writing::isDisposed);
    assertThat(told.misplaced(cluster.router(), way == Way.FORTH ? NEXT : OLD)).isEmpty();
    assertThat(told.wrong).isEmpty();
  }

  /** When the copy is made, when it is restored, and whether all routers start anew then. */
  static Stream<Arguments> copies() {
    if (!ALL) {
      return Stream.of(Arguments.of("start", "clean", true));
    }
    return Stream.of("start", "copy", "switching", "note HOLD")
        .flatMap(
            copied ->
                Stream.of("note CLEAN", "clean", "end")
                    // The others have the epoch that is in force.
                    .filter(restored -> !copied.equals("note HOLD") || restored.equals("end"))
                    .flatMap(
                        restored ->
                            Stream.of(false, true)
                                .map(anew -> Arguments.of(copied, restored, anew))));
  }

  @ParameterizedTest
  @MethodSource("copies")
  void anOlderCopyLosesNothing(String copied, String restored, boolean anew) {
    ClusterRouter cluster = opened();
    cluster.events().subscribe(met::add);
    At copying = new At(copied, true, this::copy);
    At restoring = new At(restored, true, this::restore);
    MoveJob.Guards both =
        new MoveJob.Guards() {
          @Override
          public Mono<Void> before(String what) {
            return copying.before(what).then(restoring.before(what));
          }
        };
    if (copied.equals("start")) {
      copy();
    }
    ShardMoves own = moves(cluster, both);
    Disposable writing = writing(cluster, 0, 2);
    long job = started(own);
    own.want(job, Wanted.COMPLETE).block(BOUND);
    if (restored.equals("end")) {
      own.progress(job).blockLast(BOUND);
      restore();
    } else {
      MoveIntegrationTests.await(restoring.reached);
    }
    await(() -> met.stream().anyMatch(ClusterEvent.ControlBehind.class::isInstance));
    ClusterRouter next = cluster;
    if (anew) {
      over.set(true);
      await(writing::isDisposed);
      own.close().block(BOUND);
      cluster.close().block(BOUND);
      over.set(false);
      next = router();
      own = moves(next, MoveJob.Guards.ALL);
      writing = writing(next, 1, 2);
    }
    checkBehind(next, !restored.equals("end"));
    long epoch = next.router().topology().epoch();
    assertThat(next.republish("restored").block(BOUND)).isGreaterThan(epoch);
    own.want(job, Wanted.COMPLETE).block(BOUND);
    MoveProgress end = own.progress(job).blockLast(BOUND);
    assertThat(Objects.requireNonNull(end).error()).isNull();
    int writes = told.writes.get();
    await(() -> told.writes.get() > writes + 50);
    over.set(true);
    await(writing::isDisposed);
    assertThat(told.misplaced(next.router(), NEXT)).isEmpty();
    assertThat(told.wrong).isEmpty();
    // Its number is not given a second time.
    assertThat(started(own, OLD)).isGreaterThan(job);
  }

  /** Keys on their way are not routed, others are; nothing is changed or begun. */
  private static void checkBehind(ClusterRouter router, boolean moving) {
    // A user that is nowhere.
    assertThat(
            MoveFixture.update(router.router(), 999_999)
                .onErrorResume(ShardUnavailableException.class, error -> Mono.just(-1L))
                .block(BOUND))
        .isEqualTo(moving ? -1 : 0);
    assertThat(rows(router.router(), "SELECT 7 FROM DUAL")).containsExactly(7L);
    assertThat(
            router
                .addShard(Shard.of("more", "r2dbc:mysql://nobody@127.0.0.1:1/x"), "refused")
                .map(epoch -> "published")
                .onErrorResume(error -> Mono.just(String.valueOf(error.getMessage())))
                .block(BOUND))
        .contains("an older copy", "ClusterRouter.republish");
  }

  /** The control: without what the shards know, the same check must see misplaced writes. */
  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void withoutWhatTheShardsKnowAnOlderCopyLosesWrites() {
    ClusterRouter cluster = opened();
    ShardMoves own = moves(cluster, new At("copy", true, this::copy));
    long job = started(own);
    own.want(job, Wanted.COMPLETE).block(BOUND);
    own.progress(job).blockLast(BOUND);
    own.close().block(BOUND);
    cluster.close().block(BOUND);
    restore();
    for (int shard = 0; shard < 2; shard++) {
      run(shard, "UPDATE shardflux_identity SET epoch = 0, document = ''");
      run(shard, "DROP TABLE shardflux_job_copy");
    }
    ClusterRouter next = router();
    Disposable writing = writing(next, 0, 1);
    await(() -> told.writes.get() + told.wrong.size() > 200);
    over.set(true);
    await(writing::isDisposed);
    assertThat(told.misplaced(next.router(), NEXT)).isNotEmpty();
  }

  /** The copy has the same epoch, so that nothing but the shards tells that it is older. */
  @Test
  void aCopyOfBeforeTheDeletionsReversesNothing() {
    ClusterRouter cluster = opened();
    At copying = new At("note CLEAN", false, this::copy);
    At restoring = new At("note CLEAN end", false, this::restore);
    AtomicBoolean cleaning = new AtomicBoolean();
    MoveJob.Guards both =
        new MoveJob.Guards() {
          @Override
          public boolean settles() {
            return false;
          }

          @Override
          public Mono<Void> before(String what) {
            if (what.equals("note CLEAN") && cleaning.get()) {
              // Behind the first deletions.
              return restoring.before("note CLEAN end");
            }
            if (what.equals("clean")) {
              cleaning.set(true);
            }
            return copying.before(what);
          }
        };
    ShardMoves own = moves(cluster, both);
    long job = started(own);
    own.want(job, Wanted.COMPLETE).block(BOUND);
    MoveIntegrationTests.await(restoring.reached);
    own.want(job, Wanted.REVERSE).block(BOUND);
    MoveProgress end = own.progress(job).blockLast(BOUND);
    assertThat(Objects.requireNonNull(end).phase()).isEqualTo("CLEAN");
    assertThat(told.misplaced(cluster.router(), NEXT)).isEmpty();
  }

  @Test
  void thereIsNothingToRepublishOverANewestCopy() {
    ClusterRouter cluster = opened();
    assertThat(
            cluster
                .republish("for nothing")
                .map(epoch -> "published")
                .onErrorResume(error -> Mono.just(String.valueOf(error.getMessage())))
                .block(BOUND))
        .startsWith("control: epoch 1, which is the newest");
  }

  private ClusterRouter opened() {
    ClusterRouter cluster = router();
    Told.create(cluster.router());
    Told.load(cluster.router(), OLD);
    return cluster;
  }

  private ClusterRouter router() {
    ClusterRouter router = ControlApart.open(databases, BOUND);
    routers.add(router);
    return router;
  }

  private ShardMoves moves(ClusterRouter cluster, MoveJob.Guards guards) {
    ShardMoves own = new DefaultShardMoves(cluster, guards);
    moves.add(own);
    return own;
  }

  private static long started(ShardMoves own) {
    return started(own, NEXT);
  }

  private static long started(ShardMoves own, ShardingStrategy next) {
    return own.plan("by_user", next).flatMap(own::start).blockOptional(BOUND).orElseThrow();
  }

  private static void atPhase(ShardMoves own, long job, String phase) {
    own.progress(job).filter(at -> at.phase().equals(phase)).blockFirst(BOUND);
  }

  private Disposable writing(ClusterRouter cluster, int first, int step) {
    return new Writes(cluster.router(), first, step, told::said).until(over::get).subscribe();
  }

  /** As a dump of the control server's tables. */
  private void copy() {
    TABLES.forEach(table -> onControl("CREATE TABLE copy_" + table + " LIKE " + table));
    control
        .on(ShardId.of("one"))
        .inTransaction(
            connection ->
                Flux.fromIterable(TABLES)
                    .concatMap(
                        table ->
                            connection
                                .createStatement(
                                    "INSERT INTO copy_" + table + " SELECT * FROM " + table)
                                .execute())
                    .concatMap(result -> result.getRowsUpdated())
                    .then())
        .blockLast(BOUND);
  }

  private void restore() {
    onControl(
        "RENAME TABLE "
            + TABLES.stream()
                .map(table -> table + " TO was_" + table + ", copy_" + table + " TO " + table)
                .collect(Collectors.joining(", ")));
  }

  private void onControl(String sql) {
    control.on(ShardId.of("one")).sql(sql).rowsUpdated().block(BOUND);
  }

  private long published() {
    return number(control, "SELECT epoch FROM shardflux_control");
  }

  private long epochOn(int shard) {
    ShardRouter plain = plain(shard);
    try {
      return number(plain, "SELECT epoch FROM shardflux_identity");
    } finally {
      plain.close().block(BOUND);
    }
  }

  private void run(int shard, String sql) {
    ShardRouter plain = plain(shard);
    plain.on(ShardId.of("one")).sql(sql).rowsUpdated().block(BOUND);
    plain.close().block(BOUND);
  }

  private static long number(ShardRouter router, String sql) {
    return router
        .on(ShardId.of("one"))
        .sql(sql)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static List<Long> rows(ShardRouter router, String sql) {
    return router
        .on(S0)
        .sql(sql)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .all()
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private ShardRouter plain(int number) {
    return ShardRouter.builder().shard(Shard.of("one", databases.get(number).r2dbcUrl())).build();
  }

  private static void await(BooleanSupplier wanted) {
    Mono.fromSupplier(wanted::getAsBoolean)
        .subscribeOn(Schedulers.boundedElastic())
        .filter(is -> is)
        .repeatWhenEmpty(Integer.MAX_VALUE, tries -> tries.delayElements(Duration.ofMillis(20)))
        .block(BOUND);
  }
}
