package io.shardflux.sql.statement;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a caller says about a statement beside its text. In SQL it is the text's first comment,
 * {@code /* shardflux: key=42, scatter=false *}{@code /}; null is what isn't said. Immutable.
 *
 * @param shard {@code shard=name}: the statement goes there as it is
 * @param key {@code key=42} or {@code key=(acme, 42)}: the statement goes to this key's shard as it
 *     is
 * @param scatter {@code scatter=true|false}: whether a read may go to several shards
 * @param scatterWrites {@code scatter-writes=true|false}: whether a write may go to several shards;
 *     where it isn't said, one may that names the keys of its rows
 * @param timeout {@code timeout=250ms}, {@code 3s} or {@code 1m}
 * @param failurePolicy {@code failure-policy=…}, as the driver knows it
 * @param readPreference {@code read-preference=…}, as the driver knows it
 */
public record Hints(
    @Nullable ShardId shard,
    @Nullable ShardKey key,
    @Nullable Boolean scatter,
    @Nullable Boolean scatterWrites,
    @Nullable Duration timeout,
    @Nullable String failurePolicy,
    @Nullable String readPreference) {

  /** Nothing said. */
  public static final Hints NONE = new Hints(null, null, null, null, null, null, null);

  /** These, and of the others what these don't say. */
  public Hints or(Hints others) {
    if (equals(NONE)) {
      return others;
    }
    if (others.equals(NONE)) {
      return this;
    }
    boolean placed = shard != null || key != null;
    return new Hints(
        placed ? shard : others.shard,
        placed ? key : others.key,
        first(scatter, others.scatter),
        first(scatterWrites, others.scatterWrites),
        first(timeout, others.timeout),
        first(failurePolicy, others.failurePolicy),
        first(readPreference, others.readPreference));
  }

  private static <T> @Nullable T first(@Nullable T mine, @Nullable T others) {
    return mine == null ? others : mine;
  }
}
