package io.shardflux.sql.scatter;

import io.shardflux.router.Internal;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.DigitReader;
import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.merge.Merge;
import io.shardflux.sql.merge.SortKey;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.SqlText;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Plans a select over several shards, in one of three shapes. */
@Internal
public final class ScatterPlanner {

  private final SqlText text;
  private final Analysis analysis;
  private final Query query;
  private final Query.Select select;
  private final Block block;
  private final Effort effort;
  private final Equivalence equivalence;
  private final HiddenColumns hidden;
  private final SelectList list;
  private final ShardExpressions expressions;
  private final ShownDigits digits;
  private final SortKeys keys;
  private final MergedAggregates aggregates;

  /** Names that were looked for among the items. */
  private final Set<String> checked = new HashSet<>();

  /** True if several shards may have parts of the same group. */
  private final boolean merges;

  /**
   * A plan for a query.
   *
   * @param apart whether each shard's groups are rows of their own, which are not merged
   */
  public ScatterPlanner(SqlText text, Query query, Analysis analysis, Block block, boolean apart) {
    Colocation colocation = analysis.colocation();
    this.effort = analysis.effort();
    this.analysis = analysis;
    this.text = text;
    this.query = query;
    this.select = block.select();
    this.block = block;
    this.equivalence = new Equivalence(text, block.scope());
    this.hidden = new HiddenColumns(text);
    this.list = new SelectList(select, block.scope(), equivalence);
    this.expressions = new ShardExpressions(select, block.scope(), equivalence);
    boolean grouped = select.isGrouped();
    this.digits =
        new ShownDigits(
            new DigitReader(block, analysis.types()), analysis.schema().catalog().quotients());
    this.keys =
        new SortKeys(
            block,
            analysis.types(),
            list,
            expressions,
            hidden,
            digits,
            grouped || select.distinct());
    this.aggregates = new MergedAggregates(query, block, colocation, equivalence, keys);
    this.merges =
        grouped
            && !apart
            && (select.rollup() || !colocation.holdKey(block.groupedKeys(), block.rows()));
  }

  public ScatterQuery plan() {
    check();
    if (merges) {
      return mergedGroups();
    }
    ScatterQuery rows = select.distinct() && !select.isGrouped() ? distinctRows() : wholeRows();
    boolean mixed = analysis.tables().stream().anyMatch(analysis.schema().catalog()::isMixed);
    // Of rows as they are it does not matter which columns they have.
    boolean any = mixed && query.order().isEmpty() && !select.distinct();
    List<String> names = any ? null : list.starredNames();
    return names == null ? rows : rows.starred(names);
  }

  private void check() {
    if (block.refusal() != null) {
      throw block.refusal();
    }
    if (hasWindow() && (select.distinct() || merges || !hasWindowsOfKeys())) {
      throw new RefusedSqlException(RefusalCode.WINDOW, "a window function over several shards");
    }
    if (select.rollup()) {
      throw new RefusedSqlException(RefusalCode.AGGREGATE, "WITH ROLLUP");
    }
    select.group().forEach(this::checkNames);
    if (select.having() != null) {
      checkNames(select.having());
    }
    query.order().forEach(item -> checkNames(item.expr()));
  }

  private boolean hasWindow() {
    return select.hasWindow() || query.order().stream().anyMatch(item -> item.expr().hasWindow());
  }

  private boolean hasWindowsOfKeys() {
    Stream<Expr> items = select.items().stream().map(Query.Item::expr).filter(Objects::nonNull);
    Stream<Expr> order = query.order().stream().map(Query.OrderItem::expr);
    return block.hasWindowsOfKeys(Stream.concat(items, order), analysis.colocation());
  }

  /** Refuses names that several different items of the list have. */
  private void checkNames(Expr expr) {
    expr.walk(
        each -> {
          boolean plain = each instanceof Expr.Name name && name.table() == null;
          if (plain && checked.add(SelectItems.key(((Expr.Name) each).column()))) {
            checkName(((Expr.Name) each).column());
          }
          return true;
        });
  }

  private void checkName(String column) {
    List<Expr> meant = select.items().allNamed(column);
    if (meant.stream().anyMatch(each -> !equivalence.same(each, meant.get(0)))) {
      throw new RefusedSqlException(
          RefusalCode.AMBIGUOUS_NAME, column + ": several items of the select list");
    }
  }

  /** A plan of rows, or groups of one shard each, which are the answer's rows as they are. */
  private ScatterQuery wholeRows() {
    MergedOrder order = order(groups(List.of()));
    List<SortKey> distinct = List.of();
    if (select.distinct()) {
      distinct = order.itemKeys();
      order.sortAtLast();
    } else {
      order.merge();
    }
    Merge.Shape shape =
        new Merge.Shape(hidden.size(), order.order(), null, Map.of(), null, distinct, order.sort());
    List<Fragment> by = select.group().stream().map(expr -> Fragment.of(expr.span())).toList();
    return ScatterQuery.of(query, sent(by, having(), order), shape, false);
  }

  /** Rows that are told apart: groups by all columns. */
  private ScatterQuery distinctRows() {
    Groups groups = groups(list.columns());
    groups.all().forEach(digits::checkToldApart);
    List<SortKey> groupKeys = keys(groups);
    MergedOrder order = order(groups);
    order.byGroups(groupKeys);
    Merge.Grouping grouping = new Merge.Grouping(groupKeys, List.of(), false, 0);
    Merge.Shape shape =
        new Merge.Shape(
            hidden.size(), order.order(), grouping, Map.of(), null, List.of(), List.of());
    return ScatterQuery.of(query, sent(grouping(groups.all()), having(), order), shape, false);
  }

  /** Groups that several shards have a part of. */
  private ScatterQuery mergedGroups() {
    Groups groups = groups(select.group().stream().map(block::grouped).toList());
    Computations computations = new Computations(groups, aggregates, keys, digits, effort);
    MergedHaving having =
        new MergedHaving(block, equivalence, keys, groups, aggregates, computations);
    MergedOrder order = order(groups);
    mergeItems(groups, computations);
    if (select.having() != null) {
      having.take(select.having());
    }
    groups.all().forEach(digits::checkGroup);
    List<SortKey> groupKeys = keys(groups);
    List<SortKey> distinct = select.distinct() ? order.itemKeys() : List.of();
    if (order.isByGroups() && distinct.isEmpty()) {
      order.byGroups(groupKeys);
    } else {
      order.sortGroups(groupKeys);
    }
    checkOneGroup(groups);
    Merge.Grouping grouping =
        new Merge.Grouping(
            groupKeys, aggregates.all(), groups.isEmpty(), select.items().size() + hidden.size());
    Merge.Shape shape =
        new Merge.Shape(
            hidden.size(),
            order.order(),
            grouping,
            aggregates.computed(),
            having.computed(),
            distinct,
            order.sort());
    List<Expr> by = new ArrayList<>(groups.all());
    by.addAll(aggregates.finer());
    ShardSql sql = sent(grouping(by), pushed(having), order);
    return ScatterQuery.of(query, sql, shape, !aggregates.finer().isEmpty());
  }

  private void mergeItems(Groups groups, Computations computations) {
    for (int i = 0; i < select.items().size(); i++) {
      Query.Item item = select.items().get(i);
      if (item.isStar()) {
        throw Groups.notGrouped("*");
      }
      Expr expr = item.value().bare();
      if (groups.indexOf(expr) >= 0) {
        continue;
      }
      if (Functions.isAggregate(expr)) {
        aggregates.of((Expr.Call) expr, i);
      } else if (expr.aggregates()) {
        aggregates.computed().put(i, computations.of(expr, RefusalCode.AGGREGATE_EXPRESSION));
      } else {
        groups.checkGrouped(expr);
        if (groups.isEmpty() && !expr.isConstant()) {
          aggregates.ofOneGroup(expr, i);
        }
      }
    }
  }

  /**
   * Refuses a value that is not an aggregate where there is no group: it would be that of one of
   * the finer groups.
   */
  private void checkOneGroup(Groups groups) {
    boolean plain =
        select.items().stream().anyMatch(item -> item.expr() == null || !item.expr().aggregates());
    if (groups.isEmpty() && plain && !aggregates.finer().isEmpty()) {
      throw new RefusedSqlException(
          RefusalCode.AGGREGATE_EXPRESSION, "DISTINCT aggregates beside other values");
    }
  }

  private Groups groups(List<Expr> exprs) {
    return new Groups(exprs, block, analysis.types(), equivalence);
  }

  private MergedOrder order(Groups groups) {
    return new MergedOrder(query, block, equivalence, keys, groups, aggregates, merges);
  }

  private List<SortKey> keys(Groups groups) {
    return groups.all().stream().map(group -> keys.of(group, list.indexOf(group), false)).toList();
  }

  private List<Fragment> grouping(List<Expr> exprs) {
    return exprs.stream().map(expressions::grouping).toList();
  }

  private @Nullable Fragment having() {
    return select.having() == null ? null : Fragment.of(select.having().span());
  }

  private static @Nullable Fragment pushed(MergedHaving having) {
    List<Fragment> conditions =
        having.pushed().stream().map(condition -> Fragment.of("(", condition.span(), ")")).toList();
    return conditions.isEmpty() ? null : Fragment.joined(conditions, " AND ");
  }

  private ShardSql sent(List<Fragment> groups, @Nullable Fragment having, MergedOrder order) {
    return new ShardSelect(query, select, hidden.columns(), groups, having, order.shardOrder())
        .write(text, analysis.sources());
  }
}
