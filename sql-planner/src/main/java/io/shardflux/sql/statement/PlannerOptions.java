package io.shardflux.sql.statement;

/**
 * The bounds of a {@code SqlPlanner} and its answers, each at least 1. Made by a {@link
 * #builder()}.
 *
 * @param maxLength the characters that a text may have (default 1,048,576)
 * @param maxNesting the parentheses that may be open at once in a text (default 64)
 * @param cacheWeight the bytes that all the texts that are kept may hold with their analyses, as
 *     they are estimated; one text may hold an eighth of them (default 64 MiB, or an eighth of the
 *     heap if that is less)
 * @param maxMergedRows the rows that a merge may hold at once, where it can't stream (default
 *     100,000)
 * @param maxOffset the rows that a scattered {@code OFFSET} may skip (default 100,000)
 */
public record PlannerOptions(
    int maxLength, int maxNesting, long cacheWeight, int maxMergedRows, long maxOffset) {

  /**
   * Checks the bounds.
   *
   * @param maxLength see {@link #maxLength()}
   * @param maxNesting see {@link #maxNesting()}
   * @param cacheWeight see {@link #cacheWeight()}
   * @param maxMergedRows see {@link #maxMergedRows()}
   * @param maxOffset see {@link #maxOffset()}
   * @throws IllegalArgumentException if one is below 1
   */
  public PlannerOptions {
    checkPositive("max-length", maxLength);
    checkPositive("max-nesting", maxNesting);
    checkPositive("cache-weight", cacheWeight);
    checkPositive("max-merged-rows", maxMergedRows);
    checkPositive("max-offset", maxOffset);
  }

  /** {@return the defaults stated above} */
  public static PlannerOptions defaults() {
    return builder().build();
  }

  /** {@return a builder of the defaults} */
  public static Builder builder() {
    return new Builder();
  }

  private static void checkPositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: at least 1)");
    }
  }

  /** Sets what differs from the defaults; {@link #build()} checks it. Not thread-safe. */
  public static final class Builder {

    private int maxLength = 1 << 20;
    private int maxNesting = 64;
    private long cacheWeight = Math.min(1L << 26, Runtime.getRuntime().maxMemory() / 8);
    private int maxMergedRows = 100_000;
    private long maxOffset = 100_000;

    private Builder() {}

    /**
     * Sets {@link PlannerOptions#maxLength()}.
     *
     * @param characters as {@link PlannerOptions#maxLength()} says
     * @return this builder
     */
    public Builder maxLength(int characters) {
      maxLength = characters;
      return this;
    }

    /**
     * Sets {@link PlannerOptions#maxNesting()}.
     *
     * @param parentheses as {@link PlannerOptions#maxNesting()} says
     * @return this builder
     */
    public Builder maxNesting(int parentheses) {
      maxNesting = parentheses;
      return this;
    }

    /**
     * Sets {@link PlannerOptions#cacheWeight()}.
     *
     * @param bytes as {@link PlannerOptions#cacheWeight()} says
     * @return this builder
     */
    public Builder cacheWeight(long bytes) {
      cacheWeight = bytes;
      return this;
    }

    /**
     * Sets {@link PlannerOptions#maxMergedRows()}.
     *
     * @param rows as {@link PlannerOptions#maxMergedRows()} says
     * @return this builder
     */
    public Builder maxMergedRows(int rows) {
      maxMergedRows = rows;
      return this;
    }

    /**
     * Sets {@link PlannerOptions#maxOffset()}.
     *
     * @param rows as {@link PlannerOptions#maxOffset()} says
     * @return this builder
     */
    public Builder maxOffset(long rows) {
      maxOffset = rows;
      return this;
    }

    /**
     * {@return the options}
     *
     * @throws IllegalArgumentException if one is below 1
     */
    public PlannerOptions build() {
      return new PlannerOptions(maxLength, maxNesting, cacheWeight, maxMergedRows, maxOffset);
    }
  }
}
