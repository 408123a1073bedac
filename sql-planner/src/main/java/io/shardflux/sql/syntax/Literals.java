package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.ChronoField;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The values of constants. */
@Internal
public final class Literals {

  /**
   * The number of digits beyond which a number's value isn't read, because reading is quadratic.
   */
  static final int MAX_DIGITS = 1_000;

  private static final DateTimeFormatter DATE_TIME =
      new DateTimeFormatterBuilder()
          .appendPattern("uuuu-MM-dd HH:mm:ss")
          .optionalStart()
          .appendFraction(ChronoField.NANO_OF_SECOND, 1, 6, true)
          .toFormatter(Locale.ROOT)
          .withResolverStyle(ResolverStyle.STRICT);

  private Literals() {}

  /** A date in the form of SQL, {@code 2026-01-31}, and in no other form. */
  public static LocalDate date(String text) {
    if (text.length() != 10) {
      throw new DateTimeException("no date of ten characters");
    }
    return LocalDate.parse(text);
  }

  /** A date-time in the form of SQL, {@code 2026-01-31 12:00:00}, and in no other form. */
  public static LocalDateTime dateTime(String text) {
    return LocalDateTime.parse(text, DATE_TIME);
  }

  /** A number by its digits. A number longer than any type's is unknown. */
  public static Expr number(Span span, String digits) {
    return digits.length() > MAX_DIGITS
        ? new Expr.Literal(span, null, false)
        : new Expr.Literal(span, number(digits), true);
  }

  /** The bytes of {@code x'00ff'} or {@code 0x00ff}; null for binary digits. */
  static @Nullable ByteBuffer bytes(String token) {
    boolean quoted = token.endsWith("'");
    String digits = quoted ? token.substring(2, token.length() - 1) : token.substring(2);
    boolean odd = digits.length() % 2 != 0;
    return "xX".indexOf(token.charAt(quoted ? 0 : 1)) < 0 || (quoted && odd)
        ? null
        : ByteBuffer.wrap(HexFormat.of().parseHex(odd ? "0" + digits : digits));
  }

  public static Expr signed(Span span, String operator, Expr operand) {
    if (operator.equals("+")) {
      return operand instanceof Expr.Literal literal && literal.value() instanceof Number
          ? new Expr.Literal(span, literal.value(), literal.known())
          : new Expr.Op(span, "+", List.of(operand));
    }
    if (operator.equals("-") && operand instanceof Expr.Literal literal && literal.known()) {
      Object value = literal.value();
      if (value instanceof Long number) {
        return new Expr.Literal(span, narrow(BigInteger.valueOf(number).negate()), true);
      }
      if (value instanceof BigInteger number) {
        return new Expr.Literal(span, narrow(number.negate()), true);
      }
      if (value instanceof BigDecimal number) {
        return new Expr.Literal(span, number.negate(), true);
      }
      if (value instanceof Double number) {
        return new Expr.Literal(span, -number, true);
      }
    }
    return new Expr.Op(span, operator, List.of(operand));
  }

  private static Object number(String digits) {
    if (digits.indexOf('e') >= 0 || digits.indexOf('E') >= 0) {
      return Double.valueOf(digits);
    }
    if (digits.indexOf('.') >= 0) {
      return new BigDecimal(digits.endsWith(".") ? digits + "0" : digits);
    }
    return narrow(new BigInteger(digits));
  }

  private static Object narrow(BigInteger integer) {
    return integer.bitLength() < Long.SIZE ? (Object) integer.longValue() : integer;
  }
}
