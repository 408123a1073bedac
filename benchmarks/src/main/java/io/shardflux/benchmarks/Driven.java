package io.shardflux.benchmarks;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import java.util.List;
import reactor.core.publisher.Mono;

/** The router behind its R2DBC driver, which finds the shard in the SQL. */
final class Driven extends Routed {

  private final ConnectionFactory connections;

  Driven(List<Endpoint> shards) {
    super(shards);
    this.connections = ShardfluxConnectionFactory.of(router);
  }

  @Override
  Mono<User> find(long id) {
    return ByHand.find(connections, id);
  }
}
