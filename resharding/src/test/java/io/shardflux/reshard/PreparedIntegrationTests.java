package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.retry.Retry;

/** A switch waits for prepared XA transactions, also for those that a restart has recovered. */
@Isolated
class PreparedIntegrationTests {

  private static final ShardId ONE = ShardId.of("one");
  private static final long NEW = 900_001;

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("prepared");
  private final String xid = "'" + databases.get(0).name() + "','b',7";
  private ClusterRouter cluster;

  /** Not with the instance, which disabled tests have, too, and nobody closes. */
  @BeforeEach
  void open() {
    cluster = opened();
  }

  @AfterEach
  void close() {
    servers.restore();
    cluster.close().block(BOUND);
    // A later test would find it on the server.
    end("ROLLBACK").onErrorComplete().block(BOUND);
  }

  static Stream<Boolean> restarts() {
    return Boolean.getBoolean("moves.all") ? Stream.of(false, true) : Stream.of(true);
  }

  @ParameterizedTest
  @MethodSource("restarts")
  void aSwitchWaitsAndSaysForWhom(boolean restarted) {
    assumeTrue(!restarted || servers.controllable());
    ShardMoves moves = moves(restarted, true);
    long job = started(moves);
    moves.want(job, Wanted.COMPLETE).block(BOUND);
    String on =
        moves
            .progress(job)
            .retryWhen(Retry.fixedDelay(60, Duration.ofSeconds(1)))
            .filter(at -> at.report().waiting() != null)
            .map(at -> Objects.requireNonNull(at.report().waiting()).on())
            .blockFirst(BOUND);
    assertThat(on)
        .contains("prepared", "on shard_0")
        .containsAnyOf(databases.get(0).name(), hex(databases.get(0).name()));
    assertThat(retried(MoveFixture.update(cluster.router(), 1))).isOne();
    assertThat(retried(end("COMMIT").thenReturn(1L))).isOne();
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
    assertThat(rowsOn(0)).isZero();
    assertThat(rowsOn(1)).isOne();
    moves.close().block(BOUND);
  }

  /** The control: without the look the same check must see that the row is left behind. */
  @Test
  @EnabledIfSystemProperty(named = "moves.all", matches = "true")
  void withoutTheLookItsRowIsLeftBehind() {
    assumeTrue(servers.controllable());
    ShardMoves moves = moves(true, false);
    long job = started(moves);
    moves
        .progress(job)
        .retryWhen(Retry.fixedDelay(60, Duration.ofSeconds(1)))
        .filter(at -> at.phase().equals("HOLD"))
        .blockFirst(BOUND);
    retried(end("COMMIT").thenReturn(1L));
    assertThat(rowsOn(1)).isZero();
    moves.close().block(BOUND);
  }

  /** No trigger notes what it changed, as none was there; its connection has gone. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theCopyingWaitsForWhatWasPreparedBefore(boolean sees) {
    boolean mariaDb =
        cluster
            .router()
            .on(S0)
            .sql("SELECT VERSION()")
            .map((row, metadata) -> String.valueOf(row.get(0)))
            .one()
            .blockOptional(BOUND)
            .orElseThrow()
            .contains("MariaDB");
    // MySQL makes no trigger beside it.
    assumeTrue(sees || mariaDb);
    prepare(false);
    ShardMoves moves =
        new DefaultShardMoves(
            cluster,
            new MoveJob.Guards() {
              @Override
              public boolean seesPrepared() {
                return sees;
              }
            });
    long job = started(moves);
    if (mariaDb && sees) {
      MoveProgress waits =
          moves.progress(job).filter(at -> at.report().waiting() != null).blockFirst(BOUND);
      assertThat(Objects.requireNonNull(waits).phase()).isEqualTo("PREPARE");
      assertThat(Objects.requireNonNull(waits.report().waiting()).on())
          .startsWith("prepared XA transactions on shard_0, of ")
          .contains(databases.get(0).name());
    } else if (sees) {
      assertThat(moves.progress(job).take(Duration.ofSeconds(4)).blockLast(BOUND))
          .satisfies(at -> assertThat(at.phase()).isEqualTo("PREPARE"));
    } else {
      moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(BOUND);
    }
    assertThat(retried(end("COMMIT").thenReturn(1L))).isOne();
    moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(BOUND);
    assertThat(rowsOn(1)).isEqualTo(sees ? 1 : 0);
    moves.close().block(BOUND);
  }

  private static String hex(String text) {
    return HexFormat.of().withUpperCase().formatHex(text.getBytes(US_ASCII));
  }

  private static Long retried(Mono<Long> work) {
    return work.retryWhen(Retry.fixedDelay(100, Duration.ofMillis(200)))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Moves that meet a prepared transaction once changes are noted. */
  private ShardMoves moves(boolean restarted, boolean sees) {
    return new DefaultShardMoves(
        cluster,
        new MoveJob.Guards() {
          private boolean done;

          @Override
          public Mono<Void> before(String what) {
            if (sees && what.equals("last changes")) {
              // It has ended by now; otherwise it would be committed behind the last look.
              return end("COMMIT").onErrorComplete();
            }
            if (!what.equals("verify") || done) {
              return Mono.empty();
            }
            done = true;
            return Mono.<Void>fromRunnable(() -> prepare(restarted))
                .subscribeOn(Schedulers.boundedElastic());
          }

          @Override
          public boolean seesPrepared() {
            return sees;
          }
        });
  }

  private void prepare(boolean restarted) {
    onSource(
            List.of(
                "XA START " + xid,
                "INSERT INTO users VALUES (" + NEW + ", 'prepared', 0)",
                "XA END " + xid,
                "XA PREPARE " + xid))
        .block(BOUND);
    if (restarted) {
      servers.kill(databases.get(0).server());
      servers.restore();
    }
  }

  private Mono<Void> end(String how) {
    return onSource(List.of("XA " + how + " " + xid));
  }

  /** By a connection that is cut then. */
  private Mono<Void> onSource(List<String> statements) {
    return Mono.usingWhen(
        Mono.fromSupplier(() -> plain(0)),
        router ->
            router
                .on(ONE)
                .inConnection(
                    connection ->
                        Flux.fromIterable(statements)
                            .concatMap(sql -> connection.createStatement(sql).execute())
                            .concatMap(result -> result.getRowsUpdated())
                            .then())
                .then(),
        ShardRouter::close);
  }

  private long rowsOn(int shard) {
    ShardRouter plain = plain(shard);
    try {
      return plain
          .on(ONE)
          .sql("SELECT COUNT(*) FROM users WHERE id = " + NEW)
          .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
          .one()
          .blockOptional(BOUND)
          .orElseThrow();
    } finally {
      plain.close().block(BOUND);
    }
  }

  private ShardRouter plain(int number) {
    return ShardRouter.builder().shard(Shard.of("one", databases.get(number).r2dbcUrl())).build();
  }

  private static long started(ShardMoves moves) {
    return moves
        .plan("by_user", ShardingStrategy.fixed(S1))
        .flatMap(moves::start)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private ClusterRouter opened() {
    ClusterRouter router = ControlApart.open(databases, BOUND);
    Told.create(router.router());
    Told.load(router.router(), ShardingStrategy.fixed(S0));
    return router;
  }
}
