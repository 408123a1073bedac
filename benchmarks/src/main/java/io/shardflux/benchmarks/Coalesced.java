package io.shardflux.benchmarks;

import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.router.ShardKey;
import java.util.List;
import java.util.Objects;
import reactor.core.publisher.Mono;

/** The router's reads of single keys that are joined where many are under way. */
final class Coalesced extends Routed {

  private final KeyedReads<User> users;

  Coalesced(List<Endpoint> shards) {
    super(shards);
    this.users =
        router.coalesced(
            "users",
            SELECT + " WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(Objects.requireNonNull(row.get(0, Long.class))),
            (row, metadata) -> ByHand.user(row));
  }

  @Override
  Mono<User> find(long id) {
    return users.one(ShardKey.of(id));
  }
}
