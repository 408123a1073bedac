package io.shardflux.sql.ahead;

import io.shardflux.router.Internal;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Place;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.ValueKind;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import io.shardflux.sql.syntax.StatementParser;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Says which subqueries of a read may run first. Not thread-safe. */
@Internal
public final class AheadPlanner {

  private static final Set<String> COMPARISONS =
      Set.of("=", "<=>", "<>", "<", ">", "<=", ">=", "BETWEEN", "NOT BETWEEN");

  private static final Pattern QUANTIFIER =
      Pattern.compile("\\s*(=|<>|!=|<|>|<=|>=)\\s*(ANY|SOME|ALL)\\s*\\(\\s*");

  /** The longest name that servers take for a column. */
  private static final int LONGEST_NAME = 256;

  private final SqlText text;
  private final Schema schema;
  private final PlannerOptions options;
  private final List<Ahead.Subquery> subqueries = new ArrayList<>();
  private final IdentityHashMap<Expr.Subquery, List<Expr>> compared = new IdentityHashMap<>();
  private List<SqlWriter.Edit> edits = new ArrayList<>();

  public AheadPlanner(SqlText text, Schema schema, PlannerOptions options) {
    this.text = text;
    this.schema = schema;
    this.options = options;
  }

  /** The plan for a read; null where no subquery of it may run first. */
  @Nullable
  public Ahead plan(Query query) {
    if (query.locks()) {
      return null;
    }
    query(query, Set.of());
    return subqueries.isEmpty()
        ? null
        : new Ahead(subqueries, pieces(SqlWriter.edited(query.span(), edits)));
  }

  /** The pieces of a text between the places for values. */
  private List<Ahead.Piece> pieces(Fragment fragment) {
    List<Ahead.Piece> pieces = new ArrayList<>();
    SqlWriter sql = new SqlWriter(text);
    for (Object piece : fragment.pieces()) {
      if (piece instanceof Ahead.Values place) {
        pieces.add(new Ahead.Text(sql.done()));
        pieces.add(place);
        sql = new SqlWriter(text);
      } else {
        sql.add(Fragment.of(piece));
      }
    }
    pieces.add(new Ahead.Text(sql.done()));
    return pieces;
  }

  /**
   * Takes a query.
   *
   * @param outer the names of {@code WITH} that it may mean, as {@link SelectItems#key}
   */
  private void query(Query query, Set<String> outer) {
    Set<String> names = new HashSet<>(outer);
    query.ctes().forEach(cte -> names.add(SelectItems.key(cte.name())));
    query.ctes().forEach(cte -> query(cte.query(), names));
    for (Query.Branch branch : query.branches()) {
      if (branch.body() instanceof Query.Nested nested) {
        query(nested.query(), names);
      } else {
        select((Query.Select) branch.body(), names);
      }
    }
    Query.Select only = query.select();
    if (only != null) {
      Columns columns = Columns.of(schema, only, names);
      query.order().forEach(item -> visit(item.expr(), columns, names));
    }
  }

  private void select(Query.Select select, Set<String> names) {
    Columns columns = Columns.of(schema, select, names);
    select.items().forEach(item -> item(item, columns, names));
    select.from().forEach(from -> from(from, columns, names));
    List<Expr> others = new ArrayList<>(select.group());
    if (select.where() != null) {
      others.add(select.where());
    }
    if (select.having() != null) {
      others.add(select.having());
    }
    if (select.windows() != null) {
      others.addAll(select.windows());
    }
    others.forEach(expr -> visit(expr, columns, names));
  }

  private void from(Query.From from, Columns columns, Set<String> names) {
    if (from instanceof Query.Derived derived) {
      query(derived.query(), names);
    } else if (from instanceof Query.Join join) {
      from(join.left(), columns, names);
      from(join.right(), columns, names);
      if (join.on() != null) {
        visit(join.on(), columns, names);
      }
    }
  }

  /** Takes an item; a server makes its name of its text, which becomes another one. */
  private void item(Query.Item item, Columns columns, Set<String> names) {
    if (item.expr() == null) {
      return;
    }
    int before = edits.size();
    visit(item.expr(), columns, names);
    if (item.alias() == null && edits.size() > before) {
      String name = new SqlWriter(text).add(item.span()).done().text();
      if (name.length() <= LONGEST_NAME) {
        edits.add(SqlWriter.Edit.behind(item.span(), Fragment.of(Fragment.named(name))));
      }
    }
  }

  private void visit(Expr expr, Columns columns, Set<String> names) {
    expr.walk(
        each -> {
          note(each);
          return !(each instanceof Expr.Subquery subquery) || goesOn(subquery, columns, names);
        });
  }

  /** Notes what the subqueries right inside a comparison are compared with. */
  private void note(Expr expr) {
    boolean compares =
        expr instanceof Expr.In
            || (expr instanceof Expr.Op op && COMPARISONS.contains(op.operator()));
    if (compares) {
      for (Expr child : expr.children()) {
        if (child.bare() instanceof Expr.Subquery subquery) {
          compared.put(subquery, expr.children().stream().filter(other -> other != child).toList());
        }
      }
    }
  }

  /** Takes a subquery, or what is in it; whether its left side is still to be looked at. */
  private boolean goesOn(Expr.Subquery subquery, Columns columns, Set<String> names) {
    if (!isOfItself(subquery.query(), names)) {
      query(subquery.query(), names);
      return true;
    }
    Query query = subquery.query();
    Columns own =
        query.select() == null ? null : Columns.of(schema, query.select(), withNames(query));
    boolean taken =
        switch (subquery.use()) {
          case EXISTS -> exists(subquery);
          case VALUE -> own != null && value(subquery, own, columns);
          case IN, NOT_IN -> own != null && in(subquery, own, columns, names);
          case QUANTIFIED -> own != null && quantified(subquery, own, columns, names);
        };
    if (!taken) {
      query(query, names);
    }
    return !taken;
  }

  private static Set<String> withNames(Query query) {
    Set<String> names = new HashSet<>();
    query.ctes().forEach(cte -> names.add(SelectItems.key(cte.name())));
    return names;
  }

  /** Tells whether a query is a statement of its own, over rows of shards, and always the same. */
  private boolean isOfItself(Query query, Set<String> names) {
    if (query.locks()) {
      return false;
    }
    try {
      SqlText own = SqlText.read(new SqlWriter(text).add(query.span()).done().text(), options);
      Analysis analysis = new Analysis(schema, own.parsed());
      return StatementParser.parse(own) instanceof Statement.Read read
          && !analysis.query(read.query(), Place.outermost()).rows().isEmpty()
          && !analysis.volatility().isVolatile()
          && analysis.tables().stream().noneMatch(table -> names.contains(SelectItems.key(table)));
    } catch (RefusedSqlException notAlone) {
      return false;
    }
  }

  private boolean exists(Expr.Subquery subquery) {
    place(subquery.span(), subquery.query(), ValueKind.ANY, Ahead.Form.EXISTS, null, List.of());
    return true;
  }

  private boolean value(Expr.Subquery subquery, Columns own, Columns columns) {
    Columns.Value value = value(own);
    if (value == null) {
      return false;
    }
    List<Expr> others = compared.get(subquery);
    String cast = null;
    if (others == null) {
      cast = value.cast();
      if (cast == null) {
        return false;
      }
    } else if (!others.stream().allMatch(other -> isComparedAlike(other, value, columns))) {
      return false;
    }
    place(subquery.span(), subquery.query(), value.kind(), Ahead.Form.VALUE, cast, List.of());
    return true;
  }

  /** Whether two subqueries are compared, or one with what it compares with as a bound value. */
  private boolean isComparedAlike(Expr other, Columns.Value value, Columns columns) {
    if (other.bare() instanceof Expr.Subquery subquery
        && subquery.use() == Expr.Subquery.Use.VALUE
        && subquery.query().select() != null) {
      Columns.Value beside =
          value(Columns.of(schema, subquery.query().select(), withNames(subquery.query())));
      return value.kind() != ValueKind.TEXT && beside != null && beside.kind() != ValueKind.TEXT;
    }
    return columns.compares(other, value);
  }

  private static Columns.@Nullable Value value(Columns own) {
    List<Query.Item> items = own.select().items();
    return items.size() == 1 && items.get(0).expr() != null
        ? own.value(items.get(0).value())
        : null;
  }

  private boolean in(Expr.Subquery subquery, Columns own, Columns columns, Set<String> names) {
    Expr left = subquery.left();
    Columns.Value value = value(own);
    if (left == null || value == null || !columns.compares(left, value) || !mayGo(left)) {
      return false;
    }
    boolean negated = subquery.use() == Expr.Subquery.Use.NOT_IN;
    list(subquery, left, value, negated, columns, names);
    return true;
  }

  /**
   * Tells whether a left side may be left out, as it is where a list has no value. An aggregate may
   * be what makes one row of all.
   */
  private static boolean mayGo(Expr left) {
    return !left.aggregates();
  }

  private void list(
      Expr.Subquery subquery,
      Expr left,
      Columns.Value value,
      boolean negated,
      Columns columns,
      Set<String> names) {
    List<SqlWriter.Edit> around = edits;
    edits = new ArrayList<>();
    visit(left, columns, names);
    List<Ahead.Piece> before = pieces(SqlWriter.edited(left.span(), edits));
    edits = around;
    Ahead.Form form = negated ? Ahead.Form.NOT_IN : Ahead.Form.IN;
    place(subquery.span(), subquery.query(), value.kind(), form, null, before);
  }

  /** {@code = ANY} is {@code IN}; of others the least and the largest number are enough. */
  private boolean quantified(
      Expr.Subquery subquery, Columns own, Columns columns, Set<String> names) {
    Expr left = subquery.left();
    Columns.Value value = value(own);
    if (left == null || value == null || !columns.compares(left, value)) {
      return false;
    }
    int from = left.span().end();
    Span between = new Span(from, subquery.query().span().start());
    Matcher quantifier = QUANTIFIER.matcher(between.of(text.text()).toUpperCase(Locale.ROOT));
    if (!quantifier.matches()) {
      return false;
    }
    boolean all = quantifier.group(2).equals("ALL");
    boolean equal = quantifier.group(1).equals("=");
    boolean unequal = quantifier.group(1).equals("<>") || quantifier.group(1).equals("!=");
    if (all ? unequal : equal) {
      if (!mayGo(left)) {
        return false;
      }
      list(subquery, left, value, all, columns, names);
      return true;
    }
    if (value.kind() == ValueKind.TEXT) {
      return false;
    }
    place(
        subquery.query().span(),
        subquery.query(),
        value.kind(),
        Ahead.Form.EXTREMES,
        null,
        List.of());
    visit(left, columns, names);
    return true;
  }

  private void place(
      Span span,
      Query query,
      ValueKind kind,
      Ahead.Form form,
      @Nullable String cast,
      List<Ahead.Piece> left) {
    int index = subqueries.size();
    subqueries.add(new Ahead.Subquery(kind, alone(query, form)));
    edits.add(new SqlWriter.Edit(span, Fragment.of(new Ahead.Values(index, form, cast, left))));
  }

  /** The text of a subquery as a statement of its own, with no more rows than matter. */
  private ShardSql alone(Query query, Ahead.Form form) {
    SqlWriter sql = new SqlWriter(text);
    Query.Select select = query.select();
    boolean distinct =
        select != null
            && form != Ahead.Form.VALUE
            && form != Ahead.Form.EXISTS
            && !select.distinct()
            && !select.isGrouped()
            && !select.hasWindow()
            && query.order().isEmpty()
            && query.limit() == null;
    if (select != null && distinct) {
      int items = select.itemsSpan().start();
      sql.add(new Span(query.span().start(), items)).add("DISTINCT ");
      sql.add(new Span(items, query.span().end()));
    } else {
      sql.add(query.span());
    }
    ShardSql alone = sql.done();
    if (query.limit() != null) {
      return alone;
    }
    if (form == Ahead.Form.VALUE || form == Ahead.Form.EXISTS) {
      return new ShardSql(
          alone.text() + (form == Ahead.Form.VALUE ? " LIMIT 2" : " LIMIT 1"), alone.markers());
    }
    List<Integer> markers = new ArrayList<>(alone.markers());
    markers.add(text.markers().size());
    return new ShardSql(alone.text() + " LIMIT ?", markers);
  }
}
