package io.shardflux.sql;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** What can be computed of merged rows. */
record Computations(Groups groups, MergedAggregates aggregates, SortKeys keys, Effort effort) {

  /** Each is computed inside the next one, where an event loop has the stack for it. */
  private static final int MAX_CHAIN = 500;

  /** A number of aggregates, groups and constants; refused by the code if it is none. */
  Computation of(Expr expr, RefusalCode code) {
    effort.enterComputation();
    Computation computation = ofBare(expr.bare(), code);
    effort.leaveComputation();
    return computation;
  }

  private Computation ofBare(Expr bare, RefusalCode code) {
    if (Functions.isAggregate(bare)) {
      checkNumber(bare, code);
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
      if (literal.value() != null && !Values.isNumber(literal.value())) {
        throw new RefusedSqlException(code, "a constant that is no number");
      }
      return new Computation.Constant(literal);
    }
    if (bare instanceof Expr.Marker) {
      return new Computation.Constant(bare);
    }
    if (groups.indexOf(bare) >= 0) {
      checkNumber(bare, code);
      return new Computation.Column(keys.of(bare, keys.list().indexOf(bare), false).value());
    }
    if (isArithmetic(bare)) {
      return arithmetic(bare, code);
    }
    if (bare instanceof Expr.Call call
        && (call.name().equals("COALESCE") || call.name().equals("IFNULL"))) {
      checkAverages(call, code);
      return new Computation.First(call.children().stream().map(child -> of(child, code)).toList());
    }
    throw new RefusedSqlException(code, bare.description());
  }

  private static boolean isArithmetic(Expr expr) {
    return expr instanceof Expr.Op op
        && op.children().size() == 2
        && List.of("+", "-", "*", "/").contains(op.operator());
  }

  /** A chain of operators, from its first operand on. */
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
      computed =
          new Computation.Arithmetic(op.operator(), computed, of(op.children().get(1), code));
    }
    return computed;
  }

  /** An average has more digits than its type, and how many are seen hangs on the other types. */
  private static void checkAverages(Expr.Call choice, RefusalCode code) {
    boolean averages =
        choice.children().stream()
            .anyMatch(each -> each.bare() instanceof Expr.Call call && call.name().equals("AVG"));
    boolean others =
        choice.children().stream()
            .skip(1)
            .anyMatch(
                each ->
                    !(each.bare() instanceof Expr.Literal literal
                        && literal.value() instanceof Long));
    if (averages && others) {
      throw new RefusedSqlException(code, choice.name() + " of an average and what is no integer");
    }
  }

  private void checkNumber(Expr expr, RefusalCode code) {
    if (!keys.types().of(expr, keys.block()).isNumber()) {
      throw new RefusedSqlException(code, expr.description() + ", which is no number");
    }
  }
}
