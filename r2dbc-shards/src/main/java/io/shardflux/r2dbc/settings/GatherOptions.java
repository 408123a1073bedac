package io.shardflux.r2dbc.settings;

/**
 * Says whether a read that no shard can answer alone may be answered by one server, which is given
 * the rows of the others, and how many rows that may be. It concerns SQL that is planned over all
 * shards. Immutable; made by a {@link #builder()}.
 *
 * @param reads whether such reads are answered (default {@link ScatterReads#ALLOWED}); a hint
 *     overrides it for one statement
 * @param maxRows the rows of one mention of a table that are gathered at most, and those of all
 *     mentions of a statement (default 10,000, from 1 to 1,000,000)
 * @param maxBytes the bytes of these rows, as they are written down for the server; a router holds
 *     all of one statement only in a transaction, and where a pool has less than two connections
 *     beside its {@linkplain PoolOptions#streams() streams} (default 16 MiB, from 1,024 to
 *     1,073,741,824)
 * @param concurrency the statements that gather at once in a router; 0 for one less than the
 *     smallest pool has connections, and at least one (default 0, from 0 to 1,000). Where rows are
 *     not all held, no more do than each pool has connections beside its streams, less one
 */
public record GatherOptions(ScatterReads reads, int maxRows, int maxBytes, int concurrency) {

  private static final int MOST_ROWS = 1_000_000;

  private static final int LEAST_BYTES = 1 << 10;
  private static final int MOST_BYTES = 1 << 30;
  private static final int MOST_AT_ONCE = 1_000;

  /**
   * Checks the bounds.
   *
   * @param reads see {@link #reads()}
   * @param maxRows see {@link #maxRows()}
   * @param maxBytes see {@link #maxBytes()}
   * @param concurrency see {@link #concurrency()}
   * @throws IllegalArgumentException if one is out of its bounds
   */
  public GatherOptions {
    check("max-rows", maxRows, 1, MOST_ROWS);
    check("max-bytes", maxBytes, LEAST_BYTES, MOST_BYTES);
    check("concurrency", concurrency, 0, MOST_AT_ONCE);
  }

  /** {@return the defaults stated above} */
  public static GatherOptions defaults() {
    return builder().build();
  }

  /** {@return a builder of the defaults} */
  public static Builder builder() {
    return new Builder();
  }

  private static void check(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + ": " + value + " (expected: from " + least + " to " + most + ")");
    }
  }

  /** Sets what differs from the defaults; {@link #build()} checks it. Not thread-safe. */
  public static final class Builder {

    private ScatterReads reads = ScatterReads.ALLOWED;
    private int maxRows = 10_000;
    private int maxBytes = 1 << 24;
    private int concurrency;

    private Builder() {}

    /**
     * Sets {@link GatherOptions#reads()}.
     *
     * @param policy as {@link GatherOptions#reads()} says
     * @return this builder
     */
    public Builder reads(ScatterReads policy) {
      reads = policy;
      return this;
    }

    /**
     * Sets {@link GatherOptions#maxRows()}.
     *
     * @param rows as {@link GatherOptions#maxRows()} says
     * @return this builder
     */
    public Builder maxRows(int rows) {
      maxRows = rows;
      return this;
    }

    /**
     * Sets {@link GatherOptions#maxBytes()}.
     *
     * @param bytes as {@link GatherOptions#maxBytes()} says
     * @return this builder
     */
    public Builder maxBytes(int bytes) {
      maxBytes = bytes;
      return this;
    }

    /**
     * Sets {@link GatherOptions#concurrency()}.
     *
     * @param statements as {@link GatherOptions#concurrency()} says
     * @return this builder
     */
    public Builder concurrency(int statements) {
      concurrency = statements;
      return this;
    }

    /**
     * {@return the options}
     *
     * @throws IllegalArgumentException if one is out of its bounds
     */
    public GatherOptions build() {
      return new GatherOptions(reads, maxRows, maxBytes, concurrency);
    }
  }
}
