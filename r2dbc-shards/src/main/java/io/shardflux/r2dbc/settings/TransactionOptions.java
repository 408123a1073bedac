package io.shardflux.r2dbc.settings;

import java.time.Duration;

/**
 * Says which shards one transaction may write, and how often a router looks for transactions that
 * another one left behind.
 *
 * @param mode which shards a transaction over several of them may write (default {@link
 *     TransactionMode#SINGLE_WRITER})
 * @param recoverEvery the time from one look at the shards for transactions in doubt to the next,
 *     in mode {@link TransactionMode#ATOMIC} (default 10 s, from 100 ms to 3,600 s). One that is
 *     there at two looks in turn is brought to its end
 */
public record TransactionOptions(TransactionMode mode, Duration recoverEvery) {

  private static final TransactionOptions DEFAULTS =
      new TransactionOptions(TransactionMode.SINGLE_WRITER, Duration.ofSeconds(10));

  /**
   * Checks the bounds.
   *
   * @param mode see {@link #mode()}
   * @param recoverEvery see {@link #recoverEvery()}
   * @throws IllegalArgumentException if the time is out of its bounds
   */
  public TransactionOptions {
    Bounds.check(
        recoverEvery.compareTo(Duration.ofMillis(100)) >= 0
            && recoverEvery.compareTo(Duration.ofHours(1)) <= 0,
        "transactions.recover-every",
        recoverEvery,
        "from 100 ms to 3,600 s");
  }

  /** {@return the defaults stated above} */
  public static TransactionOptions defaults() {
    return DEFAULTS;
  }

  /**
   * {@return these options with another mode}
   *
   * @param other see {@link #mode()}
   */
  public TransactionOptions withMode(TransactionMode other) {
    return new TransactionOptions(other, recoverEvery);
  }

  /**
   * {@return these options with another time between looks}
   *
   * @param time see {@link #recoverEvery()}
   */
  public TransactionOptions withRecoverEvery(Duration time) {
    return new TransactionOptions(mode, time);
  }
}
