package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.TO;
import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Reads that prefer replicas, while that of the shard where keys went does not have them yet. */
class MovingReplicasIntegrationTests {

  private static final List<Long> MOVING = keys(true, 3);
  private static final List<Long> STAYING = keys(false, 3);

  private static final Map<String, Function<ShardRouter, Flux<Long>>> READS =
      Map.of(
          "by key", MovingReplicasIntegrationTests::byKey,
          "by keys", MovingReplicasIntegrationTests::byKeys,
          "by keys, preferring", MovingReplicasIntegrationTests::byKeysPreferring,
          "joined", MovingReplicasIntegrationTests::joined,
          "of all shards", MovingReplicasIntegrationTests::ofAll);

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer primary = servers.servers().get(2);
  private final DatabaseServer replica = servers.servers().get(1);
  private final List<Database> copies = new ArrayList<>();
  private Replication replication;
  private MovedByHand move;

  @BeforeEach
  void begin() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    replication = servers.replicate(primary, replica);
    ReadOptions reads =
        ReadOptions.defaults()
            .withPreference(ReadPreference.REPLICA_PREFERRED)
            .withMaxLag(Duration.ofSeconds(30));
    move = new MovedByHand(servers, options -> options.with(reads), this::shards);
  }

  private List<Shard> shards(List<Database> databases) {
    copies.add(new Database(replica, databases.get(2).name()));
    List<Shard> shards = new ArrayList<>(TestShards.shards(databases));
    shards.set(2, shards.get(2).withReplica(copies.get(0).r2dbcUrl()));
    return shards;
  }

  @AfterEach
  void close() {
    if (move != null) {
      move.end();
      replication.close();
    }
  }

  private static List<Long> all() {
    List<Long> all = new ArrayList<>(MOVING);
    all.addAll(STAYING);
    return all;
  }

  private static List<ShardKey> allKeys() {
    return all().stream().map(ShardKey::of).toList();
  }

  private static Flux<Long> byKey(ShardRouter router) {
    return Flux.fromIterable(all())
        .concatMap(
            id ->
                router
                    .on("users", ShardKey.of(id))
                    .sql("SELECT id FROM users WHERE id = :id")
                    .bind("id", id)
                    .map(MovingReplicasIntegrationTests::id)
                    .one());
  }

  private static Flux<Long> byKeys(ShardRouter router) {
    return router
        .onKeys("users", allKeys())
        .sql("SELECT id FROM users WHERE id IN (:keys)")
        .map(MovingReplicasIntegrationTests::id)
        .rows();
  }

  private static Flux<Long> byKeysPreferring(ShardRouter router) {
    return router
        .onKeys("users", allKeys())
        .sql("SELECT id FROM users WHERE id IN (:keys)")
        .prefer(ReadPreference.REPLICA_PREFERRED)
        .map(MovingReplicasIntegrationTests::id)
        .rows();
  }

  private static Flux<Long> joined(ShardRouter router) {
    KeyedReads<Long> reads =
        router.coalesced(
            "users",
            "SELECT id FROM users WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(id(row, metadata)),
            MovingReplicasIntegrationTests::id);
    return Flux.fromIterable(allKeys()).flatMap(reads::one);
  }

  private static Flux<Long> ofAll(ShardRouter router) {
    return router
        .onAll()
        .sql("SELECT id FROM users u WHERE :owned(users u)")
        .map(MovingReplicasIntegrationTests::id)
        .rows();
  }

  private static long id(Row row, RowMetadata metadata) {
    return Objects.requireNonNull(row.get(0, Long.class));
  }

  private Mono<Long> countedOnTarget() {
    return move.router
        .on(TO)
        .sql("SELECT COUNT(*) FROM users")
        .map(MovingReplicasIntegrationTests::id)
        .one();
  }

  private void onReplica(String sql) {
    Mono.usingWhen(
            ConnectionFactories.get(copies.get(0).r2dbcUrl()).create(),
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(Result::getRowsUpdated)
                    .then(),
            connection -> connection.close())
        .block(BOUND);
  }

  @Test
  void keysThatCameAreReadFromThePrimary() {
    for (long id : all()) {
      move.router
          .on("users", ShardKey.of(id))
          .sql("INSERT INTO users (id, n) VALUES (:id, 1)")
          .bind("id", id)
          .rowsUpdated()
          .block(BOUND);
    }
    move.published(Phase.COPYING).known();
    move.copy();
    replication.catchUp();
    onReplica("DELETE FROM users");
    Await.until("reads from the replica", countedOnTarget(), count -> count == 0);
    for (Phase phase : List.of(Phase.SWITCHED, Phase.RETURNING)) {
      move.published(phase).known();
      READS.forEach(
          (name, read) ->
              assertThat(read.apply(move.router).collectList().block(BOUND))
                  .as("%s, %s", name, phase)
                  .containsExactlyInAnyOrderElementsOf(all()));
    }
  }
}
