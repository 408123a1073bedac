package io.shardflux.driver.failure;

import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.router.ShardId;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reports that rows of some shards are missing from an answer, as {@code failure-policy=partial}
 * permits. It comes behind the rows of the other shards, so that no part of an answer looks like
 * the whole: as a {@link io.r2dbc.spi.Result.Message} to {@code flatMap}, otherwise as the error at
 * the end. A caller that is content with those rows uses {@code
 * onErrorComplete(MissingShardsException.class)}.
 *
 * <p>The shards' errors are also suppressed exceptions. A shard that failed while it was read may
 * have given some of its rows before. A merged value is that of the rows that came.
 */
public final class MissingShardsException extends R2dbcTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** The shards' errors by the names of the shards, in the order in which they failed. */
  private final LinkedHashMap<String, Throwable> missing = new LinkedHashMap<>();

  MissingShardsException(Map<ShardId, Throwable> errors, int asked) {
    super(
        "rows of "
            + errors.keySet()
            + " are missing, of "
            + asked
            + " shards (expected: an answer of each; these rows may be taken as they are, as"
            + " failure-policy=partial permits)");
    errors.forEach(
        (shard, error) -> {
          missing.put(shard.value(), error);
          addSuppressed(error);
        });
  }

  /**
   * {@return the shards whose rows are missing, in the order in which they failed, each with its
   * error}
   */
  public Map<ShardId, Throwable> missing() {
    Map<ShardId, Throwable> errors = new LinkedHashMap<>();
    missing.forEach((shard, error) -> errors.put(ShardId.of(shard), error));
    return errors;
  }
}
