package io.shardflux.router;

import java.util.List;
import java.util.Set;
import reactor.core.publisher.Mono;

/**
 * The rule that gives each key its shard, in Java and in SQL alike.
 *
 * <p>All strategies are immutable, thread-safe and give the same answer on every JVM, for ever; the
 * directory alone looks keys up in a table.
 */
public abstract class ShardingStrategy {

  ShardingStrategy() {}

  /** Every shard that a key may lie on. */
  public abstract Set<ShardId> shards();

  /**
   * Whether {@link #locate} answers from memory: true for all strategies but those that hold a
   * directory.
   */
  public boolean immediate() {
    return true;
  }

  /**
   * The shard of a key, without allocating and without I/O.
   *
   * @throws UnroutableKeyException if no shard holds such a key
   * @throws IllegalStateException unless {@link #immediate()}
   */
  public abstract ShardId locate(ShardKey key);

  /**
   * The shard of a key, looked up where it has to be. Errors with {@link UnroutableKeyException} if
   * no shard holds such a key, and with what the directory's store says if that fails.
   */
  public Mono<ShardId> resolve(ShardKey key) {
    return Mono.fromSupplier(() -> locate(key));
  }

  /**
   * The shards on which keys of a range can lie; where the strategy has no order, all. The range is
   * of the first key part.
   */
  public Set<ShardId> touching(KeyRange range) {
    return shards();
  }

  /**
   * A SQL condition over the key columns that is true for exactly the rows whose keys {@link
   * #resolve} to the shard. It has no bind markers, works in MySQL and MariaDB, and expects the
   * session's time zone to be UTC where a part is an instant.
   *
   * @throws IllegalArgumentException if the shard is not one of {@link #shards()}, or the columns
   *     don't fit the strategy
   */
  public abstract Mono<String> owns(ShardId shard, List<KeyColumn> columns);
}
