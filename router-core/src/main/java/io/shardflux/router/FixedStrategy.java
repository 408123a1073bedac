package io.shardflux.router;

import java.util.List;
import java.util.Map;
import reactor.core.publisher.Mono;

/** Every key on one shard. */
final class FixedStrategy extends ShardingStrategy {

  private final ShardId shard;

  FixedStrategy(ShardId shard) {
    super(List.of(shard));
    this.shard = shard;
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    return shard;
  }

  @Override
  Mono<String> predicate(ShardId owner, List<KeyColumn> columns) {
    return Mono.just(KeySql.present(columns));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("fixed");
    keys.put("shard", shard.value());
    return keys;
  }

  @Override
  public String toString() {
    return "fixed[" + shard + "]";
  }
}
