package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.analysis.ExprIndex;
import io.shardflux.sql.analysis.Types;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The expressions by which the rows of an answer are grouped or told apart. Not thread-safe. */
final class Groups {

  private final List<Expr> all;
  private final Block block;
  private final Types types;
  private final ExprIndex index;
  private @Nullable Determined determined;

  Groups(List<Expr> all, Block block, Types types, Equivalence equivalence) {
    all.forEach(SortKeys::checkDetermined);
    this.all = all;
    this.block = block;
    this.types = types;
    this.index = new ExprIndex(equivalence, all);
  }

  List<Expr> all() {
    return all;
  }

  boolean isEmpty() {
    return all.isEmpty();
  }

  /** The index of the group that an expression is, or -1. */
  int indexOf(Expr expr) {
    return index.indexOf(expr);
  }

  /** Refuses an expression whose value may differ within a group. */
  void checkGrouped(Expr expr) {
    expr.walk(each -> each instanceof Expr.Paren || !isGrouped(each));
  }

  /**
   * Tells whether the expression itself has one value in a group; false if only its parts show
   * that.
   */
  private boolean isGrouped(Expr expr) {
    if (indexOf(expr) >= 0) {
      return true;
    }
    if (expr instanceof Expr.Name name && !isDetermined(name)) {
      Expr aliased =
          block.scope().findHere(name) == null ? block.select().items().aliased(name) : null;
      if (aliased == null || aliased.aggregates()) {
        throw notGrouped(name.column());
      }
      checkGrouped(aliased.bare());
      return true;
    }
    if (expr instanceof Expr.Subquery || expr instanceof Expr.Variable) {
      throw notGrouped("a query");
    }
    return false;
  }

  /** Tells whether a column has one value in a group. */
  boolean isDetermined(Expr.Name name) {
    if (determined == null) {
      determined = new Determined(block, types, all);
    }
    return determined.has(name);
  }

  static RefusedSqlException notGrouped(String what) {
    return new RefusedSqlException(RefusalCode.NOT_GROUPED, what);
  }
}
