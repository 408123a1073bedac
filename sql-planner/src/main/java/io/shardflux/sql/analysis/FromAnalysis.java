package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.schema.WithNames;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Takes the sources of one select: tables, queries and joins of them. Not thread-safe. */
final class FromAnalysis {

  private final Analysis analysis;
  private final Scope scope;
  private final WithNames names;
  private final BlockRows rows;
  private final Conditions conditions;
  private final ExprAnalysis exprs;

  FromAnalysis(
      Analysis analysis,
      Scope scope,
      WithNames names,
      BlockRows rows,
      Conditions conditions,
      ExprAnalysis exprs) {
    this.analysis = analysis;
    this.scope = scope;
    this.names = names;
    this.rows = rows;
    this.conditions = conditions;
    this.exprs = exprs;
  }

  /**
   * Adds a source of rows and gives the mentions of tables in it.
   *
   * @param zone whose conditions its rows satisfy
   * @param nullable whether an outer join may have no row of it
   */
  List<Rows> add(Query.From from, Rows.Zone zone, boolean nullable) {
    if (from instanceof Query.Join join) {
      return add(join, zone, nullable);
    }
    if (from instanceof Query.Derived derived) {
      Place place = new Place(around(scope.outer()), new Rows.Zone(zone), names);
      return add(derived.alias(), derived.columns(), derived.query(), place, zone, nullable);
    }
    Query.Table table = (Query.Table) from;
    Query.Cte cte = names.find(table.name());
    if (cte != null) {
      return add(table.alias(), cte, zone, nullable);
    }
    Rows mention = analysis.mention(table, zone);
    Scope.Source source = source(table.alias(), table.name(), mention);
    addSource(source, nullable);
    if (mention == null) {
      return List.of();
    }
    List<Rows> mentions = List.of(mention);
    rows.add(mentions);
    return mentions;
  }

  private List<Rows> add(String alias, Query.Cte cte, Rows.Zone zone, boolean nullable) {
    if (cte.recursive()) {
      throw new RefusedSqlException(RefusalCode.SYNTAX, "WITH RECURSIVE");
    }
    Place place = new Place(around(names.scopeOf(cte)), new Rows.Zone(zone), names.before(cte));
    return add(alias, cte.columns(), cte.query(), place, zone, nullable);
  }

  /**
   * The columns that a derived table may name; they are not columns of the select that it is in.
   */
  private static @Nullable Scope around(@Nullable Scope outer) {
    return outer == null ? null : new Scope(outer);
  }

  private List<Rows> add(
      String alias,
      List<String> columnNames,
      Query query,
      Place place,
      Rows.Zone zone,
      boolean nullable) {
    Relation relation = analysis.query(query, place);
    if (place.outer() != null && place.outer().isReached()) {
      rows.refuse(
          new RefusedSqlException(
              RefusalCode.CROSS_SHARD_SUBQUERY, alias + ": a derived table with outer columns"));
    }
    if (relation.refusal() == null) {
      place.zone().conditions().forEach(zone::add);
    } else {
      rows.refuse(relation.refusal());
    }
    analysis.effort().spend(relation.columns().size());
    List<Scope.Column> columns = new ArrayList<>(relation.columns());
    for (int i = 0; i < columnNames.size() && i < columns.size(); i++) {
      columns.set(i, columns.get(i).named(columnNames.get(i)));
    }
    addSource(new Scope.Source(alias, columns, false, List.of()), nullable);
    rows.add(relation.rows());
    return relation.rows();
  }

  private void addSource(Scope.Source source, boolean nullable) {
    scope.add(nullable ? source.orNull() : source);
  }

  /** Adds the sources that are joined to the first one, one after the other, given the last. */
  private List<Rows> add(Query.Join last, Rows.Zone zone, boolean nullable) {
    Deque<Joining> joins = new ArrayDeque<>();
    Query.From left = last;
    Joining around = new Joining(last, zone, nullable);
    while (left instanceof Query.Join join) {
      Joining joining =
          joins.isEmpty() ? around : new Joining(join, around.leftZone(), around.leftNullable());
      joins.push(joining);
      around = joining;
      left = join.left();
    }
    int starred = scope.starred().size();
    List<Rows> all = add(left, around.leftZone(), around.leftNullable());
    for (Joining joining : joins) {
      all = add(joining, all, starred);
    }
    return all;
  }

  /**
   * One join.
   *
   * @param zone whose conditions its rows satisfy
   * @param inner whose conditions the rows of an outer join satisfy that may be missing
   */
  private record Joining(Query.Join join, Rows.Zone zone, Rows.Zone inner, boolean nullable) {

    Joining(Query.Join join, Rows.Zone zone, boolean nullable) {
      this(join, zone, join.kind() == Query.Join.Kind.INNER ? zone : new Rows.Zone(zone), nullable);
    }

    boolean leftInner() {
      return join.kind() == Query.Join.Kind.RIGHT;
    }

    boolean rightInner() {
      return join.kind() == Query.Join.Kind.LEFT;
    }

    Rows.Zone leftZone() {
      return leftInner() ? inner : zone;
    }

    boolean leftNullable() {
      return nullable || leftInner();
    }

    boolean isOuter() {
      return leftInner() || rightInner();
    }
  }

  /**
   * Adds what is joined to the sources before it.
   *
   * @param starred where the columns of these begin that a star means
   */
  private List<Rows> add(Joining joining, List<Rows> left, int starred) {
    Query.Join join = joining.join();
    int leftSources = scope.sources().size();
    int leftStarred = scope.starred().size();
    boolean rightInner = joining.rightInner();
    List<Rows> right =
        add(
            join.right(),
            rightInner ? joining.inner() : joining.zone(),
            joining.nullable() || rightInner);
    List<Rows> kept = rightInner ? left : right;
    List<Rows> matched = rightInner ? right : left;
    if (joining.isOuter()) {
      checkKept(kept, matched);
    }
    if (join.on() != null) {
      conditions.add(join.on(), joining.inner(), joining.isOuter() ? matched : null);
      exprs.visit(join.on(), null);
    }
    List<String> using = join.natural() ? common(starred, leftStarred) : join.using();
    if (!using.isEmpty()) {
      if (joining.leftInner()) {
        throw new RefusedSqlException(RefusalCode.SYNTAX, "RIGHT JOIN with USING");
      }
      using.forEach(column -> using(column, leftSources));
      scope.using(using, starred, leftStarred);
    }
    List<Rows> all = new ArrayList<>(left);
    all.addAll(right);
    return all;
  }

  /** Each shard would keep the rows that another one matches. */
  private void checkKept(List<Rows> kept, List<Rows> matched) {
    if (kept.isEmpty() && !matched.isEmpty()) {
      rows.refuse(
          new RefusedSqlException(
              RefusalCode.CROSS_SHARD_JOIN,
              "an outer join that keeps all rows of a reference table"));
    }
  }

  /** The columns that both sides of a {@code NATURAL JOIN} have. */
  private List<String> common(int left, int right) {
    List<Expr.Name> all = scope.starred();
    List<String> rightNames = names(all.subList(right, all.size()));
    List<String> common = names(all.subList(left, right));
    common.retainAll(rightNames);
    Set<String> distinct = new HashSet<>(common);
    if (distinct.size() < common.size()
        || distinct.stream().anyMatch(name -> Collections.frequency(rightNames, name) > 1)) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_COLUMN, "NATURAL JOIN: a column in several tables of one side");
    }
    return common;
  }

  /** Names in lower case, of tables whose columns are all known. */
  private List<String> names(List<Expr.Name> columns) {
    boolean known =
        scope.sources().stream()
            .noneMatch(
                source ->
                    source.columns().isEmpty()
                        || source.columns().stream().anyMatch(column -> column.name().isEmpty()));
    if (!known || analysis.tables().stream().anyMatch(analysis.schema().catalog()::isMixed)) {
      throw new RefusedSqlException(
          RefusalCode.SYNTAX, "NATURAL JOIN of a table whose columns are not known by name");
    }
    return columns.stream()
        .map(column -> column.column().toLowerCase(Locale.ROOT))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  private void using(String column, int leftSources) {
    Scope.Column left = column(scope.sources().subList(0, leftSources), column);
    Scope.Column right =
        column(scope.sources().subList(leftSources, scope.sources().size()), column);
    analysis.colocation().unite(left.key(), right.key());
  }

  private static Scope.Column column(List<Scope.Source> sources, String name) {
    return sources.stream()
        .flatMap(source -> source.columns().stream())
        .filter(column -> column.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(() -> new RefusedSqlException(RefusalCode.UNKNOWN_COLUMN, name));
  }

  private Scope.Source source(String alias, String table, @Nullable Rows mention) {
    List<Scope.Column> columns = new ArrayList<>();
    List<Scope.Column> primary = new ArrayList<>();
    List<List<Scope.Column>> unique = new ArrayList<>();
    for (Catalog.Column column : analysis.schema().columns(table)) {
      int number = mention == null ? -1 : analysis.colocation().key(mention, column.name());
      Scope.Column scoped =
          new Scope.Column(column.name(), SqlType.of(column), column.nullable(), number);
      columns.add(scoped);
      if (column.primary()) {
        primary.add(scoped);
      }
    }
    if (!primary.isEmpty()) {
      unique.add(primary);
    }
    for (List<Catalog.Column> key : analysis.schema().uniqueKeys(table)) {
      unique.add(columns.stream().filter(column -> isOf(column, key)).toList());
    }
    return new Scope.Source(alias, columns, mention == null, unique);
  }

  private static boolean isOf(Scope.Column column, List<Catalog.Column> key) {
    return key.stream().anyMatch(part -> part.name().equals(column.name()));
  }
}
