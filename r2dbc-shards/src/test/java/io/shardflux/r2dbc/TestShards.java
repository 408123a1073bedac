package io.shardflux.r2dbc;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Three shards with a table of users, on the servers that the tests have. */
public final class TestShards {

  public static final Duration BOUND = Duration.ofSeconds(60);
  static final List<ShardId> IDS =
      List.of(ShardId.of("shard_0"), ShardId.of("shard_1"), ShardId.of("shard_2"));
  static final int USERS = 300;

  private TestShards() {}

  record User(long id, String name) {

    static User of(Row row, RowMetadata metadata) {
      return new User(
          Objects.requireNonNull(row.get("id", Long.class)),
          Objects.requireNonNull(row.get("name", String.class)));
    }
  }

  /** The live shards of a router. */
  public static LiveShards live(ShardRouter router) {
    return ((DefaultShardRouter) router).shards();
  }

  /** The transactions over shards of a router. */
  public static SpanningTransactions transactions(ShardRouter router) {
    return ((DefaultShardRouter) router).transactions();
  }

  public static List<Shard> shards(List<Database> databases) {
    return IntStream.range(0, databases.size())
        .mapToObj(i -> Shard.of("shard_" + i, databases.get(i).r2dbcUrl()))
        .toList();
  }

  public static List<Shard> fresh(TestServers servers) {
    return shards(servers.freshDatabases("router"));
  }

  static ShardRouterBuilder router(List<Shard> shards) {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy(
                "by_id", ShardingStrategy.hash(shards.stream().map(Shard::id).limit(3).toList()))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"));
    shards.forEach(builder::shard);
    return builder;
  }

  /** Makes the table on every shard, and users 1 to {@link #USERS}, each where its key lies. */
  static void load(ShardRouter router) {
    router
        .onAll()
        .sql(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(255)) CHARACTER SET utf8mb4"
                + " COLLATE utf8mb4_bin")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .thenMany(Flux.range(1, USERS))
        .flatMap(id -> insert(router, id), 16)
        .then()
        .block(BOUND);
  }

  static Mono<Long> insert(ShardRouter router, long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql("INSERT INTO users (id, name) VALUES (:id, :name)")
        .bind("id", id)
        .bind("name", "user " + id)
        .rowsUpdated();
  }
}
