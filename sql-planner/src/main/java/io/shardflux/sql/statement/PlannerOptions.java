package io.shardflux.sql.statement;

import io.shardflux.sql.SqlPlanner;

/**
 * The bounds of a {@link SqlPlanner} and its answers.
 *
 * @param maxLength the characters that a text may have
 * @param maxNesting the parentheses that may be open at once in a text
 * @param cacheWeight the bytes that all the texts that are kept may hold with their analyses, as
 *     they are estimated; one text may hold an eighth of them
 * @param maxMergedRows the rows that a merge may hold at once, where it can't stream
 * @param maxOffset the rows that a scattered {@code OFFSET} may skip
 */
public record PlannerOptions(
    int maxLength, int maxNesting, long cacheWeight, int maxMergedRows, long maxOffset) {

  /**
   * Checks the bounds.
   *
   * @throws IllegalArgumentException if one is below 1
   */
  public PlannerOptions {
    checkPositive("max-length", maxLength);
    checkPositive("max-nesting", maxNesting);
    checkPositive("cache-weight", cacheWeight);
    checkPositive("max-merged-rows", maxMergedRows);
    checkPositive("max-offset", maxOffset);
  }

  /**
   * Texts of 1 Mi characters nested 64 deep, a cache of 64 MiB or an eighth of the heap if that is
   * less, 100,000 merged rows, an offset of 100,000.
   */
  public static PlannerOptions defaults() {
    long cacheWeight = Math.min(1L << 26, Runtime.getRuntime().maxMemory() / 8);
    return new PlannerOptions(1 << 20, 64, cacheWeight, 100_000, 100_000);
  }

  private static void checkPositive(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + ": " + value + " (expected: at least 1)");
    }
  }
}
