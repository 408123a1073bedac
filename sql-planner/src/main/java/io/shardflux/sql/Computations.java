package io.shardflux.sql;

import java.util.List;

/** What can be computed of merged rows. */
record Computations(Groups groups, MergedAggregates aggregates, SortKeys keys) {

  /** A number of aggregates, groups and constants; refused by the code if it is none. */
  Computation of(Expr expr, RefusalCode code) {
    Expr bare = expr.bare();
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
    if (bare instanceof Expr.Op op
        && op.children().size() == 2
        && List.of("+", "-", "*", "/").contains(op.operator())) {
      return new Computation.Arithmetic(
          op.operator(), of(op.children().get(0), code), of(op.children().get(1), code));
    }
    if (bare instanceof Expr.Call call
        && (call.name().equals("COALESCE") || call.name().equals("IFNULL"))) {
      checkAverages(call, code);
      return new Computation.First(call.children().stream().map(child -> of(child, code)).toList());
    }
    throw new RefusedSqlException(code, bare.description());
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
