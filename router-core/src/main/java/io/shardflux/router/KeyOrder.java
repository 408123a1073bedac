package io.shardflux.router;

import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.Arrays;

/**
 * The order of key parts of one type, the same as that of the SQL comparisons; allocates nothing.
 */
final class KeyOrder {

  private KeyOrder() {}

  /** Compares a part of one key with a part of another; both must be of the same type. */
  static int compare(ShardKey left, int leftIndex, ShardKey right, int rightIndex) {
    Object a = left.held(leftIndex);
    Object b = right.held(rightIndex);
    if (a instanceof Long x && b instanceof Long y) {
      return Long.compare(x, y);
    }
    KeyType type = KeyType.of(a);
    if (type != KeyType.of(b)) {
      throw new UnroutableKeyException(
          "key part: "
              + right.text(rightIndex)
              + ", "
              + KeyType.of(b)
              + " (expected: "
              + type
              + ")");
    }
    return switch (type) {
      case INTEGER -> compareIntegers(a, b);
      case DATE -> ((LocalDate) a).compareTo((LocalDate) b);
      case DATETIME -> ((LocalDateTime) a).compareTo((LocalDateTime) b);
      case INSTANT -> ((Instant) a).compareTo((Instant) b);
      case TEXT, BINARY, UUID ->
          Arrays.compareUnsigned(left.textBytes(leftIndex), right.textBytes(rightIndex));
    };
  }

  /** A key holds a {@code BigInteger} only above the range of {@code long}. */
  private static int compareIntegers(Object a, Object b) {
    if (a instanceof BigInteger x) {
      return b instanceof BigInteger y ? x.compareTo(y) : 1;
    }
    return -1;
  }
}
