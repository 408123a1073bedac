package io.shardflux.r2dbc.settings;

import java.time.Duration;

/**
 * The options of reads outside transactions. A statement is a read if it begins with {@code SELECT}
 * or {@code WITH} and neither locks nor assigns. A statement that looks like a read and writes all
 * the same, by a function, must be marked as a write.
 *
 * @param preference the server that is asked (default the primary)
 * @param retries how often a read is retried that met a transient error before its first row; over
 *     all reads of a shard at most every tenth is retried (default 2, from 0 to 10)
 * @param maxLag how far behind its primary a replica may be and still be asked, as it told within
 *     the last second or so (default 10 s, from 1 s to 365 days)
 * @param hedge whether a read that may go to a replica is sent to a second server once it takes
 *     longer than 95 % of the shard's reads. The first answer wins, and the other attempt is
 *     cancelled. Hedges and retries together are at most a tenth of all reads (default false)
 */
public record ReadOptions(ReadPreference preference, int retries, Duration maxLag, boolean hedge) {

  private static final int MAX_RETRIES = 10;
  private static final Duration MIN_LAG = Duration.ofSeconds(1);
  private static final ReadOptions DEFAULTS =
      new ReadOptions(ReadPreference.PRIMARY, 2, Duration.ofSeconds(10), false);

  /**
   * Checks every bound.
   *
   * @param preference see {@link #preference()}
   * @param retries see {@link #retries()}
   * @param maxLag see {@link #maxLag()}
   * @param hedge see {@link #hedge()}
   * @throws IllegalArgumentException if one is out of its bounds
   */
  public ReadOptions {
    Bounds.checkNumber("reads.retries", retries, 0, MAX_RETRIES);
    Bounds.checkTime("reads.max-lag", maxLag, MIN_LAG);
  }

  /** {@return the defaults stated above} */
  public static ReadOptions defaults() {
    return DEFAULTS;
  }

  /**
   * {@return these options with another preference}
   *
   * @param other see {@link #preference()}
   */
  public ReadOptions withPreference(ReadPreference other) {
    return new ReadOptions(other, retries, maxLag, hedge);
  }

  /**
   * {@return these options with another number of retries}
   *
   * @param other see {@link #retries()}
   */
  public ReadOptions withRetries(int other) {
    return new ReadOptions(preference, other, maxLag, hedge);
  }

  /**
   * {@return these options with another bound on lag}
   *
   * @param other see {@link #maxLag()}
   */
  public ReadOptions withMaxLag(Duration other) {
    return new ReadOptions(preference, retries, other, hedge);
  }

  /**
   * {@return these options with hedged reads, or without}
   *
   * @param other see {@link #hedge()}
   */
  public ReadOptions withHedge(boolean other) {
    return new ReadOptions(preference, retries, maxLag, other);
  }
}
