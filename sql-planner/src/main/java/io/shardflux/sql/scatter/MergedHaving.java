package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.merge.Computation;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Decides which groups {@code HAVING} lets through, by the shards and by the merge. Not
 * thread-safe.
 */
final class MergedHaving {

  /** Operators that give the same for every spelling of a text. */
  private static final Set<String> COMPARISONS =
      Set.of(
          "=",
          "<>",
          "<",
          "<=",
          ">",
          ">=",
          "<=>",
          "BETWEEN",
          "NOT BETWEEN",
          "IS NULL",
          "IS NOT NULL");

  private final Block block;
  private final Equivalence equivalence;
  private final SortKeys keys;
  private final Groups groups;
  private final MergedAggregates aggregates;
  private final Computations computations;
  private final Effort effort;
  private final List<Expr> pushed = new ArrayList<>();
  private @Nullable Computation computed;

  MergedHaving(
      Block block,
      Equivalence equivalence,
      SortKeys keys,
      Groups groups,
      MergedAggregates aggregates,
      Computations computations) {
    this.block = block;
    this.equivalence = equivalence;
    this.keys = keys;
    this.groups = groups;
    this.aggregates = aggregates;
    this.computations = computations;
    this.effort = computations.effort();
  }

  /** The conditions that the shards check. */
  List<Expr> pushed() {
    return pushed;
  }

  /** The condition of merged groups, null if all are let through. */
  @Nullable Computation computed() {
    return computed;
  }

  /**
   * Takes a condition. The part that the shards can decide is sent to them, the rest is computed.
   */
  void take(Expr having) {
    List<Computation> conditions = new ArrayList<>();
    for (Expr condition : having.conjuncts()) {
      if (!aggregatesMeant(condition) && !groups.isEmpty()) {
        checkPushed(condition);
        pushed.add(condition);
      } else {
        conditions.add(condition(condition));
      }
    }
    if (!conditions.isEmpty()) {
      computed = new Computation.All(conditions);
    }
  }

  /** Tells whether the expression has aggregates, itself or by its aliases. */
  private boolean aggregatesMeant(Expr expr) {
    return expr.aggregates()
        || expr.any(each -> each instanceof Expr.Name && inHaving(each).aggregates());
  }

  /** The meaning of a name of {@code HAVING}. */
  private Expr inHaving(Expr expr) {
    if (!(expr instanceof Expr.Name name)) {
      return expr;
    }
    Expr aliased = block.select().items().aliased(name);
    if (aliased == null || equivalence.same(aliased.bare(), expr)) {
      return expr;
    }
    // Servers look for it among the groups first.
    return block.scope().findHere(name) != null && groups.indexOf(name) >= 0
        ? expr
        : aliased.bare();
  }

  /** Refuses a condition on groups that shards with other spellings of one text may not share. */
  private void checkPushed(Expr condition) {
    boolean plain =
        condition instanceof Expr.In
            || (condition instanceof Expr.Op op && COMPARISONS.contains(op.operator()));
    for (Expr child : condition.children()) {
      checkPushed(child, plain, true);
    }
    if (condition.children().isEmpty()) {
      checkPushed(condition, false, true);
    }
  }

  /**
   * Checks a part of a condition.
   *
   * @param aliases whether its names may be aliases, as those inside an alias's expression are not
   */
  private void checkPushed(Expr expr, boolean compared, boolean aliases) {
    Expr outermost = expr.bare();
    outermost.walk(
        each ->
            each instanceof Expr.Paren
                || !isPushed(each, aliases ? inHaving(each) : each, each == outermost, compared));
  }

  /**
   * Tells whether the shards may decide the expression itself; false if only its parts show that.
   */
  private boolean isPushed(Expr expr, Expr meant, boolean outermost, boolean compared) {
    if (groups.indexOf(meant) >= 0) {
      SqlType.Kind kind = keys.types().of(meant, block).kind();
      boolean spelled = kind == SqlType.Kind.TEXT || kind == SqlType.Kind.NONE;
      if (spelled && !(outermost && compared)) {
        throw new RefusedSqlException(
            RefusalCode.HAVING, "a text of the group inside a larger expression");
      }
      return true;
    }
    if (meant instanceof Expr.Name name && !groups.isDetermined(name)) {
      throw Groups.notGrouped(name.column());
    }
    if (meant instanceof Expr.Subquery || meant instanceof Expr.Variable) {
      throw new RefusedSqlException(RefusalCode.HAVING, "a query");
    }
    if (outermost) {
      SortKeys.checkDetermined(meant);
    }
    if (meant != expr) {
      meant.children().forEach(child -> checkPushed(child, false, false));
    }
    return meant != expr;
  }

  /** Refuses an alias that would be a column where it is selected. */
  private void checkNames(Expr expr) {
    expr.walk(
        each -> {
          if (each instanceof Expr.Name name
              && inHaving(name) != name
              && block.scope().findHere(name) != null) {
            throw new RefusedSqlException(RefusalCode.AMBIGUOUS_NAME, name.column());
          }
          return true;
        });
  }

  private Computation condition(Expr expr) {
    effort.enterComputation();
    Computation condition = computed(expr.bare());
    effort.leaveComputation();
    return condition;
  }

  private Computation computed(Expr bare) {
    if (!aggregatesMeant(bare) && !groups.isEmpty()) {
      // The servers say whether it holds of the group.
      checkPushed(bare);
      checkNames(bare);
      int column = keys.hidden().add(Fragment.of("(", keys.expressions().write(bare), ")"));
      return new Computation.Comparison(
          "<>", new Computation.Column(column), new Computation.Constant(0L));
    }
    if (bare instanceof Expr.In in) {
      List<Computation> options = new ArrayList<>();
      Computation left = operand(in.left());
      in.values()
          .forEach(value -> options.add(new Computation.Comparison("=", left, operand(value))));
      Computation any = new Computation.Some(options);
      return in.negated() ? new Computation.Not(any) : any;
    }
    if (!(bare instanceof Expr.Op op)) {
      throw new RefusedSqlException(RefusalCode.HAVING, bare.description());
    }
    List<Expr> operands = op.children();
    return switch (op.operator()) {
      case "AND" -> new Computation.All(operands.stream().map(this::condition).toList());
      case "OR" -> new Computation.Some(operands.stream().map(this::condition).toList());
      case "NOT" -> new Computation.Not(condition(operands.get(0)));
      case "IS NULL" -> new Computation.IsNull(any(operands.get(0)));
      case "IS NOT NULL" -> new Computation.Not(new Computation.IsNull(any(operands.get(0))));
      case "BETWEEN" -> between(operands);
      case "NOT BETWEEN" -> new Computation.Not(between(operands));
      case "=", "<>", "<", "<=", ">", ">=", "<=>" ->
          new Computation.Comparison(
              op.operator(), operand(operands.get(0)), operand(operands.get(1)));
      default -> throw new RefusedSqlException(RefusalCode.HAVING, op.operator());
    };
  }

  private Computation between(List<Expr> operands) {
    Computation value = operand(operands.get(0));
    return new Computation.All(
        List.of(
            new Computation.Comparison(">=", value, operand(operands.get(1))),
            new Computation.Comparison("<=", value, operand(operands.get(2)))));
  }

  /** The computation of a value of any type, which may be NULL. */
  private Computation any(Expr expr) {
    Expr meant = inHaving(expr.bare());
    return Functions.isAggregate(meant)
        ? new Computation.Column(aggregates.of((Expr.Call) meant, -1).column())
        : operand(expr);
  }

  private Computation operand(Expr expr) {
    return computations.of(inHaving(expr.bare()), RefusalCode.HAVING);
  }
}
