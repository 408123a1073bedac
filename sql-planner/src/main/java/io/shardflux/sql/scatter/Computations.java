package io.shardflux.sql.scatter;

import io.shardflux.sql.merge.Aggregate;
import io.shardflux.sql.merge.Computation;
import io.shardflux.sql.merge.Values;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Digits;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/** Plans the computations that are possible over merged rows. */
record Computations(
    Groups groups, MergedAggregates aggregates, SortKeys keys, ShownDigits digits, Effort effort) {

  private static final Set<String> COMPARISONS = Set.of("=", "<>", "<", "<=", ">", ">=");

  /** Each is computed inside the next one, where an event loop has the stack for it. */
  private static final int MAX_CHAIN = 500;

  /**
   * The largest scale of a dividend whose quotient is shown with fewer digits than the nine that it
   * has at least.
   */
  private static final int MAX_SURE_SCALE = 4;

  /**
   * The computation of a number of aggregates, groups and constants. Any other expression is
   * refused by the code.
   */
  Computation of(Expr expr, RefusalCode code) {
    effort.enterComputation();
    Computation computation = ofBare(expr.bare(), code);
    effort.leaveComputation();
    return computation;
  }

  private Computation ofBare(Expr bare, RefusalCode code) {
    if (Functions.isAggregate(bare)) {
      checkNumber(bare, code);
      checkDigits(bare.children().isEmpty() ? bare : bare.children().get(0), code);
      Aggregate aggregate = aggregates.of((Expr.Call) bare, -1);
      if (MergedAggregates.isExtreme((Expr.Call) bare)) {
        // A BIT is no number as it is given, but is one as it is compared.
        return new Computation.Column(aggregate.keys().get(0).value());
      }
      return aggregate.kind() == Aggregate.Kind.AVG
          ? new Computation.Average(
              new Computation.Column(aggregate.inputs().get(0)),
              new Computation.Column(aggregate.inputs().get(1)))
          : new Computation.Column(aggregate.column());
    }
    if (bare instanceof Expr.Literal literal) {
      if (!literal.known() || (literal.value() != null && !Values.isNumber(literal.value()))) {
        throw new RefusedSqlException(code, "a constant that is no number");
      }
      return new Computation.Constant(literal.value());
    }
    if (bare instanceof Expr.Marker marker) {
      return new Computation.Bound(marker.index());
    }
    if (groups.indexOf(bare) >= 0) {
      checkNumber(bare, code);
      checkDigits(bare, code);
      return new Computation.Column(keys.of(bare, keys.list().indexOf(bare), false).value());
    }
    if (isArithmetic(bare)) {
      checkQuotients(bare, code);
      return arithmetic(bare, code);
    }
    if (bare instanceof Expr.Op op && COMPARISONS.contains(op.operator()) && isExact(op)) {
      return new Computation.Truth(
          new Computation.Comparison(
              op.operator(), of(op.children().get(0), code), of(op.children().get(1), code)));
    }
    if (bare instanceof Expr.Op op && isSigned(op) && isExact(op)) {
      return new Computation.Arithmetic(
          "*", of(op.children().get(0), code), new Computation.Constant(-1L), rounds());
    }
    if (bare instanceof Expr.Call call
        && (call.name().equals("COALESCE") || call.name().equals("IFNULL"))) {
      checkChoice(call, code);
      return new Computation.First(
          call.children().stream().map(child -> of(child, code)).toList(), rounds());
    }
    throw new RefusedSqlException(code, bare.description());
  }

  private static boolean isSigned(Expr.Op op) {
    return op.is("-") && op.children().size() == 1;
  }

  /** Tells whether the operands have no digits that are rounded or not. */
  private boolean isExact(Expr.Op op) {
    return !averages(op)
        && !divides(op)
        && !op.any(each -> each instanceof Expr.Marker)
        && op.children().stream()
            .map(digits::of)
            .noneMatch(known -> known.fixed() || known.isDouble() || digits.hasMore(known));
  }

  private static boolean isArithmetic(Expr expr) {
    return expr instanceof Expr.Op op
        && op.children().size() == 2
        && List.of("+", "-", "*", "/").contains(op.operator());
  }

  /** The computation of a chain of operators, from its first operand on. */
  private Computation arithmetic(Expr last, RefusalCode code) {
    Deque<Expr.Op> operators = new ArrayDeque<>();
    Expr first = last;
    while (isArithmetic(first) && groups.indexOf(first) < 0) {
      operators.push((Expr.Op) first);
      first = first.children().get(0).bare();
    }
    if (operators.size() > MAX_CHAIN) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + MAX_CHAIN + " operators in a chain of aggregates");
    }
    Computation computed = of(first, code);
    for (Expr.Op op : operators) {
      checkDividend(op, code);
      computed =
          new Computation.Arithmetic(
              op.operator(), computed, of(op.children().get(1), code), rounds());
    }
    return computed;
  }

  private boolean rounds() {
    return digits.quotients() == Catalog.Quotients.ROUNDED;
  }

  /** A quotient may have more digits than its type, and how many are seen hangs on the others. */
  private void checkChoice(Expr.Call choice, RefusalCode code) {
    boolean quotients =
        choice.children().stream().anyMatch(each -> averages(each) || (!rounds() && divides(each)));
    boolean others =
        choice.children().stream()
            .skip(1)
            .anyMatch(
                each ->
                    !(each.bare() instanceof Expr.Literal literal
                        && literal.value() instanceof Long));
    if (quotients && others) {
      throw RefusedSqlException.open(
          code, choice.name() + " of a quotient or an average and what is no integer");
    }
  }

  /** Refuses operands that servers round or not, by their way to the groups, or divide unlike. */
  private void checkQuotients(Expr arithmetic, RefusalCode code) {
    if (averages(arithmetic) && !groups.isEmpty()) {
      throw RefusedSqlException.open(
          code, "an average that is computed with (SUM(…) / COUNT(…) can be)");
    }
    arithmetic.walk(
        inside -> {
          if (inside != arithmetic && !isDivided(inside)) {
            throw RefusedSqlException.open(
                code, "a quotient that is computed with, of more than plain aggregates");
          }
          return !Functions.isAggregate(inside);
        });
  }

  /** Refuses a quotient that a server need not divide as far as it is shown. */
  private void checkDividend(Expr.Op op, RefusalCode code) {
    if (op.is("/") && digits.of(op.children().get(0)).scale() > MAX_SURE_SCALE && !isEven(op)) {
      throw RefusedSqlException.open(
          code, "a quotient of many digits, of more than plain aggregates");
    }
  }

  /**
   * Tells whether it is known how far the expression is divided, if it is a quotient or an average.
   */
  private boolean isDivided(Expr expr) {
    if (expr instanceof Expr.Call call && call.name().equals("AVG")) {
      return digits.of(call.children().get(0)).isDividedAlike();
    }
    boolean quotient = expr instanceof Expr.Op op && op.is("/");
    return !quotient || rounds() || (digits.quotients() == Catalog.Quotients.KEPT && isEven(expr));
  }

  /**
   * Tells whether the values in the expression have the digits that are shown of them; a product
   * loses zeros.
   */
  private boolean isEven(Expr expr) {
    boolean[] even = {true};
    expr.walk(
        inside -> {
          boolean aggregate = Functions.isAggregate(inside);
          boolean group = !aggregate && groups.indexOf(inside.bare()) >= 0;
          even[0] &= !(inside instanceof Expr.Op op && op.is("*")) || group;
          if (aggregate) {
            even[0] &=
                ((Expr.Call) inside).name().equals("COUNT")
                    || digits.of(inside.children().get(0)).isDividedAlike();
          } else if (group) {
            even[0] &= digits.of(inside).isDividedAlike();
          }
          return !aggregate && !group && even[0];
        });
    return even[0];
  }

  /** Refuses an operand with digits that the shards don't show. */
  private void checkDigits(Expr expr, RefusalCode code) {
    Digits known = digits.of(expr);
    if (digits.hasMore(known)) {
      throw RefusedSqlException.open(code, "an aggregate of quotients that is computed with");
    }
    if (code == RefusalCode.HAVING && known.fixed()) {
      // Servers compare them as equal where they are near to each other.
      throw RefusedSqlException.open(code, "a DOUBLE with digits");
    }
  }

  private static boolean averages(Expr expr) {
    return expr.any(each -> each instanceof Expr.Call call && call.name().equals("AVG"));
  }

  private static boolean divides(Expr expr) {
    return expr.any(each -> each instanceof Expr.Op op && op.is("/"));
  }

  private void checkNumber(Expr expr, RefusalCode code) {
    if (!keys.types().of(expr, keys.block()).isNumber()) {
      throw new RefusedSqlException(code, expr.description() + ", which is no number");
    }
  }
}
