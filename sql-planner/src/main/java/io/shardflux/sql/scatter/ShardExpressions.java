package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.Span;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes expressions of a select for the shards, so that they mean the same in each clause. */
record ShardExpressions(Query.Select select, Scope scope, Equivalence equivalence) {

  /** An expression's text, with what its aliases mean in their places. */
  Fragment write(Expr expr) {
    if (expr.span().equals(Span.NONE) && expr instanceof Expr.Name name) {
      return column(name.table(), name.column());
    }
    List<Object> pieces = new ArrayList<>();
    int end = aliases(expr, expr.span().start(), pieces);
    pieces.add(new Span(end, expr.span().end()));
    return new Fragment(pieces);
  }

  private int aliases(Expr expr, int from, List<Object> pieces) {
    int[] at = {from};
    expr.walk(
        each -> {
          Fragment meaning = each instanceof Expr.Name name ? meaning(name) : null;
          if (meaning != null) {
            pieces.add(new Span(at[0], each.span().start()));
            pieces.addAll(meaning.pieces());
            at[0] = each.span().end();
          }
          return true;
        });
    return at[0];
  }

  /** The text of a name that means the same in each clause; null if the name does so as it is. */
  private @Nullable Fragment meaning(Expr.Name name) {
    Expr aliased = select.items().aliased(name);
    if (aliased == null || equivalence.same(aliased.bare(), name)) {
      return null;
    }
    Scope.Source source = scope.sourceOf(name);
    return source == null
        ? Fragment.of("(", aliased.span(), ")")
        : column(source.alias(), name.column());
  }

  /** The text by which to group or order; a number there would be a position. */
  Fragment grouping(Expr expr) {
    return expr instanceof Expr.Literal ? Fragment.of("NULL") : write(expr);
  }

  private static Fragment column(@Nullable String table, String column) {
    return Fragment.of(Fragment.quoted(table == null ? "" : table) + "." + Fragment.quoted(column));
  }
}
