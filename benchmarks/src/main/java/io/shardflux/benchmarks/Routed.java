package io.shardflux.benchmarks;

import io.shardflux.r2dbc.ScatterRows;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The router, with its defaults. */
class Routed extends ReactiveContender {

  private static final String ONE_INSERT = INSERT + "(:id, :username, :email, :name)";
  private static final Duration BOUND = Duration.ofMinutes(5);

  final ShardRouter router;
  private final RowInserts<User> inserts;

  Routed(List<Endpoint> shards) {
    this.router = router(shards);
    this.inserts =
        router.inserts("inserts", ONE_INSERT, user -> ShardKey.of(user.id()), Routed::values);
    router.warmUp().block(BOUND);
  }

  @Override
  Mono<User> find(long id) {
    return router
        .on("users", ShardKey.of(id))
        .sql(SELECT + " WHERE id = :id")
        .bind("id", id)
        .map((row, metadata) -> ByHand.user(row))
        .one();
  }

  @Override
  Mono<Long> insert(User user) {
    return router
        .on("inserts", ShardKey.of(user.id()))
        .sql(ONE_INSERT)
        .bind("id", user.id())
        .bind("username", user.username())
        .bind("email", user.email())
        .bind("name", user.name())
        .rowsUpdated();
  }

  @Override
  Flux<Long> insertAll(Flux<User> users) {
    return inserts
        .store(users)
        .map(outcome -> outcome instanceof InsertOutcome.Stored<User> ? 1L : 0L);
  }

  @Override
  Flux<User> all(long last, boolean ordered) {
    ScatterRows<User> rows =
        router
            .onAll()
            .sql(SELECT + " WHERE id <= :last" + (ordered ? " ORDER BY id" : ""))
            .bind("last", last)
            .timeouts(Timeouts.defaults().withTotal(BOUND))
            .map((row, metadata) -> ByHand.user(row));
    return (ordered ? rows.orderedBy(Comparator.comparingLong(User::id)) : rows).rows();
  }

  @Override
  public void close() {
    router.close().block(BOUND);
  }

  private static Map<String, Object> values(User user) {
    return Map.of(
        "id", user.id(),
        "username", user.username(),
        "email", user.email(),
        "name", user.name());
  }

  private static ShardRouter router(List<Endpoint> shards) {
    List<ShardId> ids = Endpoint.names(shards.size()).stream().map(ShardId::of).toList();
    List<KeyColumn> key = List.of(KeyColumn.integer("id"));
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .pool(PoolOptions.builder().maxSize(POOL_SIZE).build())
            .strategy("by_id", ShardingStrategy.modulo(ids))
            .table(new TableRule.Sharded("users", key, "by_id"))
            .table(new TableRule.Sharded("inserts", key, "by_id"));
    for (int i = 0; i < shards.size(); i++) {
      builder.shard(Shard.of(Endpoint.name(i), shards.get(i).r2dbcUrl()));
    }
    return builder.build();
  }
}
