package io.shardflux.sql;

import io.shardflux.router.TableRule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a statement's tables, names and conditions are, and which of its key columns are equal. Not
 * thread-safe.
 *
 * <p>Key columns of all mentions of tables are numbered. Two that are equal in every row that
 * counts are in one class, and tables whose key columns are so are a cluster: rows that meet are on
 * one shard.
 */
final class Analysis {

  private final Schema schema;
  private final Colocation colocation = new Colocation();
  private final Volatility volatility = new Volatility();
  private final Types types = new Types();
  private final Set<String> tables = new LinkedHashSet<>();
  private boolean usesReference;

  Analysis(Schema schema) {
    this.schema = schema;
  }

  Colocation colocation() {
    return colocation;
  }

  Volatility volatility() {
    return volatility;
  }

  /** The tables that are named, in their order. */
  Set<String> tables() {
    return tables;
  }

  // Tables

  /** The rule of a table that the statement names. */
  TableRule rule(String table) {
    TableRule rule = schema.rule(table);
    tables.add(table);
    return rule;
  }

  /** Takes one more mention of a table; null for a reference table. */
  @Nullable Rows mention(String table, Rows.Zone zone) {
    TableRule rule = rule(table);
    if (rule instanceof TableRule.Sharded sharded) {
      return colocation.sharded(table, schema.keyParts(sharded), zone);
    }
    if (rule instanceof TableRule.Pinned pinned) {
      return colocation.pinned(table, pinned.shard(), zone);
    }
    usesReference = true;
    return null;
  }

  private Scope.Source source(String alias, String table, @Nullable Rows mention) {
    List<Scope.Column> columns = new ArrayList<>();
    List<Scope.Column> unique = new ArrayList<>();
    for (Catalog.Column column : schema.columns(table)) {
      int number = mention == null ? -1 : colocation.key(mention, column.name());
      Scope.Column scoped =
          new Scope.Column(column.name(), SqlType.of(column), column.nullable(), number);
      columns.add(scoped);
      if (column.primary() && mention == null) {
        unique.add(scoped);
      }
    }
    return new Scope.Source(alias, columns, mention == null, unique);
  }

  /** What values an expression of a select has. */
  SqlType type(Expr expr, Block block) {
    return types.of(expr, block);
  }

  // Queries

  /** Analyses a query that is a part of a statement. */
  Relation query(Query query, @Nullable Scope outer, Rows.Zone zone, WithNames outerNames) {
    WithNames names = outerNames.with(query.ctes());
    boolean union = query.branches().size() > 1;
    List<Relation> branches = new ArrayList<>();
    List<KeyCondition> alternatives = new ArrayList<>();
    for (Query.Branch branch : query.branches()) {
      Rows.Zone own = union ? new Rows.Zone(zone) : zone;
      branches.add(
          branch.body() instanceof Query.Select select
              ? new Projection(block(select, query, outer, own, names), types, colocation)
                  .relation()
              : query(((Query.Nested) branch.body()).query(), outer, own, names));
      alternatives.add(KeyCondition.and(own.conditions()));
    }
    if (!union) {
      return query.limit() == null ? branches.get(0) : branches.get(0).limited();
    }
    Relation united = new UnionAnalysis(query, branches, colocation).relation(outer == null);
    // Each row is of one branch and satisfies its conditions, whether or not shards could merge it.
    zone.add(KeyCondition.or(alternatives));
    return query.limit() == null ? united : united.limited();
  }

  // Selects

  /** Analyses a select; the query that it is alone in, or null, brings its {@code ORDER BY}. */
  Block block(
      Query.Select select,
      @Nullable Query query,
      @Nullable Scope outer,
      Rows.Zone zone,
      WithNames names) {
    BlockAnalysis analysis = new BlockAnalysis(new Scope(outer), zone, names);
    analysis.from(select.from());
    analysis.where(select.where());
    Block sofar = new Block(analysis.scope, select, analysis.mentions, null);
    for (Query.Item item : select.items()) {
      if (item.expr() != null) {
        analysis.visit(item.expr(), null);
      }
    }
    select.group().forEach(expr -> analysis.visit(sofar.grouped(expr), select));
    if (select.having() != null) {
      analysis.visit(select.having(), select);
    }
    if (query != null && query.branches().size() == 1) {
      query.order().forEach(item -> analysis.visit(item.expr(), select));
    }
    return analysis.block(select);
  }

  /** Analyses the tables and conditions of an {@code UPDATE} or {@code DELETE}. */
  Block block(List<Query.From> from, @Nullable Expr where, List<Expr> exprs, List<Query.Cte> ctes) {
    BlockAnalysis analysis =
        new BlockAnalysis(new Scope(null), new Rows.Zone(null), WithNames.NONE.with(ctes));
    analysis.from(from);
    analysis.where(where);
    exprs.forEach(expr -> analysis.visit(expr, null));
    Span none = new Span(0, 0);
    return analysis.block(
        new Query.Select(none, false, List.of(), none, null, from, where, List.of(), false, null));
  }

  /** The analysis of one select. */
  private final class BlockAnalysis {

    private final Scope scope;
    private final Rows.Zone zone;
    private final WithNames names;
    private final List<Rows> mentions = new ArrayList<>();
    private final Map<Integer, Rows> owners = new HashMap<>();

    /** Key columns from this number on are of this select, those before of what it is inside. */
    private final int mark = colocation.size();

    private final List<int[]> correlated = new ArrayList<>();
    private @Nullable RefusedSqlException refusal;
    private boolean fromSharded;

    BlockAnalysis(Scope scope, Rows.Zone zone, WithNames names) {
      this.scope = scope;
      this.zone = zone;
      this.names = names;
    }

    Block block(Query.Select select) {
      if (refusal == null && !colocation.isCluster(mentions)) {
        refusal =
            new RefusedSqlException(
                RefusalCode.CROSS_SHARD_JOIN,
                "tables that aren't joined by all their key columns: "
                    + mentions.stream().map(Rows::table).distinct().toList());
      }
      if (refusal == null && !fromSharded && !mentions.isEmpty()) {
        refusal =
            new RefusedSqlException(
                RefusalCode.CROSS_SHARD_SUBQUERY, "rows of every shard, chosen by a sharded table");
      }
      return new Block(scope, select, mentions, refusal);
    }

    private void refuse(RefusedSqlException reason) {
      refusal = refusal == null ? reason : refusal;
    }

    void from(List<Query.From> tables) {
      tables.forEach(table -> add(table, zone, false));
      fromSharded = !mentions.isEmpty();
    }

    void where(@Nullable Expr where) {
      if (where != null) {
        condition(where, zone, null);
      }
      correlated.forEach(pair -> colocation.attach(pair[0], pair[1], mark));
      if (where != null) {
        visit(where, null);
      }
    }

    /** Adds a source of rows and gives the mentions of tables in it. */
    private List<Rows> add(Query.From from, Rows.Zone place, boolean nullable) {
      if (from instanceof Query.Join join) {
        return add(join, place, nullable);
      }
      if (from instanceof Query.Derived derived) {
        return add(derived.alias(), derived.columns(), derived.query(), names, place, nullable);
      }
      Query.Table table = (Query.Table) from;
      Query.Cte cte = names.find(table.name());
      if (cte != null) {
        return add(table.alias(), cte, place, nullable);
      }
      Rows mention = mention(table.name(), place);
      Scope.Source source = source(table.alias(), table.name(), mention);
      addSource(source, nullable);
      if (mention == null) {
        return List.of();
      }
      mentions.add(mention);
      mention.keys().forEach(key -> owners.put(key, mention));
      return List.of(mention);
    }

    private List<Rows> add(String alias, Query.Cte cte, Rows.Zone place, boolean nullable) {
      if (cte.recursive()) {
        throw new RefusedSqlException(RefusalCode.SYNTAX, "WITH RECURSIVE");
      }
      return add(alias, cte.columns(), cte.query(), names.before(cte), place, nullable);
    }

    private List<Rows> add(
        String alias,
        List<String> columnNames,
        Query query,
        WithNames seen,
        Rows.Zone place,
        boolean nullable) {
      Rows.Zone own = new Rows.Zone(place);
      Relation info = query(query, null, own, seen);
      if (info.refusal() == null) {
        own.conditions().forEach(place::add);
      } else {
        refuse(info.refusal());
      }
      List<Scope.Column> columns = new ArrayList<>(info.columns());
      for (int i = 0; i < columnNames.size() && i < columns.size(); i++) {
        columns.set(i, columns.get(i).named(columnNames.get(i)));
      }
      addSource(new Scope.Source(alias, columns, false, List.of()), nullable);
      mentions.addAll(info.rows());
      for (Rows mention : info.rows()) {
        mention.keys().forEach(key -> owners.put(key, mention));
      }
      return info.rows();
    }

    private void addSource(Scope.Source source, boolean nullable) {
      scope.add(
          nullable
              ? new Scope.Source(
                  source.alias(),
                  source.columns().stream().map(Scope.Column::orNull).toList(),
                  source.reference(),
                  source.unique().stream().map(Scope.Column::orNull).toList())
              : source);
    }

    private List<Rows> add(Query.Join join, Rows.Zone place, boolean nullable) {
      boolean leftInner = join.kind() == Query.Join.Kind.RIGHT;
      boolean rightInner = join.kind() == Query.Join.Kind.LEFT;
      Rows.Zone inner = leftInner || rightInner ? new Rows.Zone(place) : place;
      List<Rows> left = add(join.left(), leftInner ? inner : place, nullable || leftInner);
      int leftSources = scope.sources().size();
      List<Rows> right = add(join.right(), rightInner ? inner : place, nullable || rightInner);
      List<Rows> kept = rightInner ? left : right;
      List<Rows> matched = rightInner ? right : left;
      if (inner != place && kept.isEmpty() && !matched.isEmpty()) {
        refuse(
            new RefusedSqlException(
                RefusalCode.CROSS_SHARD_JOIN,
                "an outer join that keeps all rows of a reference table"));
      }
      if (join.on() != null) {
        condition(join.on(), inner, inner == place ? null : matched);
        visit(join.on(), null);
      }
      for (String column : join.using()) {
        using(column, leftSources, leftInner);
      }
      List<Rows> all = new ArrayList<>(left);
      all.addAll(right);
      return all;
    }

    private void using(String column, int leftSources, boolean rightJoin) {
      if (rightJoin) {
        throw new RefusedSqlException(RefusalCode.SYNTAX, "RIGHT JOIN with USING");
      }
      Scope.Column left = column(scope.sources().subList(0, leftSources), column);
      Scope.Column right =
          column(scope.sources().subList(leftSources, scope.sources().size()), column);
      colocation.unite(left.key(), right.key());
      scope.using(column);
    }

    private static Scope.Column column(List<Scope.Source> sources, String name) {
      return sources.stream()
          .flatMap(source -> source.columns().stream())
          .filter(column -> column.name().equalsIgnoreCase(name))
          .findFirst()
          .orElseThrow(() -> new RefusedSqlException(RefusalCode.UNKNOWN_COLUMN, name));
    }

    /**
     * Takes what a condition says of key columns.
     *
     * @param matched the tables that an outer join's condition is about, null if all rows satisfy
     *     it
     */
    private void condition(Expr condition, Rows.Zone place, @Nullable List<Rows> matched) {
      for (Expr each : condition.conjuncts()) {
        equalities(each, matched);
        place.add(keyCondition(each));
      }
    }

    private void equalities(Expr condition, @Nullable List<Rows> matched) {
      if (!(condition instanceof Expr.Op op) || !op.is("=")) {
        return;
      }
      List<Expr> left = op.children().get(0).components();
      List<Expr> right = op.children().get(1).components();
      for (int i = 0; i < left.size() && left.size() == right.size(); i++) {
        int a = keyOf(left.get(i));
        int b = keyOf(right.get(i));
        if (a >= 0 && b >= 0 && (matched == null || isOf(matched, a) || isOf(matched, b))) {
          equal(a, b);
        }
      }
    }

    private boolean isOf(List<Rows> matched, int key) {
      Rows owner = owners.get(key);
      return owner != null && matched.contains(owner);
    }

    private void equal(int a, int b) {
      if (Math.min(a, b) >= mark) {
        colocation.unite(a, b);
      } else if (Math.max(a, b) >= mark) {
        correlated.add(new int[] {Math.max(a, b), Math.min(a, b)});
      }
    }

    /** The number of the key column that an expression is, or -1. */
    private int keyOf(Expr expr) {
      Scope.Column column = expr.bare() instanceof Expr.Name name ? scope.find(name) : null;
      return column == null ? -1 : column.key();
    }

    private int exactKeyOf(Expr expr) {
      int key = keyOf(expr);
      if (key >= 0 && !colocation.key(key).exact()) {
        throw new RefusedSqlException(
            RefusalCode.KEY_COLLATION,
            colocation.key(key) + ": " + colocation.key(key).column().collation());
      }
      return key;
    }

    private KeyCondition keyCondition(Expr condition) {
      Expr bare = condition.bare();
      if (bare instanceof Expr.Literal literal) {
        return isTrue(literal) ? new KeyCondition.Any() : new KeyCondition.Never();
      }
      if (bare instanceof Expr.In in) {
        return in.negated() ? new KeyCondition.Any() : points(in.left(), in.values());
      }
      if (!(bare instanceof Expr.Op op)) {
        return new KeyCondition.Any();
      }
      List<Expr> operands = op.children();
      return switch (op.operator()) {
        case "AND" -> KeyCondition.and(operands.stream().map(this::keyCondition).toList());
        case "OR" -> KeyCondition.or(operands.stream().map(this::keyCondition).toList());
        case "=" -> equality(operands.get(0), operands.get(1));
        case "<", "<=", ">", ">=" -> bound(operands.get(0), op.operator(), operands.get(1));
        case "BETWEEN" -> between(operands.get(0), operands.get(1), operands.get(2));
        default -> new KeyCondition.Any();
      };
    }

    private static boolean isTrue(Expr.Literal literal) {
      Object value = literal.value();
      if (!literal.known() || value instanceof String) {
        return true;
      }
      return !(value == null || value.equals(false) || value.equals(0L));
    }

    private KeyCondition equality(Expr left, Expr right) {
      if (left.bare() instanceof Expr.Literal a
          && right.bare() instanceof Expr.Literal b
          && a.value() instanceof Long x
          && b.value() instanceof Long y) {
        return x.equals(y) ? new KeyCondition.Any() : new KeyCondition.Never();
      }
      KeyCondition points = points(left, List.of(right));
      return points instanceof KeyCondition.Any ? points(right, List.of(left)) : points;
    }

    private KeyCondition points(Expr left, List<Expr> rows) {
      List<Expr> columns = left.components();
      List<Integer> said = new ArrayList<>();
      List<Integer> numbers = new ArrayList<>();
      for (int i = 0; i < columns.size(); i++) {
        int key = keyOf(columns.get(i));
        if (key >= 0) {
          said.add(i);
          numbers.add(key);
        }
      }
      List<List<Expr>> values = new ArrayList<>();
      for (Expr row : rows) {
        List<Expr> components = row.components();
        if (numbers.isEmpty() || components.size() != columns.size()) {
          return new KeyCondition.Any();
        }
        List<Expr> value = said.stream().map(i -> components.get(i).bare()).toList();
        if (!value.stream().allMatch(Expr::isConstant)) {
          return new KeyCondition.Any();
        }
        values.add(value);
      }
      said.forEach(i -> exactKeyOf(columns.get(i)));
      return new KeyCondition.Points(numbers, values, false);
    }

    /** Two bounds are one condition: the type and the collation of each count for both. */
    private KeyCondition between(Expr value, Expr low, Expr high) {
      return keyOf(value) >= 0 && low.bare().isConstant() && high.bare().isConstant()
          ? new KeyCondition.Between(exactKeyOf(value), low.bare(), high.bare())
          : new KeyCondition.Any();
    }

    private KeyCondition bound(Expr left, String operator, Expr right) {
      if (keyOf(left) >= 0 && right.bare().isConstant()) {
        return new KeyCondition.Bound(exactKeyOf(left), operator, right.bare());
      }
      if (keyOf(right) >= 0 && left.bare().isConstant()) {
        String mirrored =
            operator.startsWith("<") ? operator.replace('<', '>') : operator.replace('>', '<');
        return new KeyCondition.Bound(exactKeyOf(right), mirrored, left.bare());
      }
      return new KeyCondition.Any();
    }

    /**
     * Checks the functions and names in an expression and takes its queries.
     *
     * @param aliases the select whose aliases may be meant, null if none may
     */
    void visit(Expr expr, Query.@Nullable Select aliases) {
      volatility.take(expr);
      if (expr instanceof Expr.Name name) {
        if ((aliases == null || aliases.indexOf(name) < 0) && scope.find(name) == null) {
          throw new RefusedSqlException(
              RefusalCode.UNKNOWN_COLUMN,
              (name.table() == null ? "" : name.table() + ".") + name.column());
        }
      } else if (expr instanceof Expr.Subquery subquery) {
        take(subquery);
      }
      expr.children().forEach(child -> visit(child, aliases));
    }

    private void take(Expr.Subquery subquery) {
      Rows.Zone own = new Rows.Zone(zone);
      int inner = colocation.size();
      Relation info = query(subquery.query(), scope, own, names);
      if (subquery.use() == Expr.Subquery.Use.VALUE) {
        SqlType type = info.columns().get(0).type();
        types.put(subquery, type.kind() == SqlType.Kind.ENUM ? SqlType.NONE : type);
      }
      if (info.rows().isEmpty()) {
        if (subquery.query().limit() != null
            && subquery.use() != Expr.Subquery.Use.EXISTS
            && usesReference) {
          refuse(
              new RefusedSqlException(
                  RefusalCode.CROSS_SHARD_SUBQUERY, "a LIMIT inside the statement"));
        }
        return;
      }
      boolean in =
          subquery.use() == Expr.Subquery.Use.IN || subquery.use() == Expr.Subquery.Use.NOT_IN;
      if (in && subquery.left() != null && info.refusal() == null) {
        uniteIn(subquery.left().components(), info.columns(), inner);
      }
      mentions.addAll(info.rows());
      if (info.rowsRefusal() != null) {
        refuse(info.rowsRefusal());
      }
    }

    /**
     * A row is only looked for among those of its own shard, unless NULL makes the others count.
     */
    private void uniteIn(List<Expr> left, List<Scope.Column> right, int inner) {
      for (int i = 0; i < left.size() && left.size() == right.size(); i++) {
        Scope.Column column =
            left.get(i).bare() instanceof Expr.Name name ? scope.find(name) : null;
        if (column != null && !column.nullable() && !right.get(i).nullable()) {
          colocation.attach(right.get(i).key(), column.key(), inner);
        }
      }
    }
  }
}
