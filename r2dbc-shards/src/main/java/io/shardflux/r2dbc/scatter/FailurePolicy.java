package io.shardflux.r2dbc.scatter;

/**
 * What a failed shard does to a statement on several shards.
 *
 * <p>{@link #tag()}: the failure is one {@link ShardSignal.Failed} among the rows of the others,
 * and the closing {@link ShardSignal.Coverage} names the shard. {@link #failFast()}: the first
 * failure cancels the others and is the stream's error. {@link #atLeast}: failures are tagged as
 * long as so many shards can still answer, then the stream errors with {@link
 * PartialResultException}. Immutable.
 */
public sealed interface FailurePolicy {

  /** Failures are tagged; the stream itself does not fail. The default. */
  static FailurePolicy tag() {
    return new AtLeast(0);
  }

  /** The first failure is the stream's error. */
  static FailurePolicy failFast() {
    return new FailFast();
  }

  /**
   * Failures are tagged while at least so many shards can answer.
   *
   * @param shards from 1; more than are asked is a failure from the start
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
   * @param shards how many have to answer; 0 is {@link #tag()}
   */
  record AtLeast(int shards) implements FailurePolicy {}
}
