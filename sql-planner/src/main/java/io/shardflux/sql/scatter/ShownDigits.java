package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.DigitReader;
import io.shardflux.sql.merge.Values;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Digits;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;

/**
 * Decides what can be merged of a select's numbers, by the digits that the shards show.
 *
 * @param quotients the way in which the servers compute with quotients
 */
record ShownDigits(DigitReader reader, Catalog.Quotients quotients) {

  /** Divided by no more, decimals that differ do so in the digits that a quotient has. */
  private static final double MAX_DIVISOR = 10_000;

  Digits of(Expr expr) {
    return reader.of(expr);
  }

  /** Tells whether a decimal may have digits that a server computes with and doesn't show. */
  boolean hasMore(Digits digits) {
    return digits.isLongDecimal() && quotients != Catalog.Quotients.ROUNDED;
  }

  /** A number with all its digits: a product has more of them in its type. */
  Fragment all(Fragment number) {
    return Fragment.of("(", number, ") * 1." + "0".repeat(Values.MAX_SCALE));
  }

  /** A number with all its digits, if it is sorted by them. */
  Fragment sorted(Expr expr, Fragment number) {
    Digits digits = of(expr);
    if (!digits.fixed()) {
      return number;
    }
    return digits.isDouble() ? Fragment.of("(", number, ") + 0e0") : all(number);
  }

  /**
   * Refuses to group by a value that servers tell apart either by the shown digits or by all
   * digits.
   */
  void checkGroup(Expr expr) {
    checkToldApart(expr);
    if (hasMore(of(expr)) && !isSpread(expr.bare())) {
      throw RefusedSqlException.open(RefusalCode.UNSORTABLE, "a quotient to tell apart by");
    }
  }

  /** Refuses the same where decimals are told apart by their shown digits. */
  void checkToldApart(Expr expr) {
    checkStored(expr, RefusalCode.UNSORTABLE);
    if (of(expr).isComputedCut()) {
      throw RefusedSqlException.open(
          RefusalCode.UNSORTABLE, "what is computed of a DOUBLE with digits, to tell apart by");
    }
  }

  /** Refuses a value that becomes another one where a server stores it. */
  void checkStored(Expr expr, RefusalCode code) {
    if (of(expr).isClamped() && quotients != Catalog.Quotients.ROUNDED) {
      throw RefusedSqlException.open(code, "a difference of unsigned numbers");
    }
  }

  private boolean isSpread(Expr expr) {
    return expr instanceof Expr.Op op
        && op.is("/")
        && !hasMore(of(op.children().get(0)))
        && op.children().get(1).bare() instanceof Expr.Literal literal
        && literal.value() instanceof Number divisor
        && divisor.doubleValue() != 0
        && Math.abs(divisor.doubleValue()) <= MAX_DIVISOR;
  }
}
