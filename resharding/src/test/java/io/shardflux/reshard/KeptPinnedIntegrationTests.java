package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** What stays where pinned tables have moved away, each of which may come back alone. */
class KeptPinnedIntegrationTests {

  private final List<Database> databases = TestServers.shared().freshDatabases("kept");
  private final ShardRouter plain =
      ShardRouter.builder().shard(Shard.of("one", databases.get(0).r2dbcUrl())).build();

  private static final String DOCUMENT =
      """
      shards:
        shard_0: {url: '%s'}
        shard_1: {url: '%s'}
      tables:
        users: {pinned: shard_0}
        orders: {pinned: shard_0}
      timeouts: {acquire: 1s}
      control:
        create-tables: true
        poll: 100ms
        lease: 1s
      """;

  @Test
  void eachTableIsRefusedAndFreedByItself() {
    String document = DOCUMENT.formatted(databases.get(0).r2dbcUrl(), databases.get(1).r2dbcUrl());
    ClusterRouter cluster = ClusterRouter.open(document).blockOptional(BOUND).orElseThrow();
    for (String table : List.of("users", "orders")) {
      sql("CREATE TABLE " + table + " (id BIGINT PRIMARY KEY)").block(BOUND);
    }
    ShardMoves moves =
        new DefaultShardMoves(
            cluster,
            new MoveJob.Guards() {
              @Override
              public boolean settles() {
                return false;
              }
            });
    moved(moves, List.of("users", "orders"), S1);
    refused("users");
    refused("orders");
    moved(moves, List.of("users"), S0);
    sql("INSERT INTO users VALUES (1)").block(BOUND);
    refused("orders");
    moves.unfence("orders").block(BOUND);
    sql("INSERT INTO orders VALUES (1)").block(BOUND);
    StepVerifier.create(moves.unfence("other"))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageStartingWith("strategy: other (expected: one"))
        .verify(BOUND);
    moves.close().block(BOUND);
    cluster.close().block(BOUND);
    plain.close().block(BOUND);
  }

  private static void moved(ShardMoves moves, List<String> tables, ShardId to) {
    MoveOptions options =
        MoveOptions.builder().keepsFence(true).rollbackWindow(Duration.ZERO).build();
    long job =
        moves
            .plan(new Intent.MoveTables(tables, to))
            .flatMap(plan -> moves.start(plan.with(options)))
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
  }

  private Mono<Long> sql(String text) {
    return plain.on(ShardId.of("one")).sql(text).rowsUpdated();
  }

  private void refused(String table) {
    StepVerifier.create(sql("INSERT INTO " + table + " VALUES (1)"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOfSatisfying(
                        R2dbcException.class,
                        said -> assertThat(said.getErrorCode()).isEqualTo(Capture.FENCED)))
        .verify(BOUND);
  }
}
