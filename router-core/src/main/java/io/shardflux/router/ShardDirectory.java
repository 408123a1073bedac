package io.shardflux.router;

import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Keeps the assignments of keys to shards of a directory strategy, such as a table that every
 * router can read.
 *
 * <p>Implementations must be thread-safe and non-blocking, must do nothing before they are
 * subscribed to, must stop when they are cancelled, and must bound their own time. They see the key
 * parts that the strategy was given: within a composite, those after the group's.
 */
public interface ShardDirectory {

  /**
   * {@return the shard of a key, or empty if the key is not assigned}
   *
   * @param key the key to look up; may be unknown
   */
  Mono<ShardId> find(ShardKey key);

  /**
   * Assigns a key to a shard unless it is assigned already, and gives the shard that the key is on
   * then. Of any number of concurrent calls one wins, and all give its shard.
   *
   * @param key the key to assign; may be assigned already
   * @param shard the shard of the key if it is not assigned yet
   * @return the shard that the key is on afterwards; never empty
   */
  Mono<ShardId> assign(ShardKey key, ShardId shard);

  /**
   * Moves a key's assignment from one shard to another, in one step. The rows themselves are not
   * moved. Gives false, with nothing changed, if the key is not on {@code from}.
   *
   * @param key the key to move; may be unknown
   * @param from the shard that the key must be on now
   * @param to the shard that the key is on afterwards
   * @return true if the assignment moved, otherwise false; never empty
   */
  Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to);

  /**
   * {@return the keys assigned to a shard, in any order, read as the subscriber requests them}
   *
   * @param shard the shard to list the keys of
   */
  Flux<ShardKey> assigned(ShardId shard);

  /**
   * {@return whether another directory keeps the same assignments, so that a change of one is a
   * change of the other}
   *
   * @param other another directory
   */
  default boolean hasRowsOf(ShardDirectory other) {
    return equals(other);
  }
}
