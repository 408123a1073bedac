package io.shardflux.router;

import java.util.regex.Pattern;

/**
 * The name of a shard: 1 to 64 letters, digits, {@code _}, {@code -} or {@code .}, compared by its
 * text.
 *
 * @param value the name, as it stands in configuration, results and metrics
 */
public record ShardId(String value) implements Comparable<ShardId> {

  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]{1,64}");

  /**
   * Checks the name.
   *
   * @param value see {@link #value()}
   * @throws IllegalArgumentException if it is empty, too long or has another character
   */
  public ShardId {
    if (!NAME.matcher(value).matches()) {
      throw new IllegalArgumentException(
          "shard: " + value + " (expected: 1 to 64 letters, digits, '_', '-' or '.')");
    }
  }

  /**
   * {@return the shard of that name; see {@link #ShardId(String)}}
   *
   * @param value the name, within the bounds that {@link ShardId} says
   */
  public static ShardId of(String value) {
    return new ShardId(value);
  }

  @Override
  public int compareTo(ShardId other) {
    return value.compareTo(other.value);
  }

  /** The bare name. */
  @Override
  public String toString() {
    return value;
  }
}
