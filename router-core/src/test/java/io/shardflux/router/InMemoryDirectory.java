package io.shardflux.router;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A directory in a map, which counts its queries. */
final class InMemoryDirectory implements ShardDirectory {

  final AtomicInteger finds = new AtomicInteger();
  private final Map<ShardKey, ShardId> assignments = new ConcurrentHashMap<>();

  @Override
  public Mono<ShardId> find(ShardKey key) {
    return Mono.fromSupplier(
        () -> {
          finds.incrementAndGet();
          return assignments.get(key);
        });
  }

  @Override
  public Mono<ShardId> assign(ShardKey key, ShardId shard) {
    return Mono.fromSupplier(
        () -> {
          ShardId earlier = assignments.putIfAbsent(key, shard);
          return earlier == null ? shard : earlier;
        });
  }

  @Override
  public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
    return Mono.fromSupplier(() -> assignments.replace(key, from, to));
  }

  @Override
  public Flux<ShardKey> assigned(ShardId shard) {
    return Flux.defer(() -> Flux.fromIterable(assignments.entrySet()))
        .filter(entry -> entry.getValue().equals(shard))
        .map(Map.Entry::getKey);
  }
}
