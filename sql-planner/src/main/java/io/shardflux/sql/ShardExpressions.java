package io.shardflux.sql;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Writes expressions of a select for the shards, so that they mean the same in each clause. */
record ShardExpressions(Query.Select select, Scope scope, Equivalence equivalence) {

  /** An expression's text, with what its aliases mean in their places. */
  Fragment write(Expr expr) {
    if (expr.span().end() == 0 && expr instanceof Expr.Name name) {
      return Fragment.of(quoted(name.table()) + "." + quoted(name.column()));
    }
    List<Object> pieces = new ArrayList<>();
    int end = aliases(expr, expr.span().start(), pieces);
    pieces.add(new Span(end, expr.span().end()));
    return new Fragment(pieces);
  }

  private int aliases(Expr expr, int from, List<Object> pieces) {
    if (expr instanceof Expr.Name name) {
      Fragment meaning = meaning(name);
      if (meaning == null) {
        return from;
      }
      pieces.add(new Span(from, name.span().start()));
      pieces.addAll(meaning.pieces());
      return name.span().end();
    }
    int at = from;
    for (Expr child : expr.children()) {
      at = aliases(child, at, pieces);
    }
    return at;
  }

  /** What a name is written as to mean the same in each clause; null if it does as it is. */
  private @Nullable Fragment meaning(Expr.Name name) {
    Expr aliased = select.aliased(name);
    if (aliased == null || equivalence.same(aliased.bare(), name)) {
      return null;
    }
    int source = equivalence.sourceOf(name);
    return source < 0
        ? Fragment.of("(", aliased.span(), ")")
        : Fragment.of(quoted(scope.sources().get(source).alias()) + "." + quoted(name.column()));
  }

  /** What to group or order by: a number there would be a position. */
  Fragment grouping(Expr expr) {
    return expr instanceof Expr.Literal ? Fragment.of("NULL") : write(expr);
  }

  private static String quoted(@Nullable String name) {
    return "`" + (name == null ? "" : name.replace("`", "``")) + "`";
  }
}
