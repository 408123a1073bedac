package io.shardflux.r2dbc.scatter;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * Says what a failed shard does to a statement on several shards.
 *
 * <p>With {@link #tag()} the failure is one {@link ShardSignal.Failed} among the rows of the
 * others, and the closing {@link ShardSignal.Coverage} names the shard. With {@link #failFast()}
 * the first failure cancels the others and is the stream's error. With {@link #atLeast} failures
 * are tagged as long as the given number of shards can still answer; then the stream errors with
 * {@link PartialResultException}. Immutable.
 */
public sealed interface FailurePolicy {

  /**
   * Tags failures; the stream itself does not fail. The default.
   *
   * @return the policy
   */
  static FailurePolicy tag() {
    return new AtLeast(0);
  }

  /**
   * Makes the first failure the stream's error.
   *
   * @return the policy
   */
  static FailurePolicy failFast() {
    return new FailFast();
  }

  /**
   * Tags failures while at least that many shards can answer.
   *
   * @param shards from 1; more than are asked is a failure from the start
   * @return the policy
   * @throws IllegalArgumentException if {@code shards} is below 1
   */
  static FailurePolicy atLeast(int shards) {
    if (shards < 1) {
      throw new IllegalArgumentException("at least: " + shards + " shards (expected: 1 or more)");
    }
    return new AtLeast(shards);
  }

  /** See {@link #failFast()}. */
  record FailFast() implements FailurePolicy {}

  /**
   * See {@link #atLeast}.
   *
   * @param shards the number that must answer; 0 is {@link #tag()}
   */
  record AtLeast(int shards) implements FailurePolicy {}

  /**
   * The failures of several shards, which often are of one cause, are the stream's error together:
   * the first one is told a moment later, or as soon as all shards have failed.
   *
   * @param moment how long the first failure waits for others
   * @param error what the stream errors with, of the failures in their order and the number of
   *     shards asked
   */
  @Internal
  record Together(
      Duration moment, BiFunction<Map<ShardId, Throwable>, Integer, ? extends Throwable> error)
      implements FailurePolicy {}
}
