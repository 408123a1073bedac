package io.shardflux.reshard;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.servers.Database;
import java.time.Duration;
import java.util.List;

/** A cluster of two shards whose control tables stand on a third server. */
final class ControlApart {

  private ControlApart() {}

  static ClusterRouter open(List<Database> databases, Duration bound) {
    String document =
        """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
        strategies:
          by_user: {type: fixed, shard: shard_0}
        tables:
          users: {key: {id: integer}, strategy: by_user}
          orders: {key: {user_id: integer}, strategy: by_user}
        timeouts: {acquire: 1s, total: 5s}
        control:
          url: '%s'
          create-tables: true
          poll: 100ms
          lease: 1s
        """
            .formatted(
                databases.get(0).r2dbcUrl(),
                databases.get(1).r2dbcUrl(),
                databases.get(2).r2dbcUrl());
    return ClusterRouter.open(document).blockOptional(bound).orElseThrow();
  }
}
