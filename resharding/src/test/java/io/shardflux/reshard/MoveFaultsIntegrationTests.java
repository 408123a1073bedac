package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.retry.Retry;

/**
 * A server that is killed or stands still for some seconds in a phase of a move delays the move,
 * and loses nothing. Statements of keys that lie elsewhere and do not move go on.
 */
@Tag("same-on-any-server")
@Isolated
class MoveFaultsIntegrationTests {

  private static final boolean ALL = Boolean.getBoolean("moves.all");
  private static final Duration FAULT = Duration.ofSeconds(3);
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");
  private static final ShardingStrategy OLD = ShardingStrategy.modulo(List.of(S0, S2));

  /** Takes the keys of the first shard to the second; those of the third stay. */
  private static final ShardingStrategy NEXT = ShardingStrategy.modulo(List.of(S1, S2));

  private final TestServers servers = TestServers.shared();

  enum Server {
    SOURCE(0),
    TARGET(1),
    /** The control tables' server, which has the shard whose keys stay, too. */
    CONTROL(2);

    private final int number;

    Server(int number) {
      this.number = number;
    }
  }

  static Stream<Arguments> faults() {
    if (!ALL) {
      return Stream.of(
          Arguments.of("copy", Server.SOURCE, true), Arguments.of("drain", Server.CONTROL, true));
    }
    return Stream.of("copy", "verify", "switching", "close", "drain", "clean")
        .flatMap(
            phase ->
                Stream.of(Server.values())
                    .flatMap(
                        server ->
                            Stream.of(true, false)
                                .map(killed -> Arguments.of(phase, server, killed))));
  }

  @AfterEach
  void restore() {
    servers.restore();
  }

  @ParameterizedTest
  @MethodSource("faults")
  void aServerThatFailsDelaysTheMove(String phase, Server server, boolean killed) {
    assumeTrue(servers.controllable());
    List<Database> databases = servers.freshDatabases("faults");
    ClusterRouter cluster =
        ClusterRouter.open(document(databases)).blockOptional(BOUND).orElseThrow();
    Told told = new Told();
    Told.create(cluster.router());
    Told.load(cluster.router(), OLD);
    AtomicBoolean over = new AtomicBoolean();
    Mono<Void> writing = new Writes(cluster.router(), 0, 1, told::said).until(over::get).cache();
    writing.subscribe(never -> {}, error -> told.wrong.add(String.valueOf(error)));
    Failing failing = new Failing(phase, databases.get(server.number).server(), killed);
    ShardMoves moves = new DefaultShardMoves(cluster, failing);
    try {
      MovePlan plan = moves.plan("by_user", NEXT).blockOptional(BOUND).orElseThrow();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      MoveProgress end =
          moves
              .progress(job)
              // The control server may be the one that fails.
              .retryWhen(Retry.fixedDelay(60, Duration.ofSeconds(1)))
              .blockLast(BOUND);
      assertThat(end).extracting(MoveProgress::error).isNull();
      assertThat(failing.failed).isTrue();
    } finally {
      over.set(true);
      writing.block(BOUND);
      servers.restore();
      moves.close().block(BOUND);
    }
    assertThat(told.misplaced(cluster.router(), NEXT)).isEmpty();
    assertThat(told.wrong).isEmpty();
    if (server != Server.CONTROL) {
      assertThat(told.unknown.keySet()).allMatch(id -> OLD.locate(ShardKey.of(id)).equals(S0));
    }
    cluster.close().block(BOUND);
  }

  /**
   * The switch is taken back, so that writes go on at the source long before the target is back.
   */
  @Test
  void aTargetThatIsGoneInASwitchHoldsUpNoWriterForLong() {
    assumeTrue(servers.controllable());
    List<Database> databases = servers.freshDatabases("faults");
    ClusterRouter cluster =
        ClusterRouter.open(document(databases)).blockOptional(BOUND).orElseThrow();
    Told.create(cluster.router());
    Told.load(cluster.router(), OLD);
    CountDownLatch gone = new CountDownLatch(1);
    DatabaseServer target = databases.get(Server.TARGET.number).server();
    ShardMoves moves =
        new DefaultShardMoves(
            cluster,
            new MoveJob.Guards() {
              @Override
              public Mono<Void> before(String what) {
                return what.equals("drain") && gone.getCount() > 0
                    ? Mono.<Void>fromRunnable(() -> servers.pause(target))
                        .subscribeOn(Schedulers.boundedElastic())
                        .doOnSuccess(paused -> gone.countDown())
                    : Mono.empty();
              }
            });
    try {
      MovePlan plan = moves.plan("by_user", NEXT).blockOptional(BOUND).orElseThrow();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      MoveIntegrationTests.await(gone);
      long moving = OLD.locate(ShardKey.of(2)).equals(S0) ? 2 : 1;
      assertThat(
              MoveFixture.update(cluster.router(), moving)
                  .retryWhen(Retry.fixedDelay(60, Duration.ofMillis(200)))
                  // The target is gone until this has come.
                  .block(Duration.ofSeconds(30)))
          .isOne();
      servers.restore();
      assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
      assertThat(MoveFixture.update(cluster.router(), moving).block(BOUND)).isOne();
    } finally {
      servers.restore();
      moves.close().block(BOUND);
      cluster.close().block(BOUND);
    }
  }

  private static String document(List<Database> databases) {
    return """
    shards:
      shard_0: {url: '%s'}
      shard_1: {url: '%s'}
      shard_2: {url: '%s'}
    strategies:
      by_user: {type: modulo, shards: [shard_0, shard_2]}
    tables:
      users: {key: {id: integer}, strategy: by_user}
      orders: {key: {user_id: integer}, strategy: by_user}
    timeouts: {acquire: 2s, total: 10s}
    control:
      url: '%s'
      create-tables: true
      poll: 100ms
      lease: 1s
    """
        .formatted(
            databases.get(0).r2dbcUrl(),
            databases.get(1).r2dbcUrl(),
            databases.get(2).r2dbcUrl(),
            databases.get(2).r2dbcUrl());
  }

  /** Makes a server fail before the first piece of work of a kind, and be there again later. */
  private final class Failing implements MoveJob.Guards {

    private final String phase;
    private final DatabaseServer server;
    private final boolean killed;
    private final AtomicBoolean failed = new AtomicBoolean();

    Failing(String phase, DatabaseServer server, boolean killed) {
      this.phase = phase;
      this.server = server;
      this.killed = killed;
    }

    @Override
    public Mono<Void> before(String what) {
      if (!what.equals(phase) || !failed.compareAndSet(false, true)) {
        return Mono.empty();
      }
      Mono.delay(FAULT, Schedulers.boundedElastic()).subscribe(tick -> servers.restore());
      return Mono.<Void>fromRunnable(
              () -> {
                if (killed) {
                  servers.kill(server);
                } else {
                  servers.pause(server);
                }
              })
          .subscribeOn(Schedulers.boundedElastic());
    }
  }
}
