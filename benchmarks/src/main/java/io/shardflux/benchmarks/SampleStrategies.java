package io.shardflux.benchmarks;

import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Strategies as one would have them, of about ten shards. */
final class SampleStrategies {

  /** The number of integer keys. */
  static final int KEYS = 1 << 10;

  static final long FIRST_INTEGER = 1_000_000;
  static final List<ShardId> TEN = shards("s", 10);

  private SampleStrategies() {}

  static List<ShardId> shards(String prefix, int count) {
    return IntStream.range(0, count).mapToObj(i -> ShardId.of(prefix + i)).toList();
  }

  /** Ten shards, over the keys there are. */
  static ShardingStrategy range() {
    Map<KeyRange, ShardId> owners = new LinkedHashMap<>();
    long step = KEYS / TEN.size();
    for (int i = 0; i < TEN.size(); i++) {
      ShardKey from = i == 0 ? null : ShardKey.of(FIRST_INTEGER + i * step);
      ShardKey to = i == TEN.size() - 1 ? null : ShardKey.of(FIRST_INTEGER + (i + 1) * step);
      owners.put(new KeyRange(from, to), TEN.get(i));
    }
    return ShardingStrategy.range(owners);
  }

  static ShardingStrategy composite() {
    List<ShardId> groups = shards("g", 2);
    return ShardingStrategy.composite(
        ShardingStrategy.hash(groups),
        Map.of(
            groups.get(0), ShardingStrategy.hash(shards("a", 5)),
            groups.get(1), ShardingStrategy.hash(shards("b", 5))));
  }

  static ShardingStrategy geo() {
    ShardId europe = ShardId.of("eu");
    ShardId america = ShardId.of("am");
    return ShardingStrategy.geo(
        Map.of("DE", europe, "FR", europe, "US", america, "CA", america),
        Map.of(
            europe, ShardingStrategy.hash(shards("e", 5)),
            america, ShardingStrategy.hash(shards("a", 5))));
  }

  /** Ten tenants with shards of their own, and others. */
  static ShardingStrategy tenant() {
    Map<ShardKey, ShardingStrategy> tenants = new HashMap<>();
    for (int i = 0; i < 10; i++) {
      tenants.put(ShardKey.of("tenant" + i), ShardingStrategy.hash(shards("t" + i + "_", 3)));
    }
    return ShardingStrategy.tenant(tenants, ShardingStrategy.hash(TEN));
  }

  static ShardingStrategy directory() {
    return ShardingStrategy.directory(new SameShard(TEN.get(3)), TEN).build();
  }

  /** A directory that is asked once for each key, then the strategy's cache has it. */
  private record SameShard(ShardId shard) implements ShardDirectory {

    @Override
    public Mono<ShardId> find(ShardKey key) {
      return Mono.just(shard);
    }

    @Override
    public Mono<ShardId> assign(ShardKey key, ShardId wanted) {
      return Mono.just(shard);
    }

    @Override
    public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
      return Mono.just(false);
    }

    @Override
    public Flux<ShardKey> assigned(ShardId shard) {
      return Flux.empty();
    }
  }
}
