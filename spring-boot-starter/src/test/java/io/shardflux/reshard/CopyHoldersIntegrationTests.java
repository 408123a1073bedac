package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Copies of reference tables that rest, or whose shards go meanwhile. */
@Tag("same-on-any-server")
class CopyHoldersIntegrationTests {

  private static final int ROWS = 100;

  /** A value that row 5 has no longer, but on a copy to which that was not applied. */
  private static final String TAKES = "INSERT INTO countries VALUES (%d, 't5', 0, 'takes the tag')";

  /** Holds pieces of work up until they are let go, or has them fail. */
  private static final class Held implements MoveJob.Guards {

    private final Map<String, Sinks.Empty<Void>> held = new ConcurrentHashMap<>();
    private final Map<String, String> failing = new ConcurrentHashMap<>();

    static Held at(String... pieces) {
      Held all = new Held();
      for (String piece : pieces) {
        all.held.put(piece, Sinks.empty());
      }
      return all;
    }

    void failAt(String piece) {
      failing.put(piece, "fault before " + piece);
      Sinks.Empty<Void> waiting = held.remove(piece);
      if (waiting != null) {
        waiting.tryEmitError(new IllegalStateException(failing.get(piece))).orThrow();
      }
    }

    void letGo(String piece) {
      failing.remove(piece);
      Sinks.Empty<Void> waiting = held.remove(piece);
      if (waiting != null) {
        waiting.tryEmitEmpty().orThrow();
      }
    }

    @Override
    public Mono<Void> before(String what) {
      String fault = failing.get(what);
      Sinks.Empty<Void> waiting = held.get(what);
      return fault != null
          ? Mono.error(new IllegalStateException(fault))
          : waiting == null ? Mono.empty() : waiting.asMono();
    }

    @Override
    public boolean settles() {
      return false;
    }
  }

  private static TableRule.Reference rule(CopyFixture fixture) {
    return (TableRule.Reference) fixture.routers.get(0).router().topology().table("countries");
  }

  private static void awaitJoining(CopyFixture fixture, boolean joining) {
    Awaitility.await()
        .atMost(CopyFixture.BOUND)
        .until(() -> rule(fixture).joining().contains(fixture.added) == joining);
  }

  private static void awaitPhase(ShardMoves moves, long job, String phase) {
    moves.progress(job).filter(now -> now.phase().equals(phase)).blockFirst(CopyFixture.BOUND);
  }

  private static boolean takes(ConnectionFactory factory, int id) {
    return Boolean.TRUE.equals(
        CopyFixture.changed(factory, TAKES.formatted(id))
            .map(rows -> rows == 1)
            .onErrorReturn(TopologyChangedException.class, false)
            .block(CopyFixture.BOUND));
  }

  /** The copy refuses what the others take, and nobody applies what would change that. */
  @ParameterizedTest
  @ValueSource(strings = {"pause", "pause behind a dead owner", "failure"})
  void writesGoOnWhileACopyRests(String why) {
    try (CopyFixture fixture = new CopyFixture(2, ROWS, "shard_2")) {
      Held owner = Held.at("join", "apply joined");
      ShardMoves moves = fixture.moves(0, owner);
      long job = CopyFixture.started(moves, fixture.intent());
      awaitPhase(moves, job, "SWITCH");
      ConnectionFactory factory = fixture.factory(0);
      CopyFixture.changed(factory, "UPDATE countries SET tag = 'other' WHERE id = 5")
          .block(CopyFixture.BOUND);
      owner.letGo("join");
      awaitJoining(fixture, true);
      assertThat(takes(factory, 9_001)).as("while it joins and nothing is applied").isFalse();
      if (why.equals("failure")) {
        owner.failAt("settle");
        owner.failAt("apply joined");
      } else if (why.equals("pause")) {
        moves.want(job, Wanted.PAUSE).block(CopyFixture.BOUND);
      } else {
        owner.failAt("rest");
        moves.want(job, Wanted.PAUSE).block(CopyFixture.BOUND);
        awaitRests(moves, job);
        assertThat(takes(factory, 9_001)).as("as the owner left it").isFalse();
        fixture.moves(1, Held.at());
      }
      Awaitility.await().atMost(CopyFixture.BOUND).until(() -> takes(factory, 9_001));
      assertThat(rule(fixture).joining()).isEmpty();
      List.of("settle", "apply joined", "rest").forEach(owner::letGo);
      moves.want(job, Wanted.RUN).block(CopyFixture.BOUND);
      assertThat(CopyFixture.ended(moves, job).error()).isNull();
      assertThat(fixture.differences()).isEmpty();
      fixture.checkClean();
    }
  }

  private static void awaitRests(ShardMoves moves, long job) {
    moves.progress(job).filter(now -> !now.running()).blockFirst(CopyFixture.BOUND);
  }

  /** The first shard that has the table is the one that it is copied from. */
  @ParameterizedTest
  @ValueSource(strings = {"copy", "apply joined"})
  void anotherShardGivesTheRowsWhereTheFirstOneGoes(String at) {
    try (CopyFixture fixture = new CopyFixture(1, ROWS, "shard_2", "[shard_1]")) {
      Held owner = Held.at(at);
      ShardMoves moves = fixture.moves(0, owner);
      long job = CopyFixture.started(moves, fixture.intent());
      awaitPhase(moves, job, at.equals("copy") ? "COPY" : "SWITCH");
      if (!at.equals("copy")) {
        awaitJoining(fixture, true);
      }
      fixture.routers.get(0).removeShard(CopyFixture.S0, "retired").block(CopyFixture.BOUND);
      // No trigger notes it.
      CopyFixture.changed(fixture.factory(0), "UPDATE countries SET n = 7 WHERE id = 3")
          .block(CopyFixture.BOUND);
      owner.letGo(at);
      MoveProgress end = CopyFixture.ended(moves, job);
      assertThat(end.error()).isNull();
      assertThat(end.phase()).isEqualTo("CLEAN");
      assertThat(end.from()).isEqualTo("shard_1");
      assertThat(rule(fixture)).isEqualTo(new TableRule.Reference("countries"));
      assertThat(fixture.rows(2)).isEqualTo(fixture.rows(1));
      assertThat(fixture.rows(2)).isNotEqualTo(fixture.rows(0));
    }
  }

  @Test
  void givesUpWhereTheShardGoesThatShallHaveTheCopy() {
    try (CopyFixture fixture = new CopyFixture(1, ROWS, "shard_2")) {
      Held owner = Held.at("copy");
      ShardMoves moves = fixture.moves(0, owner);
      long job = CopyFixture.started(moves, fixture.intent());
      awaitPhase(moves, job, "COPY");
      fixture.routers.get(0).removeShard(fixture.added, "not needed").block(CopyFixture.BOUND);
      owner.failAt("copy");
      MoveProgress end = CopyFixture.ended(moves, job);
      assertThat(end.phase()).isEqualTo("REVERSED");
      assertThat(end.error()).contains("shard_2, which was removed");
      assertThat(triggers(fixture)).isZero();
    }
  }

  /** A router may read any replica of a shard that has the copy. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aCopyIsThereOnceTheReplicasHaveIt(boolean awaited) {
    TestServers servers = TestServers.shared();
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    DatabaseServer replica = servers.servers().get(1);
    try (Replication replication = servers.replicate(servers.servers().get(2), replica);
        CopyFixture fixture = new CopyFixture(1, ROWS, "shard_2", "[shard_0, shard_1]", replica)) {
      replication.catchUp();
      replication.stopApplying();
      MoveJob.Guards guards =
          new MoveJob.Guards() {
            @Override
            public boolean awaitsReplicas() {
              return awaited;
            }

            @Override
            public boolean settles() {
              return false;
            }
          };
      ShardMoves moves = fixture.moves(0, guards);
      long job = CopyFixture.started(moves, fixture.intent());
      if (awaited) {
        MoveProgress waits =
            moves
                .progress(job)
                .filter(now -> now.report().waiting() != null)
                .blockFirst(CopyFixture.BOUND);
        assertThat(Objects.requireNonNull(Objects.requireNonNull(waits).report().waiting()).on())
            .isEqualTo(
                "replicas of shard_2 without the copy: " + replica.host() + ":" + replica.port());
        assertThat(rule(fixture).joining()).containsExactly(fixture.added);
        CopyFixture.changed(fixture.factory(0), "UPDATE countries SET n = 7 WHERE id = 3")
            .block(CopyFixture.BOUND);
        replication.resumeApplying();
      }
      assertThat(CopyFixture.ended(moves, job).error()).isNull();
      assertThat(onReplica(fixture, replica)).isEqualTo(awaited ? ROWS : 0);
      assertThat(fixture.differences()).isEmpty();
      if (!awaited) {
        replication.resumeApplying();
        replication.catchUp();
      }
    }
  }

  private static long onReplica(CopyFixture fixture, DatabaseServer replica) {
    Database copy = new Database(replica, fixture.databases.get(2).name());
    ShardRouter plain = ShardRouter.builder().shard(Shard.of("one", copy.r2dbcUrl())).build();
    long rows =
        plain
            .on(ShardId.of("one"))
            .sql("SELECT COUNT(*) FROM countries")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            .onErrorReturn(R2dbcException.class, 0L)
            .blockOptional(CopyFixture.BOUND)
            .orElseThrow();
    plain.close().block(CopyFixture.BOUND);
    return rows;
  }

  private static int triggers(CopyFixture fixture) {
    return CopyFixture.read(
            fixture.factory(0),
            "/* shardflux: shard=shard_0 */ SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE"
                + " TRIGGER_SCHEMA = DATABASE()")
        .map(Integer::valueOf)
        .single()
        .blockOptional(CopyFixture.BOUND)
        .orElseThrow();
  }
}
