package io.shardflux.sql;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A query over several shards: what each is sent but for the limit, and how rows are merged. */
record ScatterQuery(
    ShardSql sql,
    Merge.Shape shape,
    @Nullable Expr limit,
    @Nullable Expr offset,
    boolean limitsShards) {

  /** What a shard is sent, with the limit that is enough for it. */
  ShardSql sql(long offset, long limit) {
    return limit == Merge.ALL || !limitsShards
        ? sql
        : new ShardSql(sql.text() + " LIMIT " + (offset + limit), sql.markers());
  }

  static ScatterQuery of(SqlText text, Query query, Analysis analysis, Block block) {
    return new Builder(text, query, analysis, block).build();
  }

  /** Puts together a select's parts for the shards. */
  private static final class Builder {

    private final SqlText text;
    private final Query query;
    private final Analysis analysis;
    private final Block block;
    private final Query.Select select;
    private final boolean starred;

    /** Whether the shards group rows. */
    private final boolean grouped;

    /** Whether the shards' groups are whole. */
    private final boolean local;

    private final Map<String, Integer> hiddenByText = new LinkedHashMap<>();
    private final List<Fragment> hidden = new ArrayList<>();

    /** The groups of the answer, and those that the shards make beyond them. */
    private final List<Expr> groups = new ArrayList<>();

    private final List<Expr> finer = new ArrayList<>();
    private final List<Expr> aggregateCalls = new ArrayList<>();
    private final List<Aggregate> aggregates = new ArrayList<>();
    private final Map<Integer, Computation> computed = new LinkedHashMap<>();
    private @Nullable Computation having;
    private final List<Expr> pushedHaving = new ArrayList<>();
    private final List<SortKey> order = new ArrayList<>();
    private final List<SortKey> sort = new ArrayList<>();
    private final List<Fragment> shardOrder = new ArrayList<>();
    private List<SortKey> distinct = List.of();

    Builder(SqlText text, Query query, Analysis analysis, Block block) {
      this.text = text;
      this.query = query;
      this.analysis = analysis;
      this.block = block;
      this.select = block.select();
      this.starred = select.isStarred();
      this.grouped = select.isGrouped();
      this.local =
          grouped
              && !select.rollup()
              && analysis.colocation().holdKey(block.groupedKeys(), block.rows());
    }

    ScatterQuery build() {
      if (block.refusal() != null) {
        throw block.refusal();
      }
      if (select.hasWindow() || orderHasWindow()) {
        throw new RefusedSqlException(RefusalCode.WINDOW, "a window function over several shards");
      }
      if (select.rollup()) {
        throw new RefusedSqlException(RefusalCode.AGGREGATE, "WITH ROLLUP");
      }
      Merge.Grouping grouping;
      if (grouped && !local) {
        grouping = merged();
      } else if (select.distinct() && !grouped) {
        grouping = distinctRows();
      } else {
        grouping = null;
        plain();
      }
      boolean whole = sort.isEmpty() && distinct.isEmpty() && having == null && finer.isEmpty();
      Merge.Shape shape =
          new Merge.Shape(hidden.size(), order, grouping, computed, having, distinct, sort);
      Query.Limit limit = query.limit();
      return new ScatterQuery(
          sql(),
          shape,
          limit == null ? null : limit.count(),
          limit == null ? null : limit.offset(),
          whole);
    }

    private boolean orderHasWindow() {
      return query.order().stream().anyMatch(item -> item.expr().hasWindow());
    }

    // The three shapes

    /** Rows, or groups of one shard each: they are the answer's as they are. */
    private void plain() {
      if (select.distinct()) {
        distinct = itemKeys();
      }
      List<SortKey> target = select.distinct() ? sort : order;
      for (Query.OrderItem item : query.order()) {
        target.add(orderKey(item));
        if (!select.distinct()) {
          shardOrder.add(ordered(item));
        }
      }
    }

    /** Rows that are told apart: groups by all columns. */
    private Merge.Grouping distinctRows() {
      if (!starred) {
        for (Query.Item item : select.items()) {
          groups.add(item.value().bare());
        }
      } else {
        groups.addAll(starredColumns());
      }
      groups.forEach(this::checkDetermined);
      List<SortKey> keys = groupKeys();
      orderByGroups(keys);
      return new Merge.Grouping(keys, List.of(), false, 0);
    }

    /** Groups that several shards have a part of. */
    private Merge.Grouping merged() {
      for (Expr expr : select.group()) {
        Expr group = block.grouped(expr);
        checkDetermined(group);
        groups.add(group);
      }
      for (int i = 0; i < select.items().size(); i++) {
        Query.Item item = select.items().get(i);
        if (item.isStar()) {
          throw notGrouped("*");
        }
        mergedItem(i, item.value().bare());
      }
      having();
      List<SortKey> keys = groupKeys();
      if (select.distinct()) {
        distinct = itemKeys();
      }
      if (ordersByGroups() && distinct.isEmpty()) {
        orderByGroups(keys);
      } else {
        order.addAll(keys);
        groups.forEach(group -> shardOrder.add(grouping(group)));
        query.order().forEach(item -> sort.add(orderKey(item)));
      }
      boolean whole = groups.isEmpty();
      if (whole && !finer.isEmpty() && !select.items().stream().allMatch(this::isAggregateItem)) {
        throw new RefusedSqlException(
            RefusalCode.AGGREGATE_EXPRESSION, "DISTINCT aggregates beside other values");
      }
      return new Merge.Grouping(keys, aggregates, whole, select.items().size() + hidden.size());
    }

    private boolean isAggregateItem(Query.Item item) {
      return item.expr() != null && item.expr().aggregates();
    }

    private void mergedItem(int index, Expr expr) {
      if (groupOf(expr) >= 0) {
        return;
      }
      if (Functions.isAggregate(expr)) {
        aggregate((Expr.Call) expr, index);
      } else if (expr.aggregates()) {
        computed.put(index, computation(expr, RefusalCode.AGGREGATE_EXPRESSION));
      } else {
        checkGrouped(expr);
      }
    }

    // Groups

    private int groupOf(Expr expr) {
      for (int i = 0; i < groups.size(); i++) {
        if (same(groups.get(i), expr)) {
          return i;
        }
      }
      return -1;
    }

    /** Refuses an expression whose value may differ within a group. */
    private void checkGrouped(Expr expr) {
      Expr bare = expr.bare();
      if (groupOf(bare) >= 0) {
        return;
      }
      if (bare instanceof Expr.Name name) {
        if (!isDetermined(name)) {
          throw notGrouped(name.column());
        }
        return;
      }
      if (bare instanceof Expr.Subquery || bare instanceof Expr.Variable) {
        throw notGrouped("a query");
      }
      bare.children().forEach(this::checkGrouped);
    }

    /** Whether a reference table's row is told by the columns that are grouped by. */
    private boolean isDetermined(Expr.Name name) {
      Scope.Column column = block.scope().findHere(name);
      for (Scope.Source source : block.scope().sources()) {
        if (column != null && source.columns().contains(column) && !source.unique().isEmpty()) {
          boolean mine = name.table() == null || name.table().equals(source.alias());
          return mine && source.unique().stream().allMatch(unique -> isGroup(source, unique));
        }
      }
      return false;
    }

    private boolean isGroup(Scope.Source source, Scope.Column unique) {
      Span none = new Span(0, 0);
      return groupOf(new Expr.Name(none, source.alias(), unique.name())) >= 0;
    }

    private static RefusedSqlException notGrouped(String what) {
      return new RefusedSqlException(RefusalCode.NOT_GROUPED, what);
    }

    private void checkDetermined(Expr expr) {
      if (isRandom(expr)) {
        throw new RefusedSqlException(
            RefusalCode.NON_DETERMINISTIC, "random values to order or group by");
      }
    }

    private static boolean isRandom(Expr expr) {
      return (expr instanceof Expr.Call call && Functions.RANDOM.contains(call.name()))
          || expr.children().stream().anyMatch(Builder::isRandom);
    }

    private List<SortKey> groupKeys() {
      List<SortKey> keys = new ArrayList<>();
      for (Expr group : groups) {
        keys.add(key(group, itemOf(group), false));
      }
      return keys;
    }

    /** Whether every item of the order is one of the groups. */
    private boolean ordersByGroups() {
      return query.order().stream().allMatch(item -> groupOf(meant(item.expr())) >= 0);
    }

    /** Sorts the shards' groups as the answer is, and then by what else tells groups apart. */
    private void orderByGroups(List<SortKey> keys) {
      List<Integer> rest = new ArrayList<>();
      for (int i = 0; i < groups.size(); i++) {
        rest.add(i);
      }
      for (Query.OrderItem item : query.order()) {
        int group = groupOf(meant(item.expr()));
        if (group < 0) {
          throw notGrouped("an order by what isn't selected, of DISTINCT rows");
        }
        if (rest.remove((Integer) group)) {
          SortKey key = keys.get(group);
          order.add(new SortKey(key.value(), key.padding(), item.descending()));
          shardOrder.add(
              Fragment.of(grouping(groups.get(group)), item.descending() ? " DESC" : ""));
        }
      }
      for (int group : rest) {
        order.add(keys.get(group));
        shardOrder.add(grouping(groups.get(group)));
      }
    }

    // Order

    /**
     * What an item of {@code ORDER BY} means: an item of the list by position or name, or itself.
     */
    private Expr meant(Expr expr) {
      Expr bare = expr.bare();
      if (starred && bare instanceof Expr.Literal literal && literal.value() instanceof Long at) {
        List<Expr> columns = starredColumns();
        if (at < 1 || at > columns.size()) {
          throw new RefusedSqlException(RefusalCode.UNKNOWN_COLUMN, "position " + at);
        }
        return columns.get((int) (at - 1));
      }
      int item = itemIndex(expr);
      return item >= 0 ? select.items().get(item).value().bare() : bare;
    }

    private int itemIndex(Expr expr) {
      Expr bare = expr.bare();
      if (bare instanceof Expr.Literal literal && literal.value() instanceof Long position) {
        if (starred) {
          return -1;
        }
        select.at(position);
        return (int) (position - 1);
      }
      return bare instanceof Expr.Name name ? select.indexOf(name) : -1;
    }

    private SortKey orderKey(Query.OrderItem item) {
      Expr expr = meant(item.expr());
      checkDetermined(expr);
      checkSorted(expr);
      int index = itemIndex(item.expr());
      if (index < 0) {
        checkNames(expr);
        index = itemOf(expr);
      }
      if (grouped && !local) {
        return mergedOrderKey(expr, index, item.descending());
      }
      return key(expr, index, item.descending());
    }

    /** The servers sort the largest of an ENUM by its name or by its number, as they please. */
    private void checkSorted(Expr expr) {
      if (expr instanceof Expr.Call call
          && isExtreme(call)
          && analysis.types().of(call.children().get(0), block).kind() == SqlType.Kind.ENUM) {
        throw new RefusedSqlException(RefusalCode.UNSORTABLE, call.name() + " of an ENUM");
      }
    }

    private SortKey mergedOrderKey(Expr expr, int index, boolean descending) {
      if (Functions.isAggregate(expr)) {
        Aggregate aggregate = aggregate((Expr.Call) expr, index);
        boolean extreme = !aggregate.keys().isEmpty() && !aggregate.kind().isDistinct();
        SortKey key =
            extreme
                ? aggregate.keys().get(0)
                : new SortKey(aggregate.column(), SortKey.NONE, false);
        return new SortKey(key.value(), key.padding(), descending);
      }
      if (expr.aggregates()) {
        if (index < 0) {
          throw new RefusedSqlException(
              RefusalCode.AGGREGATE_EXPRESSION, "an order by what isn't selected");
        }
        return new SortKey(index, SortKey.NONE, descending);
      }
      checkGrouped(expr);
      return key(expr, index, descending);
    }

    /** Refuses a name inside an expression that could be a column or an alias. */
    private void checkNames(Expr expr) {
      if (expr instanceof Expr.Name name) {
        Expr aliased = select.aliased(name);
        if (aliased != null
            && block.scope().findHere(name) != null
            && !same(aliased.bare(), name)) {
          throw new RefusedSqlException(RefusalCode.AMBIGUOUS_NAME, name.column());
        }
      }
      expr.children().forEach(this::checkNames);
    }

    private Fragment ordered(Query.OrderItem item) {
      return Fragment.of(item.expr().span(), item.descending() ? " DESC" : "");
    }

    // Keys

    private List<SortKey> itemKeys() {
      List<SortKey> keys = new ArrayList<>();
      if (starred) {
        starredColumns().forEach(column -> keys.add(key(column, -1, false)));
      }
      for (int i = 0; i < select.items().size() && !starred; i++) {
        Expr expr = select.items().get(i).value().bare();
        boolean merged = grouped && !local && expr.aggregates();
        keys.add(merged ? mergedOrderKey(expr, i, false) : key(expr, i, false));
      }
      return keys;
    }

    /** What a value is compared by; {@code index} is the item that it is, or -1. */
    private SortKey key(Expr expr, int index, boolean descending) {
      Expr bare = expr.bare();
      SqlType type = analysis.types().of(bare, block);
      Fragment value = fragment(bare);
      boolean text = type.kind() == SqlType.Kind.TEXT || type.kind() == SqlType.Kind.LITERAL;
      int padding = text ? padding(bare, value, type) : SortKey.NONE;
      int column =
          switch (type.kind()) {
            case NUMBER -> index >= 0 && !starred ? index : hide(single(bare, value));
            case SMALL_NUMBER, TEMPORAL, ENUM ->
                hide(single(bare, Fragment.of("(", value, ") + 0")));
            case TEXT, LITERAL, BINARY ->
                hide(single(bare, Fragment.of("WEIGHT_STRING(", value, ")")));
            case NULL -> hide(Fragment.of("NULL"));
            default -> throw new RefusedSqlException(RefusalCode.UNSORTABLE, describe(bare));
          };
      return new SortKey(column, padding, descending);
    }

    private String describe(Expr expr) {
      return expr instanceof Expr.Name name
          ? name.column()
          : expr instanceof Expr.Call call ? call.name() + "(…)" : "an expression";
    }

    /** The hidden column of a space's weight where text is padded, or that of NULL where not. */
    private int padding(Expr expr, Fragment value, SqlType type) {
      String collation = type.collation();
      if (collation == null) {
        Fragment none = Fragment.of("CONCAT(LEFT(", value, ", 0), ");
        return hide(
            single(
                expr,
                Fragment.of(
                    "IF(", none, "'a') = ", none, "'a '), WEIGHT_STRING(", none, "' ')), NULL)")));
      }
      if (!KeyPart.isPadded(collation)) {
        return SortKey.NONE;
      }
      if (collation.contains("uca1400") && !collation.endsWith("_ai_ci")) {
        throw new RefusedSqlException(RefusalCode.UNSORTABLE, "the collation " + collation);
      }
      String charset = collation.substring(0, Math.max(0, collation.indexOf('_')));
      if (charset.isEmpty() || charset.equals("uca1400")) {
        charset = "utf8mb4";
      }
      return hide(
          Fragment.of(
              "WEIGHT_STRING(CONVERT(' ' USING " + charset + ") COLLATE " + collation + ")"));
    }

    /** What every row of a group has alike, as ONLY_FULL_GROUP_BY wants to see it. */
    private Fragment single(Expr expr, Fragment value) {
      boolean plainly =
          !(grouped || select.distinct()) || expr instanceof Expr.Name || expr.aggregates();
      return plainly ? value : Fragment.of("MIN(", value, ")");
    }

    /** Asks for a column that isn't shown; {@code ~i} for the hidden one of index i. */
    private int hide(Fragment column) {
      return ~hiddenByText.computeIfAbsent(
          column.in(text.text()),
          key -> {
            hidden.add(column);
            return hidden.size() - 1;
          });
    }

    private int itemOf(Expr expr) {
      for (int i = 0; i < select.items().size() && !starred; i++) {
        if (same(select.items().get(i).value().bare(), expr)) {
          return i;
        }
      }
      return -1;
    }

    /** An expression's text, with what its aliases mean in their places. */
    private Fragment fragment(Expr expr) {
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
      if (aliased == null || same(aliased.bare(), name)) {
        return null;
      }
      int source = sourceOf(name);
      return source < 0
          ? Fragment.of("(", aliased.span(), ")")
          : Fragment.of(
              quoted(block.scope().sources().get(source).alias()) + "." + quoted(name.column()));
    }

    /** What to group or order by: a number there would be a position. */
    private Fragment grouping(Expr expr) {
      return expr instanceof Expr.Literal ? Fragment.of("NULL") : fragment(expr);
    }

    private static String quoted(@Nullable String name) {
      return "`" + (name == null ? "" : name.replace("`", "``")) + "`";
    }

    private List<Expr> starredColumns() {
      if (block.scope().hasUsing()) {
        throw new RefusedSqlException(RefusalCode.SYNTAX, "DISTINCT * of a join by USING");
      }
      List<Expr> columns = new ArrayList<>();
      for (Query.Item item : select.items()) {
        if (item.expr() != null) {
          columns.add(item.expr().bare());
          continue;
        }
        for (Scope.Source source : block.scope().sources()) {
          if (item.table() == null || item.table().equals(source.alias())) {
            source
                .columns()
                .forEach(
                    column ->
                        columns.add(new Expr.Name(new Span(0, 0), source.alias(), column.name())));
          }
        }
      }
      return columns;
    }

    // Aggregates

    /** The aggregate of a call; {@code index} is the item that it is, or -1. */
    private Aggregate aggregate(Expr.Call call, int index) {
      for (int i = 0; i < aggregateCalls.size(); i++) {
        if (same(aggregateCalls.get(i), call)) {
          Aggregate known = aggregates.get(i);
          if (index >= 0 && known.column() != index) {
            computed.put(index, new Computation.Column(known.column()));
          }
          return known;
        }
      }
      if (!Functions.MERGED.contains(call.name())
          || (call.distinct() && call.name().equals("ANY_VALUE"))) {
        throw new RefusedSqlException(RefusalCode.AGGREGATE, call.name());
      }
      int column = index >= 0 ? index : hide(fragment(call));
      return aggregate(call, index, column);
    }

    private Aggregate aggregate(Expr.Call call, int index, int column) {
      if (isExtreme(call)) {
        Aggregate.Kind kind = Aggregate.Kind.valueOf(call.name());
        return add(call, new Aggregate(kind, column, List.of(), List.of(key(call, index, false))));
      }
      if (call.distinct() && (finer() || !holdKey(call))) {
        return add(call, distinctAggregate(call, column));
      }
      return switch (call.name()) {
        case "COUNT" ->
            add(call, new Aggregate(Aggregate.Kind.COUNT, column, List.of(), List.of()));
        case "SUM" -> add(call, new Aggregate(Aggregate.Kind.SUM, column, List.of(), List.of()));
        case "AVG" -> add(call, average(call, column));
        default -> add(call, new Aggregate(Aggregate.Kind.ANY, column, List.of(), List.of()));
      };
    }

    private Aggregate average(Expr.Call call, int column) {
      String each = call.distinct() ? "DISTINCT " : "";
      Fragment argument = fragment(call.children().get(0));
      int sum = part(call, "SUM", Fragment.of("SUM(" + each, argument, ")"));
      int count = part(call, "COUNT", Fragment.of("COUNT(" + each, argument, ")"));
      return new Aggregate(Aggregate.Kind.AVG, column, List.of(sum, count), List.of());
    }

    /** The column of an aggregate that another one is made of. */
    private int part(Expr.Call call, String name, Fragment sql) {
      Expr.Call other = new Expr.Call(call.span(), name, call.distinct(), false, call.children());
      for (int i = 0; i < aggregateCalls.size(); i++) {
        if (same(aggregateCalls.get(i), other)) {
          return aggregates.get(i).column();
        }
      }
      int column = hide(sql);
      add(other, new Aggregate(Aggregate.Kind.valueOf(name), column, List.of(), List.of()));
      return column;
    }

    private Aggregate add(Expr.Call call, Aggregate aggregate) {
      aggregateCalls.add(call);
      aggregates.add(aggregate);
      return aggregate;
    }

    /** Whether the shards' groups are finer than the answer's, so that each has a key again. */
    private boolean finer() {
      return select.items().stream().map(Query.Item::expr).anyMatch(this::makesFiner)
          || makesFiner(select.having())
          || query.order().stream().map(Query.OrderItem::expr).anyMatch(this::makesFiner);
    }

    private boolean makesFiner(@Nullable Expr expr) {
      if (expr == null) {
        return false;
      }
      Expr bare = expr.bare();
      return (isCountedOnce(bare) && !holdKey((Expr.Call) bare))
          || bare.children().stream().anyMatch(this::makesFiner);
    }

    private static boolean isCountedOnce(Expr expr) {
      return expr instanceof Expr.Call call
          && call.distinct()
          && Functions.isAggregate(call)
          && !isExtreme(call);
    }

    private static boolean isExtreme(Expr.Call call) {
      return call.name().equals("MIN") || call.name().equals("MAX");
    }

    /** Whether what is counted once is on one shard alone. */
    private boolean holdKey(Expr.Call call) {
      List<Integer> keys = new ArrayList<>();
      for (Expr argument : call.children()) {
        Scope.Column column =
            argument.bare() instanceof Expr.Name name ? block.scope().findHere(name) : null;
        keys.add(column == null ? -1 : column.key());
      }
      return analysis.colocation().holdKey(keys, block.rows());
    }

    private Aggregate distinctAggregate(Expr.Call call, int column) {
      List<SortKey> keys = new ArrayList<>();
      for (Expr argument : call.children()) {
        Expr bare = argument.bare();
        checkDetermined(bare);
        SqlType.Kind kind = analysis.types().of(bare, block).kind();
        boolean number = kind == SqlType.Kind.NUMBER || kind == SqlType.Kind.SMALL_NUMBER;
        if (!call.name().equals("COUNT") && !number) {
          throw new RefusedSqlException(
              RefusalCode.AGGREGATE, call.name() + "(DISTINCT …) of what is no number");
        }
        finer.add(bare);
        keys.add(key(bare, -1, false));
      }
      Aggregate.Kind kind = Aggregate.Kind.valueOf(call.name() + "_DISTINCT");
      return new Aggregate(kind, column, List.of(), keys);
    }

    // HAVING and what is computed of aggregates

    private void having() {
      if (select.having() == null) {
        return;
      }
      List<Computation> conditions = new ArrayList<>();
      for (Expr condition : select.having().conjuncts()) {
        if (!aggregatesMeant(condition) && !groups.isEmpty()) {
          checkPushed(condition);
          pushedHaving.add(condition);
        } else {
          conditions.add(condition(condition));
        }
      }
      if (!conditions.isEmpty()) {
        having = new Computation.All(conditions);
      }
    }

    /** Whether there are aggregates in it, or in what its aliases mean. */
    private boolean aggregatesMeant(Expr expr) {
      Expr bare = expr.bare();
      return Functions.isAggregate(bare)
          || inHaving(bare).aggregates()
          || bare.children().stream().anyMatch(this::aggregatesMeant);
    }

    /** What a name of {@code HAVING} means. */
    private Expr inHaving(Expr expr) {
      if (!(expr instanceof Expr.Name name)) {
        return expr;
      }
      Expr aliased = select.aliased(name);
      if (aliased == null || same(aliased.bare(), expr)) {
        return expr;
      }
      if (block.scope().findHere(name) != null) {
        throw new RefusedSqlException(RefusalCode.AMBIGUOUS_NAME, name.column());
      }
      return aliased.bare();
    }

    /** Refuses a condition on groups that shards with other spellings of one text may not share. */
    private void checkPushed(Expr condition) {
      boolean plain =
          condition instanceof Expr.In
              || (condition instanceof Expr.Op op
                  && List.of(
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
                          "IS NOT NULL")
                      .contains(op.operator()));
      for (Expr child : condition.children()) {
        checkPushed(child, plain);
      }
      if (condition.children().isEmpty()) {
        checkPushed(condition, false);
      }
    }

    private void checkPushed(Expr expr, boolean compared) {
      Expr meant = inHaving(expr.bare());
      if (groupOf(meant) >= 0) {
        SqlType.Kind kind = analysis.types().of(meant, block).kind();
        boolean spelled = kind == SqlType.Kind.TEXT || kind == SqlType.Kind.NONE;
        if (spelled && !compared) {
          throw new RefusedSqlException(
              RefusalCode.HAVING, "a text of the group inside a larger expression");
        }
        return;
      }
      if (meant instanceof Expr.Name name && !isDetermined(name)) {
        throw notGrouped(name.column());
      }
      if (meant instanceof Expr.Subquery || meant instanceof Expr.Variable) {
        throw new RefusedSqlException(RefusalCode.HAVING, "a query");
      }
      checkDetermined(meant);
      meant.children().forEach(child -> checkPushed(child, false));
    }

    private Computation condition(Expr expr) {
      Expr bare = expr.bare();
      if (!aggregatesMeant(bare) && !groups.isEmpty()) {
        // The servers say whether it holds of the group.
        checkPushed(bare);
        int column = hide(Fragment.of("(", fragment(bare), ")"));
        Expr zero = new Expr.Literal(bare.span(), 0L, true);
        return new Computation.Comparison(
            "<>", new Computation.Column(column), new Computation.Constant(zero));
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
        throw new RefusedSqlException(RefusalCode.HAVING, describe(bare));
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

    /** What may be NULL, of any type. */
    private Computation any(Expr expr) {
      Expr meant = inHaving(expr.bare());
      return Functions.isAggregate(meant)
          ? new Computation.Column(aggregate((Expr.Call) meant, -1).column())
          : operand(expr);
    }

    private Computation operand(Expr expr) {
      return computation(inHaving(expr.bare()), RefusalCode.HAVING);
    }

    /** A number of aggregates, groups and constants. */
    private Computation computation(Expr expr, RefusalCode code) {
      Expr bare = expr.bare();
      if (Functions.isAggregate(bare)) {
        checkNumber(bare, code);
        Aggregate aggregate = aggregate((Expr.Call) bare, -1);
        return aggregate.kind() == Aggregate.Kind.AVG
            ? new Computation.Arithmetic(
                "/",
                new Computation.Column(aggregate.inputs().get(0)),
                new Computation.Column(aggregate.inputs().get(1)))
            : new Computation.Column(aggregate.column());
      }
      if (bare instanceof Expr.Literal literal) {
        if (literal.value() != null && !Values.isNumber(literal.value())) {
          throw new RefusedSqlException(code, "a constant that is no number");
        }
        return new Computation.Constant(literal);
      }
      if (bare instanceof Expr.Marker) {
        return new Computation.Constant(bare);
      }
      if (groupOf(bare) >= 0) {
        checkNumber(bare, code);
        return new Computation.Column(key(bare, itemOf(bare), false).value());
      }
      if (bare instanceof Expr.Op op
          && op.children().size() == 2
          && List.of("+", "-", "*", "/").contains(op.operator())) {
        return new Computation.Arithmetic(
            op.operator(),
            computation(op.children().get(0), code),
            computation(op.children().get(1), code));
      }
      if (bare instanceof Expr.Call call
          && (call.name().equals("COALESCE") || call.name().equals("IFNULL"))) {
        return new Computation.First(
            call.children().stream().map(child -> computation(child, code)).toList());
      }
      throw new RefusedSqlException(code, describe(bare));
    }

    private void checkNumber(Expr expr, RefusalCode code) {
      SqlType.Kind kind = analysis.types().of(expr, block).kind();
      if (kind != SqlType.Kind.NUMBER && kind != SqlType.Kind.SMALL_NUMBER) {
        throw new RefusedSqlException(code, describe(expr) + ", which is no number");
      }
    }

    // The same expressions

    private boolean same(Expr a, Expr b) {
      Expr x = a.bare();
      Expr y = b.bare();
      if (x instanceof Expr.Name name && y instanceof Expr.Name other) {
        return sameColumn(name, other);
      }
      if (x instanceof Expr.Literal literal && y instanceof Expr.Literal other) {
        return literal.known()
            && other.known()
            && java.util.Objects.equals(literal.value(), other.value());
      }
      if (x instanceof Expr.Marker marker && y instanceof Expr.Marker other) {
        return marker.index() == other.index();
      }
      return sameOperation(x, y);
    }

    private boolean sameColumn(Expr.Name a, Expr.Name b) {
      return sourceOf(a) >= 0
          && sourceOf(a) == sourceOf(b)
          && a.column().equalsIgnoreCase(b.column());
    }

    /** The index of the source whose column a name is, -1 if it is none's. */
    private int sourceOf(Expr.Name name) {
      List<Scope.Source> sources = block.scope().sources();
      for (int i = 0; i < sources.size(); i++) {
        Scope.Source source = sources.get(i);
        boolean named = name.table() == null || name.table().equals(source.alias());
        if (named
            && source.columns().stream()
                .anyMatch(column -> column.name().equalsIgnoreCase(name.column()))) {
          return i;
        }
      }
      return -1;
    }

    private boolean sameOperation(Expr x, Expr y) {
      boolean alike =
          (x instanceof Expr.Op a && y instanceof Expr.Op b && a.operator().equals(b.operator()))
              || (x instanceof Expr.Call c
                  && y instanceof Expr.Call d
                  && c.name().equals(d.name())
                  && c.distinct() == d.distinct()
                  && c.over() == d.over()
                  && isSameText(c, d))
              || (x instanceof Expr.In e && y instanceof Expr.In f && e.negated() == f.negated())
              || (x instanceof Expr.Row && y instanceof Expr.Row);
      if (!alike || x.children().size() != y.children().size()) {
        return false;
      }
      for (int i = 0; i < x.children().size(); i++) {
        if (!same(x.children().get(i), y.children().get(i))) {
          return false;
        }
      }
      return true;
    }

    /** Units and types inside a function's parentheses are in its text alone. */
    private boolean isSameText(Expr.Call a, Expr.Call b) {
      boolean plain = a.name().equals("COUNT") || Functions.MERGED.contains(a.name());
      return plain
          || a.span()
              .of(text.text())
              .replaceAll("\\s+", "")
              .equalsIgnoreCase(b.span().of(text.text()).replaceAll("\\s+", ""));
    }

    // SQL

    private ShardSql sql() {
      SqlWriter sql = new SqlWriter(text);
      if (query.with() != null) {
        sql.add(query.with()).add(" ");
      }
      sql.add("SELECT ").add(select.itemsSpan());
      hidden.forEach(column -> sql.add(", ").add(column));
      if (select.sources() != null) {
        sql.add(" ").add(select.sources());
      }
      List<Fragment> by = shardGroups();
      if (!by.isEmpty()) {
        sql.add(" GROUP BY ").add(Fragment.joined(by, ", "));
      }
      addHaving(sql);
      if (!shardOrder.isEmpty()) {
        sql.add(" ORDER BY ").add(Fragment.joined(shardOrder, ", "));
      }
      return sql.done();
    }

    private List<Fragment> shardGroups() {
      if (grouped && (local || (select.group().isEmpty() && finer.isEmpty()))) {
        return select.group().stream().map(expr -> Fragment.of(expr.span())).toList();
      }
      List<Fragment> by = new ArrayList<>();
      groups.forEach(group -> by.add(grouping(group)));
      finer.forEach(group -> by.add(grouping(group)));
      return by;
    }

    private void addHaving(SqlWriter sql) {
      if (select.having() == null) {
        return;
      }
      if (!grouped || local) {
        sql.add(" HAVING ").add(select.having().span());
      } else if (!pushedHaving.isEmpty()) {
        sql.add(" HAVING ")
            .add(
                Fragment.joined(
                    pushedHaving.stream()
                        .map(condition -> Fragment.of("(", condition.span(), ")"))
                        .toList(),
                    " AND "));
      }
    }
  }
}
