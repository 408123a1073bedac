package io.shardflux.r2dbc.failure;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Reports that the outcome of a transaction over shards could not be asked for in time, because the
 * shard that decided it does not answer. All shards will have the same outcome: each router ends
 * the transaction as it was decided once that shard answers. {@code ShardOperations.outcome} tells
 * the outcome then.
 */
public final class TransactionInDoubtException extends R2dbcNonTransientResourceException {

  private static final long serialVersionUID = 1L;

  /** The name of the transaction. */
  private final String transaction;

  /**
   * An error of a transaction whose lead does not answer.
   *
   * @param transaction the name of the transaction
   * @param lead the shard that decided it
   * @param time the time for which it was asked
   * @param cause the last error
   */
  @Internal
  public TransactionInDoubtException(
      String transaction, ShardId lead, Duration time, @Nullable Throwable cause) {
    super(
        lead
            + ": no answer within "
            + time.toMillis()
            + " ms, transaction "
            + transaction
            + " is in doubt (expected: a shard that answers; it is ended as it was decided once the"
            + " shard does, ask operations().outcome)",
        cause);
    this.transaction = transaction;
  }

  /** {@return the name by which {@code ShardOperations.outcome} knows the transaction} */
  public String transaction() {
    return transaction;
  }
}
