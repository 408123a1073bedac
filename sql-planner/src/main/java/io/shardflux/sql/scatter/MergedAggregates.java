package io.shardflux.sql.scatter;

import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.analysis.Equivalence;
import io.shardflux.sql.analysis.ExprIndex;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.merge.Aggregate;
import io.shardflux.sql.merge.Computation;
import io.shardflux.sql.merge.SortKey;
import io.shardflux.sql.schema.Digits;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Fragment;
import io.shardflux.sql.syntax.Functions;
import io.shardflux.sql.syntax.Query;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The aggregates that are put together of the shards' own. Not thread-safe. */
final class MergedAggregates {

  private final Query query;
  private final Block block;
  private final Query.Select select;
  private final Colocation colocation;
  private final SortKeys keys;
  private final ShardExpressions expressions;
  private final HiddenColumns hidden;
  private final ShownDigits digits;
  private final ExprIndex calls;
  private final List<Aggregate> aggregates = new ArrayList<>();
  private final Map<Integer, Computation> computed = new LinkedHashMap<>();
  private final List<Expr> finer = new ArrayList<>();
  private @Nullable Boolean makesFiner;

  MergedAggregates(
      Query query, Block block, Colocation colocation, Equivalence equivalence, SortKeys keys) {
    this.query = query;
    this.block = block;
    this.select = block.select();
    this.colocation = colocation;
    this.keys = keys;
    this.expressions = keys.expressions();
    this.hidden = keys.hidden();
    this.digits = keys.digits();
    this.calls = new ExprIndex(equivalence);
  }

  List<Aggregate> all() {
    return aggregates;
  }

  /** The columns of the answer that are computed of others. */
  Map<Integer, Computation> computed() {
    return computed;
  }

  /** The expressions by which the shards group beyond the answer's groups. */
  List<Expr> finer() {
    return finer;
  }

  /** The aggregate of a call; {@code index} is the item that it is, or -1. */
  Aggregate of(Expr.Call call, int index) {
    Aggregate known = known(call);
    if (known != null) {
      if (index >= 0 && known.column() != index) {
        computed.put(index, new Computation.Column(known.column()));
      }
      return known;
    }
    if (!Functions.MERGED.contains(call.name())
        || (call.distinct() && call.name().equals("ANY_VALUE"))) {
      throw new RefusedSqlException(RefusalCode.AGGREGATE, call.name());
    }
    int column = index >= 0 ? index : hidden.add(expressions.write(call));
    return create(call, index, column);
  }

  /** Takes an item that is no aggregate; a shard without rows of the one group has NULL for it. */
  void ofOneGroup(Expr expr, int index) {
    if (expr.any(each -> each instanceof Expr.Name)) {
      if (!(expr instanceof Expr.Name)) {
        throw new RefusedSqlException(
            RefusalCode.AGGREGATE_EXPRESSION, "an expression of columns beside aggregates");
      }
      aggregates.add(Aggregate.of(Aggregate.Kind.ANY, index));
      calls.add(expr);
    }
  }

  private Aggregate create(Expr.Call call, int index, int column) {
    if (isExtreme(call)) {
      digits.checkStored(call.children().get(0), RefusalCode.AGGREGATE_EXPRESSION);
      Aggregate.Kind kind = Aggregate.Kind.valueOf(call.name());
      List<SortKey> compared = List.of(keys.of(call, index, false));
      return add(call, new Aggregate(kind, column, List.of(), compared));
    }
    if (call.distinct() && (makesFiner() || !holdKey(call))) {
      return add(call, distinctAggregate(call, column));
    }
    return switch (call.name()) {
      case "COUNT" -> add(call, Aggregate.of(Aggregate.Kind.COUNT, column));
      case "SUM" -> add(call, sum(call, column, expressions.write(call)));
      case "AVG" -> add(call, average(call, column));
      default -> add(call, Aggregate.of(Aggregate.Kind.ANY, column));
    };
  }

  private Aggregate average(Expr.Call call, int column) {
    String each = call.distinct() ? "DISTINCT " : "";
    Fragment argument = expressions.write(call.children().get(0));
    Aggregate sum = part(call, "SUM", Fragment.of("SUM(" + each, argument, ")"));
    Aggregate count = part(call, "COUNT", Fragment.of("COUNT(" + each, argument, ")"));
    List<Integer> inputs = List.of(sum.summed(), count.column());
    boolean even = call.distinct() || digits.of(call.children().get(0)).even();
    return new Aggregate(Aggregate.Kind.AVG, column, inputs, List.of(), even);
  }

  /** An aggregate that another one is made of. */
  private Aggregate part(Expr.Call call, String name, Fragment sql) {
    Expr.Call other = new Expr.Call(call.span(), name, call.distinct(), false, call.children());
    Aggregate known = known(other);
    if (known != null) {
      return known;
    }
    int column = hidden.add(sql);
    return add(
        other,
        name.equals("SUM") ? sum(other, column, sql) : Aggregate.of(Aggregate.Kind.COUNT, column));
  }

  /** A sum, with all its digits where the shown sums of the shards have fewer. */
  private Aggregate sum(Expr.Call call, int column, Fragment sql) {
    Digits argument = digits.of(call.children().get(0));
    if (digits.hasMore(argument) && (!select.group().isEmpty() || makesFiner())) {
      // A server that adds up in a table of its own rounds each sum on the way, others don't.
      throw RefusedSqlException.open(
          RefusalCode.AGGREGATE_EXPRESSION, "a sum or an average of quotients, of several groups");
    }
    boolean whole = !digits.hasMore(argument) && !argument.fixed();
    return whole
        ? Aggregate.of(Aggregate.Kind.SUM, column)
        : new Aggregate(
            Aggregate.Kind.SUM, column, List.of(hidden.add(digits.all(sql))), List.of());
  }

  private @Nullable Aggregate known(Expr.Call call) {
    int index = calls.indexOf(call);
    return index < 0 ? null : aggregates.get(index);
  }

  private Aggregate add(Expr.Call call, Aggregate aggregate) {
    calls.add(call);
    aggregates.add(aggregate);
    return aggregate;
  }

  /** Tells whether the shards' groups are finer than the answer's, so that each has a key again. */
  private boolean makesFiner() {
    if (makesFiner == null) {
      makesFiner =
          select.items().stream().map(Query.Item::expr).anyMatch(this::makesFiner)
              || makesFiner(select.having())
              || query.order().stream().map(Query.OrderItem::expr).anyMatch(this::makesFiner);
    }
    return makesFiner;
  }

  private boolean makesFiner(@Nullable Expr expr) {
    return expr != null && expr.any(each -> isCountedOnce(each) && !holdKey((Expr.Call) each));
  }

  private static boolean isCountedOnce(Expr expr) {
    return expr instanceof Expr.Call call
        && call.distinct()
        && Functions.isAggregate(call)
        && !isExtreme(call);
  }

  static boolean isExtreme(Expr.Call call) {
    return call.name().equals("MIN") || call.name().equals("MAX");
  }

  /** Tells whether a value that is counted once is only on one shard. */
  private boolean holdKey(Expr.Call call) {
    List<Integer> columns = new ArrayList<>();
    for (Expr argument : call.children()) {
      Scope.Column column =
          argument.bare() instanceof Expr.Name name ? block.scope().findHere(name) : null;
      columns.add(column == null ? -1 : column.key());
    }
    return colocation.holdKey(columns, block.rows());
  }

  private Aggregate distinctAggregate(Expr.Call call, int column) {
    List<SortKey> compared = new ArrayList<>();
    for (Expr argument : call.children()) {
      Expr bare = argument.bare();
      SortKeys.checkDetermined(bare);
      boolean number = keys.types().of(bare, block).isNumber();
      if (!call.name().equals("COUNT") && !number) {
        throw new RefusedSqlException(
            RefusalCode.AGGREGATE, call.name() + "(DISTINCT …) of what is no number");
      }
      digits.checkToldApart(bare);
      finer.add(bare);
      compared.add(keys.of(bare, -1, false));
    }
    Aggregate.Kind kind = Aggregate.Kind.valueOf(call.name() + "_DISTINCT");
    return new Aggregate(kind, column, List.of(), compared);
  }
}
