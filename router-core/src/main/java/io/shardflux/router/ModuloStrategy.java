package io.shardflux.router;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import reactor.core.publisher.Mono;

/** An integer modulo the number of shards. */
final class ModuloStrategy extends ShardingStrategy {

  private final ShardId[] order;

  ModuloStrategy(List<ShardId> shards) {
    super(distinct(shards));
    this.order = shards.toArray(ShardId[]::new);
  }

  List<ShardId> order() {
    return List.of(order);
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkOne(key, from, to);
    checkType(key, from, KeyType.INTEGER);
    return order[remainder(key.part(from))];
  }

  private int remainder(Object integer) {
    // A key holds a BigInteger only above the range of long, so its bits are those of an unsigned.
    return integer instanceof BigInteger big
        ? (int) Long.remainderUnsigned(big.longValue(), order.length)
        : Math.floorMod((Long) integer, order.length);
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    String column = KeySql.name(checkColumn(columns, KeyType.INTEGER));
    int n = order.length;
    int remainder = List.of(order).indexOf(shard);
    return Mono.just("MOD(MOD(" + column + ", " + n + ") + " + n + ", " + n + ") = " + remainder);
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("modulo");
    keys.put("shards", StrategyTree.names(List.of(order)));
    return keys;
  }

  @Override
  public String toString() {
    return "modulo" + shards();
  }
}
