package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.settings.Bounds;
import io.shardflux.r2dbc.settings.ReadPreference;

/**
 * Says how point reads are joined; see {@code ShardRouter.coalesced}. The bounds hold for each
 * shard, and for each {@link ReadPreference} in use.
 *
 * @param maxKeys the maximum of distinct keys of a batch (default 128, from 1 to 1,000)
 * @param maxRows the maximum of rows of a batch. A batch with more is split, and a key that alone
 *     has more is an error, {@link TooManyRowsException} (default 10,000, from 1 to 1,000,000)
 * @param inFlight batches under way at once; while there are as many, reads gather (default 2, from
 *     1 to 64)
 * @param maxWaiting reads that may gather; one more is refused with {@link
 *     io.shardflux.r2dbc.failure.ShardUnavailableException} (default 10,000, from 1 to 1,000,000)
 */
public record CoalescingOptions(int maxKeys, int maxRows, int inFlight, int maxWaiting) {

  private static final int MOST_IN_FLIGHT = 64;
  private static final int MOST = 1_000_000;
  private static final CoalescingOptions DEFAULTS = new CoalescingOptions(128, 10_000, 2, 10_000);

  /**
   * Checks the numbers.
   *
   * @param maxKeys see {@link #maxKeys()}
   * @param maxRows see {@link #maxRows()}
   * @param inFlight see {@link #inFlight()}
   * @param maxWaiting see {@link #maxWaiting()}
   * @throws IllegalArgumentException if one is out of its bounds
   */
  public CoalescingOptions {
    Bounds.checkNumber("coalescing.max-keys", maxKeys, 1, Reach.Keys.KEYS_PER_STATEMENT);
    Bounds.checkNumber("coalescing.max-rows", maxRows, 1, MOST);
    Bounds.checkNumber("coalescing.in-flight", inFlight, 1, MOST_IN_FLIGHT);
    Bounds.checkNumber("coalescing.max-waiting", maxWaiting, 1, MOST);
  }

  /** {@return the defaults stated above} */
  public static CoalescingOptions defaults() {
    return DEFAULTS;
  }

  /**
   * {@return these options with another number of keys}
   *
   * @param other see {@link #maxKeys()}
   */
  public CoalescingOptions withMaxKeys(int other) {
    return new CoalescingOptions(other, maxRows, inFlight, maxWaiting);
  }

  /**
   * {@return these options with another number of rows}
   *
   * @param other see {@link #maxRows()}
   */
  public CoalescingOptions withMaxRows(int other) {
    return new CoalescingOptions(maxKeys, other, inFlight, maxWaiting);
  }

  /**
   * {@return these options with another number of batches under way}
   *
   * @param other see {@link #inFlight()}
   */
  public CoalescingOptions withInFlight(int other) {
    return new CoalescingOptions(maxKeys, maxRows, other, maxWaiting);
  }

  /**
   * {@return these options with another number of reads that may gather}
   *
   * @param other see {@link #maxWaiting()}
   */
  public CoalescingOptions withMaxWaiting(int other) {
    return new CoalescingOptions(maxKeys, maxRows, inFlight, other);
  }
}
