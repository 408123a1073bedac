package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.merge.Aggregate;
import io.shardflux.sql.merge.SortKey;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.schema.SqlType;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * The order by which the shards' rows are merged, and that by which they are sorted at last. Not
 * thread-safe.
 */
final class MergedOrder {

  private final Query query;
  private final Block block;
  private final SelectList list;
  private final Equivalence equivalence;
  private final SortKeys keys;
  private final ShardExpressions expressions;
  private final Groups groups;
  private final MergedAggregates aggregates;

  /** True if several shards may have parts of the same group. */
  private final boolean merges;

  private final List<SortKey> order = new ArrayList<>();
  private final List<SortKey> sort = new ArrayList<>();
  private final List<Fragment> shardOrder = new ArrayList<>();

  MergedOrder(
      Query query,
      Block block,
      Equivalence equivalence,
      SortKeys keys,
      Groups groups,
      MergedAggregates aggregates,
      boolean merges) {
    this.query = query;
    this.block = block;
    this.list = keys.list();
    this.equivalence = equivalence;
    this.keys = keys;
    this.expressions = keys.expressions();
    this.groups = groups;
    this.aggregates = aggregates;
    this.merges = merges;
  }

  /** The order of the shards' rows, and of the merge. */
  List<SortKey> order() {
    return order;
  }

  /** The order of the answer's rows if they don't come so. */
  List<SortKey> sort() {
    return sort;
  }

  /** The items of the shards' {@code ORDER BY}. */
  List<Fragment> shardOrder() {
    return shardOrder;
  }

  /** Merges the shards' rows in the order of the answer. */
  void merge() {
    for (Query.OrderItem item : query.order()) {
      order.add(key(item));
      shardOrder.add(ordered(item));
    }
  }

  /** Sorts the answer's rows once all are known. */
  void sortAtLast() {
    if (block.select().distinct() && !selectsGroups()) {
      query.order().forEach(item -> checkSelected(list.meant(item.expr())));
    }
    query.order().forEach(item -> sort.add(key(item)));
  }

  /** Tells whether each group is a row of its own. */
  private boolean selectsGroups() {
    return block.select().group().stream()
        .allMatch(
            group ->
                (isSelected(block.grouped(group)) && !isAliasOfAnother(group))
                    || group.isConstant());
  }

  /** A column's name that another item has too: MySQL takes it for no selected group. */
  private boolean isAliasOfAnother(Expr group) {
    if (!(group.bare() instanceof Expr.Name name)) {
      return false;
    }
    Scope.Column column = block.scope().findHere(name);
    Expr aliased = block.select().items().aliased(name);
    boolean same =
        aliased != null
            && aliased.bare() instanceof Expr.Name other
            && Objects.equals(block.scope().findHere(other), column);
    return column != null && aliased != null && !same;
  }

  /** Refuses to order rows that are told apart by what several of one row may differ in. */
  private void checkSelected(Expr expr) {
    expr.walk(each -> each instanceof Expr.Paren || !isPlainlySelected(each));
  }

  /** Tells whether the expression itself is selected; false if only its parts show that. */
  private boolean isPlainlySelected(Expr expr) {
    if (isSelected(expr)) {
      return true;
    }
    boolean other = expr instanceof Expr.Name || expr instanceof Expr.Subquery;
    if (other || Functions.isAggregate(expr)) {
      throw Groups.notGrouped("an order by what isn't selected, of DISTINCT rows");
    }
    return false;
  }

  private boolean isSelected(Expr expr) {
    boolean aliased =
        expr instanceof Expr.Name name
            && block.scope().findHere(name) == null
            && block.select().items().aliased(name) != null;
    return aliased || list.isColumn(expr.bare());
  }

  /** Merges by the groups, and sorts the answer's rows once all are known. */
  void sortGroups(List<SortKey> groupKeys) {
    order.addAll(groupKeys);
    groups.all().forEach(group -> shardOrder.add(expressions.grouping(group)));
    sortAtLast();
  }

  /** Tells whether every item of the order is one of the groups. */
  boolean isByGroups() {
    return query.order().stream().allMatch(item -> groups.indexOf(list.meant(item.expr())) >= 0);
  }

  /**
   * Sorts the shards' groups in the order of the answer, and then by the other keys of the groups.
   */
  void byGroups(List<SortKey> groupKeys) {
    Set<Integer> rest = new LinkedHashSet<>();
    for (int i = 0; i < groups.all().size(); i++) {
      rest.add(i);
    }
    for (Query.OrderItem item : query.order()) {
      int group = groups.indexOf(list.meant(item.expr()));
      if (group < 0) {
        throw Groups.notGrouped("an order by what isn't selected, of DISTINCT rows");
      }
      if (rest.remove(group)) {
        SortKey key = groupKeys.get(group);
        order.add(new SortKey(key.value(), key.padding(), item.descending()));
        shardOrder.add(
            Fragment.of(expressions.grouping(groups.all().get(group)), item.direction()));
      }
    }
    for (int group : rest) {
      order.add(groupKeys.get(group));
      shardOrder.add(expressions.grouping(groups.all().get(group)));
    }
  }

  private SortKey key(Query.OrderItem item) {
    Expr expr = list.meant(item.expr());
    SortKeys.checkDetermined(expr);
    checkSorted(expr);
    int index = list.named(item.expr());
    if (index < 0) {
      if (keys.groups()) {
        checkNames(expr);
      }
      index = list.indexOf(expr);
    }
    if (merges) {
      return mergedKey(expr, index, item.descending());
    }
    return keys.of(expr, index, item.descending());
  }

  /** Refuses the largest of an ENUM: servers sort it by its name or by its number. */
  private void checkSorted(Expr expr) {
    if (expr instanceof Expr.Call call
        && MergedAggregates.isExtreme(call)
        && keys.types().of(call.children().get(0), block).kind() == SqlType.Kind.ENUM) {
      throw new RefusedSqlException(RefusalCode.UNSORTABLE, call.name() + " of an ENUM");
    }
  }

  private SortKey mergedKey(Expr expr, int index, boolean descending) {
    if (Functions.isAggregate(expr)) {
      Aggregate aggregate = aggregates.of((Expr.Call) expr, index);
      boolean extreme = !aggregate.keys().isEmpty() && !aggregate.kind().isDistinct();
      SortKey key =
          extreme ? aggregate.keys().get(0) : new SortKey(aggregate.column(), SortKey.NONE, false);
      return new SortKey(key.value(), key.padding(), descending);
    }
    if (expr.aggregates()) {
      if (index < 0) {
        throw new RefusedSqlException(
            RefusalCode.AGGREGATE_EXPRESSION, "an order by what isn't selected");
      }
      return new SortKey(index, SortKey.NONE, descending);
    }
    checkNoAggregates(expr);
    groups.checkGrouped(expr);
    return keys.of(expr, index, descending);
  }

  /** Refuses an alias of what is merged of the shards' parts, which they can't compute with. */
  private void checkNoAggregates(Expr expr) {
    expr.walk(
        each -> {
          if (each instanceof Expr.Name name) {
            checkNoAggregate(name);
          }
          return true;
        });
  }

  private void checkNoAggregate(Expr.Name name) {
    Expr aliased = block.select().items().aliased(name);
    if (aliased != null && aliased.aggregates() && block.scope().findHere(name) == null) {
      throw new RefusedSqlException(
          RefusalCode.AGGREGATE_EXPRESSION,
          "an order by an expression of " + name.column() + ", which is the alias of an aggregate");
    }
  }

  /**
   * Refuses a name inside an expression over groups that could be a column or an alias: servers
   * settle that in ways of their own.
   */
  private void checkNames(Expr expr) {
    expr.walk(
        each -> {
          if (each instanceof Expr.Name name) {
            checkName(name);
          }
          return true;
        });
  }

  private void checkName(Expr.Name name) {
    Expr aliased = block.select().items().aliased(name);
    if (aliased != null
        && block.scope().findHere(name) != null
        && !equivalence.same(aliased.bare(), name)) {
      throw new RefusedSqlException(RefusalCode.AMBIGUOUS_NAME, name.column());
    }
  }

  private Fragment ordered(Query.OrderItem item) {
    // A shard may have the columns of a star in another order.
    boolean position = list.isStarred() && item.expr().bare() instanceof Expr.Literal;
    return position
        ? Fragment.of(expressions.grouping(list.meant(item.expr())), item.direction())
        : Fragment.of(item.expr().span(), item.direction());
  }

  /** The keys by which rows of the answer are told apart. */
  List<SortKey> itemKeys() {
    List<SortKey> itemKeys = new ArrayList<>();
    List<Expr> columns = list.columns();
    for (int i = 0; i < columns.size(); i++) {
      Expr column = columns.get(i);
      int index = list.isStarred() ? -1 : i;
      keys.digits().checkToldApart(column);
      itemKeys.add(
          merges && column.aggregates()
              ? mergedKey(column, index, false)
              : keys.of(column, index, false));
    }
    return itemKeys;
  }
}
