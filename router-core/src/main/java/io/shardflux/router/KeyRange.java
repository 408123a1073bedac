package io.shardflux.router;

import org.jspecify.annotations.Nullable;

/**
 * A half-open interval of one-part keys of one type: {@code from} belongs to it, {@code to} does
 * not.
 *
 * <p>Integers and dates are ordered by value, text and UUIDs by the bytes of their canonical text,
 * bytes as such.
 *
 * @param from the first key inside, or null for no lower bound
 * @param to the first key above, or null for no upper bound
 */
public record KeyRange(@Nullable ShardKey from, @Nullable ShardKey to) {

  /**
   * Checks the bounds.
   *
   * @param from see {@link #from()}
   * @param to see {@link #to()}
   * @throws IllegalArgumentException if a bound has several parts, the types differ, or {@code
   *     from} is not below {@code to}
   */
  public KeyRange {
    checkSingle(from);
    checkSingle(to);
    if (from != null && to != null && KeyOrder.compare(from, 0, to, 0) >= 0) {
      throw new IllegalArgumentException(
          "range: [" + from + ", " + to + ") (expected: from below to)");
    }
  }

  /**
   * {@return the keys from the first value up to, not including, the second}
   *
   * @param from the lowest value of the range, a key part of a type in {@link KeyType}
   * @param to the value above the range, of the same type
   */
  public static KeyRange of(Object from, Object to) {
    return new KeyRange(ShardKey.of(from), ShardKey.of(to));
  }

  /**
   * {@return the keys from a value on}
   *
   * @param from the lowest value of the range, a key part of a type in {@link KeyType}
   */
  public static KeyRange from(Object from) {
    return new KeyRange(ShardKey.of(from), null);
  }

  /**
   * {@return the keys below a value}
   *
   * @param to the value above the range, a key part of a type in {@link KeyType}
   */
  public static KeyRange below(Object to) {
    return new KeyRange(null, ShardKey.of(to));
  }

  /** {@return every key} */
  public static KeyRange all() {
    return new KeyRange(null, null);
  }

  /**
   * The usual notation of intervals: {@code [1, 10)}, with {@code -∞} and {@code ∞} for no bound.
   */
  @Override
  public String toString() {
    return (from == null ? "(-∞" : "[" + from) + ", " + (to == null ? "∞" : to) + ")";
  }

  /** Tells whether a part of a key, of the bounds' type, lies inside. */
  boolean contains(ShardKey key, int index) {
    return (from == null || KeyOrder.compare(from, 0, key, index) <= 0)
        && (to == null || KeyOrder.compare(key, index, to, 0) < 0);
  }

  /** Tells whether some key may lie in both ranges. The bounds must be of one type. */
  boolean overlaps(KeyRange other) {
    return below(from, other.to) && below(other.from, to);
  }

  private static boolean below(@Nullable ShardKey from, @Nullable ShardKey to) {
    return from == null || to == null || KeyOrder.compare(from, 0, to, 0) < 0;
  }

  /** The type of the bounds, or null if there is none. */
  @Nullable KeyType type() {
    ShardKey bound = from != null ? from : to;
    return bound == null ? null : bound.type(0);
  }

  private static void checkSingle(@Nullable ShardKey bound) {
    if (bound != null && bound.size() != 1) {
      throw new IllegalArgumentException(
          "range bound: " + bound + " (expected: a key of one part)");
    }
  }
}
