package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Values of shards' rows: their order, and arithmetic as MySQL's is. */
@Internal
public final class Values {

  /** The digits of a decimal. */
  private static final int MAX_PRECISION = 65;

  /** The digits of decimals that servers keep at the least. */
  public static final int MAX_SCALE = 30;

  /**
   * The digits that a division adds to the scale: the default of {@code div_precision_increment}.
   */
  public static final int DIVISION = 4;

  /** The bits of the largest decimal. */
  private static final int MAX_BITS = 215;

  /** The number of zeros behind the point beyond which a decimal is written with an exponent. */
  private static final int MAX_LEADING_ZEROS = 5;

  private Values() {}

  /** The order of two values of one column, NULL first. */
  static int compare(@Nullable Object a, @Nullable Object b) {
    if (a == null || b == null) {
      return Boolean.compare(a != null, b != null);
    }
    if (isNumber(a) && isNumber(b)) {
      return compareNumbers(number(a), number(b));
    }
    return compareBytes(bytes(a), bytes(b), new byte[0]);
  }

  /** The order of two weights of text, where the shorter one goes on with its padding. */
  static int compare(@Nullable Object a, @Nullable Object b, @Nullable Object padding) {
    if (a == null || b == null || padding == null) {
      return compare(a, b);
    }
    return compareBytes(bytes(a), bytes(b), bytes(padding));
  }

  private static int compareBytes(byte[] a, byte[] b, byte[] padding) {
    int common = Math.min(a.length, b.length);
    int length = padding.length == 0 ? common : Math.max(a.length, b.length);
    for (int i = 0; i < length; i++) {
      int x = i < a.length ? a[i] : padding[(i - a.length) % padding.length];
      int y = i < b.length ? b[i] : padding[(i - b.length) % padding.length];
      if (x != y) {
        return Integer.compare(x & 0xff, y & 0xff);
      }
    }
    return padding.length == 0 ? Integer.compare(a.length, b.length) : 0;
  }

  private static byte[] bytes(Object value) {
    if (value instanceof byte[] bytes) {
      return bytes;
    }
    if (value instanceof ByteBuffer buffer) {
      byte[] bytes = new byte[buffer.remaining()];
      buffer.duplicate().get(bytes);
      return bytes;
    }
    return value.toString().getBytes(StandardCharsets.UTF_8);
  }

  public static boolean isNumber(@Nullable Object value) {
    return value instanceof Number || value instanceof Boolean;
  }

  private static Number number(Object value) {
    if (value instanceof Number number) {
      return number;
    }
    if (value instanceof Boolean truth) {
      return truth ? 1L : 0L;
    }
    throw new RefusedSqlException(
        RefusalCode.AGGREGATE_EXPRESSION, "arithmetic with " + value.getClass().getSimpleName());
  }

  static int compareNumbers(Number a, Number b) {
    if (isLong(a) && isLong(b)) {
      return Long.compare(a.longValue(), b.longValue());
    }
    if (isDouble(a) || isDouble(b)) {
      double x = a.doubleValue();
      double y = b.doubleValue();
      return x < y ? -1 : x > y ? 1 : 0;
    }
    return decimal(a).compareTo(decimal(b));
  }

  private static boolean isLong(Number value) {
    return value instanceof Long
        || value instanceof Integer
        || value instanceof Short
        || value instanceof Byte;
  }

  private static boolean isDouble(Number value) {
    return value instanceof Double || value instanceof Float;
  }

  private static BigDecimal decimal(Number value) {
    if (value instanceof BigDecimal decimal) {
      return decimal;
    }
    if (value instanceof Quotient quotient) {
      return quotient.value;
    }
    return value instanceof BigInteger integer
        ? new BigDecimal(integer)
        : isLong(value) ? BigDecimal.valueOf(value.longValue()) : new BigDecimal(value.toString());
  }

  /** The sum of what {@code SUM} gave, of which NULL is nothing. */
  static @Nullable Object sum(@Nullable Object a, @Nullable Object b) {
    if (a == null || b == null) {
      return a == null ? b : a;
    }
    Number x = number(a);
    Number y = number(b);
    return isDouble(x) || isDouble(y)
        ? (Object) (x.doubleValue() + y.doubleValue())
        : decimal(x).add(decimal(y));
  }

  /** A number in the class that {@code SUM} gives. A single number is its own sum. */
  static @Nullable Object asSum(@Nullable Object value) {
    if (value == null) {
      return null;
    }
    Number number = number(value);
    return isDouble(number) ? (Object) number.doubleValue() : decimal(number);
  }

  /** The sum of counts. */
  static Object count(@Nullable Object a, @Nullable Object b) {
    return (a == null ? 0 : number(a).longValue()) + (b == null ? 0 : number(b).longValue());
  }

  /**
   * A sum by a count, with the digits of an average that was shown; NULL of none.
   *
   * @param even whether the sum has just the digits of its type on a server
   * @throws RefusedSqlException if it hangs on those digits, and it need not have them
   */
  static @Nullable Object average(
      @Nullable Object sum, long count, @Nullable Object like, boolean even) {
    if (sum == null || count == 0) {
      return null;
    }
    Number number = number(sum);
    if (isDouble(number) || !(like instanceof BigDecimal shown)) {
      return shown(mean(sum, count));
    }
    BigDecimal all = decimal(number);
    BigDecimal average = average(all, count, Math.max(0, all.scale()), shown.scale());
    int least = even ? all.scale() : Math.max(0, all.stripTrailingZeros().scale());
    for (int scale = least;
        Quotient.digits(scale, 0) <= shown.scale() && scale < all.scale();
        scale++) {
      if (average.compareTo(average(all, count, scale, shown.scale())) != 0) {
        throw new RefusedSqlException(
            RefusalCode.AGGREGATE_EXPRESSION, "an average of numbers with unlike digits");
      }
    }
    return average;
  }

  private static BigDecimal average(BigDecimal sum, long count, int scale, int shown) {
    return sum.divide(BigDecimal.valueOf(count), Quotient.digits(scale, 0), RoundingMode.DOWN)
        .setScale(shown, RoundingMode.HALF_UP);
  }

  /** A sum with the digits of another one that was shown. */
  static @Nullable Object like(@Nullable Object sum, @Nullable Object other) {
    return sum instanceof BigDecimal decimal && other instanceof BigDecimal shown
        ? decimal.setScale(shown.scale(), RoundingMode.HALF_UP)
        : sum;
  }

  /** The mean, with the digits that MySQL goes on computing with. */
  static @Nullable Object mean(@Nullable Object sum, @Nullable Object count) {
    Object mean = apply("/", sum, count);
    return mean instanceof Quotient quotient && sum != null && count != null
        ? quotient.withReal(number(sum).doubleValue() / number(count).doubleValue())
        : mean;
  }

  /** A value in the form that a column shows: decimals rounded to the scale of their type. */
  static @Nullable Object shown(@Nullable Object value) {
    return value instanceof Quotient quotient
        ? quotient.value.setScale(quotient.scale, RoundingMode.HALF_UP)
        : value;
  }

  /** A bound number in the form that a server reads, a decimal or a double by its text. */
  static @Nullable Object written(@Nullable Object value) {
    if (value instanceof Double || value instanceof Float) {
      String text = value.toString();
      boolean decimal = Double.isFinite(((Number) value).doubleValue()) && text.indexOf('E') < 0;
      return decimal ? (Object) new BigDecimal(text) : ((Number) value).doubleValue();
    }
    if (value instanceof BigInteger number && number.bitLength() > MAX_BITS) {
      throw outOfRange();
    }
    if (!(value instanceof BigDecimal number)) {
      return value;
    }
    if (number.scale() < 0 || (long) number.precision() - number.scale() < -MAX_LEADING_ZEROS) {
      return number.doubleValue();
    }
    if (number.scale() > MAX_SCALE || number.precision() > MAX_PRECISION) {
      throw outOfRange();
    }
    return number;
  }

  /**
   * The order of two values, if it is the same with the digits that are shown of a quotient and
   * with those beyond: servers take the one or the other.
   *
   * @throws RefusedSqlException if it isn't
   */
  static int compareSurely(@Nullable Object a, @Nullable Object b) {
    int order = compare(a, b);
    for (Object x : readings(a)) {
      for (Object y : readings(b)) {
        if (compare(x, y) != order) {
          throw new RefusedSqlException(
              RefusalCode.HAVING, "a quotient or an average as large as what it is compared with");
        }
      }
    }
    return order;
  }

  private static List<@Nullable Object> readings(@Nullable Object value) {
    List<@Nullable Object> readings = new ArrayList<>();
    readings.add(value);
    if (value instanceof Quotient quotient) {
      readings.add(quotient.value);
      readings.add(shown(quotient));
    }
    return readings;
  }

  private static RefusedSqlException outOfRange() {
    return new RefusedSqlException(
        RefusalCode.AGGREGATE_EXPRESSION,
        "a number beyond what all servers compute with, BIGINT or DECIMAL(65,30)");
  }

  /** Arithmetic by MySQL's rules for integers, decimals and doubles; NULL of NULL. */
  static @Nullable Object apply(String operator, @Nullable Object a, @Nullable Object b) {
    if (a == null || b == null) {
      return null;
    }
    Number x = number(a);
    Number y = number(b);
    if (isDouble(x) || isDouble(y)) {
      return apply(operator, x.doubleValue(), y.doubleValue());
    }
    if (operator.equals("/")) {
      return decimal(y).signum() == 0 ? null : Quotient.of(decimal(x), decimal(y), scale(x));
    }
    if (isLong(x) && isLong(y)) {
      return applyExactly(operator, x.longValue(), y.longValue());
    }
    int scale = checked(operator.equals("*") ? scale(x) + scale(y) : Math.max(scale(x), scale(y)));
    BigDecimal result =
        switch (operator) {
          case "+" -> decimal(x).add(decimal(y));
          case "-" -> decimal(x).subtract(decimal(y));
          default -> decimal(x).multiply(decimal(y));
        };
    return new Quotient(inRange(result), scale);
  }

  private static int checked(int scale) {
    if (scale > MAX_SCALE) {
      throw outOfRange();
    }
    return scale;
  }

  private static BigDecimal inRange(BigDecimal value) {
    if (value.precision() - value.scale() > MAX_PRECISION - MAX_SCALE) {
      throw outOfRange();
    }
    return value;
  }

  private static Object applyExactly(String operator, long a, long b) {
    try {
      return switch (operator) {
        case "+" -> (Object) Math.addExact(a, b);
        case "-" -> Math.subtractExact(a, b);
        default -> Math.multiplyExact(a, b);
      };
    } catch (ArithmeticException e) {
      throw outOfRange();
    }
  }

  private static @Nullable Object apply(String operator, double a, double b) {
    return switch (operator) {
      case "+" -> (Object) (a + b);
      case "-" -> a - b;
      case "*" -> a * b;
      default -> b == 0 ? null : a / b;
    };
  }

  private static int scale(Number value) {
    return value instanceof Quotient quotient
        ? quotient.scale
        : Math.max(0, decimal(value).scale());
  }

  /** A decimal with more digits than its type has: MySQL goes on computing with those. */
  private static final class Quotient extends Number {

    private static final long serialVersionUID = 1L;

    /** The digits that MySQL keeps in one word. */
    private static final int WORD = 9;

    private final BigDecimal value;
    private final int scale;
    private final double real;

    Quotient(BigDecimal value, int scale) {
      this(value, scale, value.doubleValue());
    }

    private Quotient(BigDecimal value, int scale, double real) {
      this.value = value;
      this.scale = scale;
      this.real = real;
    }

    /**
     * The quotient where a double is wanted, which an average doesn't make of its decimal digits.
     */
    Quotient withReal(double other) {
      return new Quotient(value, scale, other);
    }

    /**
     * @param scale of the dividend's type, which may have more digits itself
     */
    static Quotient of(BigDecimal a, BigDecimal b, int scale) {
      int digits = digits(Math.max(0, a.scale()), Math.max(0, b.scale()));
      return new Quotient(
          inRange(a.divide(b, digits, RoundingMode.DOWN)), checked(scale + DIVISION));
    }

    /** The digits to which a server divides decimals of these scales. */
    static int digits(int ofA, int ofB) {
      int more = DIVISION - (words(ofA) - ofA + words(ofB) - ofB);
      return words(words(ofA) + words(ofB) + Math.max(0, more));
    }

    private static int words(int digits) {
      return (digits + WORD - 1) / WORD * WORD;
    }

    @Override
    public int intValue() {
      return value.intValue();
    }

    @Override
    public long longValue() {
      return value.longValue();
    }

    @Override
    public float floatValue() {
      return value.floatValue();
    }

    @Override
    public double doubleValue() {
      return real;
    }
  }
}
