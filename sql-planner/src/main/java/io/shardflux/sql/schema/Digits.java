package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.sql.merge.Values;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Says how the values of an expression differ from what a server shows of them, where they are
 * numbers.
 *
 * @param kind decimal, integers too; double; or either, as with bound values
 * @param scale the digits behind the point that a decimal's type has at most
 * @param more whether a decimal may have more digits than its type, as quotients have that a server
 *     doesn't round; for a double, whether it is computed of a double of which not all digits are
 *     shown
 * @param fixed whether a double may have more digits than are shown, as with {@code DOUBLE(10,2)}
 * @param even whether each decimal has just the digits of its type, zeros too, as columns have: how
 *     far a server divides depends on them
 * @param sign whether a decimal is of an {@code UNSIGNED} type
 */
@Internal
public record Digits(Kind kind, int scale, boolean more, boolean fixed, boolean even, Sign sign) {

  /** The order is that in which one sign takes over the others. */
  enum Sign {
    SIGNED,
    UNSIGNED,
    /** A difference that may be below zero, and is zero once a server has stored it. */
    CLAMPED
  }

  enum Kind {
    DECIMAL,
    DOUBLE,
    EITHER
  }

  /** A bound decimal is taken to have no more. */
  private static final int BOUND_SCALE = 16;

  public static final Digits WHOLE = new Digits(Kind.DECIMAL, 0, false, false, true, Sign.SIGNED);
  public static final Digits REAL = new Digits(Kind.DOUBLE, 0, false, false, false, Sign.SIGNED);

  /** A double that has been cut to the digits that are shown. */
  public static final Digits CUT = new Digits(Kind.DOUBLE, 0, false, true, false, Sign.SIGNED);

  public static final Digits MARKER =
      new Digits(Kind.EITHER, BOUND_SCALE, false, false, false, Sign.SIGNED);
  public static final Digits UNKNOWN =
      new Digits(Kind.EITHER, Values.MAX_SCALE, true, true, false, Sign.SIGNED);

  /** The digits of a time as a number, with its microseconds. */
  public static final Digits TEMPORAL =
      new Digits(Kind.DECIMAL, 6, false, false, false, Sign.SIGNED);

  /** The digits of a column of such a type, {@code decimal} and {@code decimal(10,2)}. */
  static Digits ofColumn(String name, String type) {
    int comma = type.indexOf(',');
    return switch (name) {
      case "decimal", "numeric" ->
          decimal(comma < 0 ? 0 : Integer.parseInt(type.substring(comma + 1, type.indexOf(')'))))
              .with(type.contains("unsigned") ? Sign.UNSIGNED : Sign.SIGNED);
      case "double", "float" -> comma < 0 ? REAL : CUT;
      default -> WHOLE;
    };
  }

  public static Digits decimal(int scale) {
    return new Digits(
        Kind.DECIMAL,
        Math.min(scale, Values.MAX_SCALE),
        scale > Values.MAX_SCALE,
        false,
        true,
        Sign.SIGNED);
  }

  private Digits with(Sign other) {
    return new Digits(kind, scale, more, fixed, even, other);
  }

  public boolean isDouble() {
    return kind == Kind.DOUBLE;
  }

  /** Tells whether the value may be a decimal with more digits than its type has. */
  public boolean isLongDecimal() {
    return more && !isDouble();
  }

  /**
   * Tells whether the value may be a double that was computed of one that was cut, and is cut once
   * more.
   */
  public boolean isComputedCut() {
    return more && fixed;
  }

  /** Tells whether the value may be a difference that a server makes zero where it stores it. */
  public boolean isClamped() {
    return sign == Sign.CLAMPED && !isDouble();
  }

  /** Tells whether it is known how far a server divides the value. */
  public boolean isDividedAlike() {
    return even || isDouble();
  }

  /**
   * The digits of a value that goes through a table of the server's own, which holds only what is
   * shown.
   */
  public Digits stored() {
    return isDouble() ? this : new Digits(kind, scale, false, fixed, true, sign);
  }

  /** The digits of the one value that is chosen of several, or of their sum. */
  public static Digits choice(List<Digits> all) {
    return all.stream()
        .reduce((a, b) -> a.joined(b, Math.max(a.scale, b.scale), false))
        .orElse(WHOLE);
  }

  public Digits minus(Digits other) {
    Digits difference = choice(List.of(this, other));
    return difference.sign == Sign.SIGNED ? difference : difference.with(Sign.CLAMPED);
  }

  public Digits times(Digits other) {
    return joined(other, scale + other.scale, false);
  }

  public Digits by(Digits other) {
    return joined(other, scale + Values.DIVISION, true);
  }

  private Digits joined(Digits other, int wanted, boolean quotient) {
    boolean real = isDouble() || other.isDouble();
    boolean either = kind == Kind.EITHER || other.kind == Kind.EITHER;
    boolean beyond = quotient || more || other.more || wanted > Values.MAX_SCALE;
    return new Digits(
        real ? Kind.DOUBLE : either ? Kind.EITHER : Kind.DECIMAL,
        real ? 0 : Math.min(wanted, Values.MAX_SCALE),
        real ? fixed || other.fixed : beyond,
        fixed || other.fixed,
        even && other.even && scale == other.scale && wanted == scale,
        sign.compareTo(other.sign) > 0 ? sign : other.sign);
  }

  /** Cut or rounded to so many digits; null if how many isn't known. */
  public Digits rounded(@Nullable Integer digits) {
    boolean shown = digits != null && digits <= Values.MAX_SCALE;
    int wanted = digits == null ? scale : Math.max(0, Math.min(digits, Values.MAX_SCALE));
    return new Digits(
        kind, isDouble() ? 0 : wanted, more && !shown, kind != Kind.DECIMAL, false, sign);
  }
}
