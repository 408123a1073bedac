package io.shardflux.sql;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Turns one text into what is known of it. */
final class Preparation {

  private static final Routing ANYWHERE = new Routing.Anywhere();
  private static final Routing NOWHERE = new Routing.Nowhere();

  private final Schema schema;
  private final PlannerOptions options;
  private final SqlText text;
  private final Analysis analysis;
  private @Nullable String keyTable;

  Preparation(String sql, Schema schema, PlannerOptions options) {
    this.schema = schema;
    this.options = options;
    this.text = SqlText.read(sql, options);
    this.analysis = new Analysis(schema);
  }

  Prepared prepare() {
    try {
      return prepare(StatementParser.parse(text));
    } catch (RefusedSqlException e) {
      if (e.code() == RefusalCode.TOO_LARGE || e.code() == RefusalCode.HINT) {
        throw e;
      }
      return prepared(
          StatementKind.OTHER,
          binds -> {
            throw e;
          },
          (binds, hints, shards) -> refuse(e));
    }
  }

  private static Plan refuse(RefusedSqlException refusal) {
    throw refusal;
  }

  private Prepared prepare(Statement statement) {
    if (statement instanceof Statement.Read read) {
      return read(read.query());
    }
    if (statement instanceof Statement.Insert insert) {
      return insert(insert);
    }
    if (statement instanceof Statement.Update update) {
      return update(update);
    }
    if (statement instanceof Statement.Delete delete) {
      return delete(delete);
    }
    return session();
  }

  private Prepared prepared(StatementKind kind, Prepared.Router router, Prepared.Several several) {
    return new Prepared(
        new Prepared.Statements(
            kind,
            text.markers(),
            HintReader.read(text.hint(), keyRule()),
            Set.copyOf(analysis.tables()),
            analysis.volatility().usesSession() ? sessionRefusal() : null,
            keyTable,
            SqlWriter.whole(text),
            router,
            several));
  }

  private TableRule.@Nullable Sharded keyRule() {
    for (Rows mention : analysis.colocation().rows()) {
      if (keyTable == null && mention.pinned() == null) {
        keyTable = mention.table();
      }
    }
    return keyTable != null
            && schema.topology().tables().get(keyTable) instanceof TableRule.Sharded rule
        ? rule
        : null;
  }

  private static RefusedSqlException sessionRefusal() {
    return new RefusedSqlException(RefusalCode.SESSION_STATE, "a statement of its session's");
  }

  private Prepared session() {
    RefusedSqlException refusal = sessionRefusal();
    return new Prepared(
        new Prepared.Statements(
            StatementKind.OTHER,
            text.markers(),
            HintReader.read(text.hint(), null),
            Set.of(),
            refusal,
            null,
            SqlWriter.whole(text),
            binds -> ANYWHERE,
            (binds, hints, shards) -> refuse(refusal)));
  }

  // Reads

  private Prepared read(Query query) {
    ScatterQuery scatter = null;
    RefusedSqlException refusal = null;
    boolean locks = query.locks();
    Query.Select select = query.select();
    Block block = select == null ? null : analysis.select(query, select);
    List<Scope.Column> columns =
        select == null ? analysis.query(query, Place.outermost()).columns() : List.of();
    try {
      // What is refused here may still be sent to one shard as it is.
      scatter =
          block == null
              ? union(query, columns)
              : new ScatterPlanner(text, query, analysis, block).plan();
    } catch (RefusedSqlException e) {
      refusal = e;
    }
    if (locks) {
      refusal = new RefusedSqlException(RefusalCode.SCATTERED_LOCK, "FOR UPDATE or FOR SHARE");
    }
    Prepared.Several several = several(scatter, refusal);
    Prepared.Router router = router();
    return prepared(
        locks ? StatementKind.LOCKING_READ : StatementKind.READ,
        locks ? lockable(router) : router,
        several);
  }

  /** A lock on one copy of a reference table would keep nobody from the others. */
  private static Prepared.Router lockable(Prepared.Router router) {
    return binds -> {
      Routing routing = router.route(binds);
      if (routing instanceof Routing.Anywhere) {
        throw new RefusedSqlException(
            RefusalCode.SCATTERED_LOCK, "FOR UPDATE or FOR SHARE of a reference table");
      }
      return routing;
    };
  }

  private Prepared.Several several(
      @Nullable ScatterQuery scatter, @Nullable RefusedSqlException refusal) {
    return (binds, hints, shards) -> {
      if (Boolean.FALSE.equals(hints.scatter())) {
        throw new RefusedSqlException(RefusalCode.SCATTER_FORBIDDEN, shards.size() + " shards");
      }
      if (scatter == null || refusal != null) {
        throw refusal == null ? new IllegalStateException("no plan") : refusal;
      }
      return scatter(scatter, binds, shards);
    };
  }

  private Plan scatter(ScatterQuery query, Binds binds, List<ShardId> shards) {
    long limit = query.limit() == null ? Merge.ALL : count(query.limit(), binds);
    long offset = query.offset() == null ? 0 : count(query.offset(), binds);
    if (offset > options.maxOffset()) {
      throw new RefusedSqlException(
          RefusalCode.OFFSET_TOO_LARGE,
          "offset: " + offset + " (expected: at most " + options.maxOffset() + ")");
    }
    // Beyond what a long can count there is no row.
    limit = limit > Merge.ALL - offset ? Merge.ALL : limit;
    ShardSql sql = query.sql(offset, limit);
    Merge merge = new Merge(query.shape(), binds, offset, limit, options.maxMergedRows());
    return new Plan.Scatter(
        shards.stream().map(shard -> new Plan.Part(shard, sql)).toList(), merge);
  }

  private static long count(Expr expr, Binds binds) {
    Object value = KeyCondition.value(expr, binds);
    boolean whole =
        value instanceof Long
            || value instanceof Integer
            || value instanceof Short
            || value instanceof Byte
            || (value instanceof BigInteger large && large.bitLength() < Long.SIZE);
    long number = whole && value instanceof Number counted ? counted.longValue() : -1;
    if (number < 0) {
      throw new RefusedSqlException(
          RefusalCode.LIMIT_VALUE,
          "a bound " + (value == null ? "NULL" : value.getClass().getSimpleName()));
    }
    return number;
  }

  // Set operations

  /** A set operation as a select from all rows of its parts. */
  private ScatterQuery union(Query query, List<Scope.Column> columns) {
    if (query.branches().size() == 1 && query.order().isEmpty() && query.limit() == null) {
      Query.Nested nested = (Query.Nested) query.branches().get(0).body();
      return rewritten(nested.query().span().of(text.text()));
    }
    boolean distinct = false;
    for (Query.Branch branch : query.branches()) {
      String operator = branch.operator() == null ? "UNION ALL" : branch.operator();
      if (!operator.startsWith("UNION") || (distinct && operator.equals("UNION ALL"))) {
        throw new RefusedSqlException(RefusalCode.SET_OPERATION, operator);
      }
      distinct |= operator.equals("UNION");
    }
    checkNames(columns);
    StringBuilder sql = new StringBuilder();
    if (query.with() != null) {
      sql.append(query.with().of(text.text())).append(' ');
    }
    sql.append(distinct ? "SELECT DISTINCT " : "SELECT ")
        .append(distinct || !query.order().isEmpty() ? names(columns) : "*")
        .append(" FROM (");
    for (Query.Branch branch : query.branches()) {
      sql.append(branch.operator() == null ? "" : " UNION ALL ")
          .append(branch.body().span().of(text.text()));
    }
    sql.append(") AS shardflux");
    for (int i = 0; i < query.order().size(); i++) {
      Query.OrderItem item = query.order().get(i);
      sql.append(i == 0 ? " ORDER BY " : ", ")
          .append(item.expr().span().of(text.text()))
          .append(item.descending() ? " DESC" : "");
    }
    if (query.limit() != null) {
      sql.append(' ').append(query.limit().span().of(text.text()));
    }
    return rewritten(sql.toString());
  }

  /** The columns of a derived table have different names. */
  private static void checkNames(List<Scope.Column> columns) {
    Set<String> names = new HashSet<>();
    for (Scope.Column column : columns) {
      if (!column.name().isEmpty() && !names.add(column.name().toLowerCase(Locale.ROOT))) {
        throw new RefusedSqlException(
            RefusalCode.SET_OPERATION,
            "two columns named " + column.name() + ": give one an alias");
      }
    }
  }

  private static String names(List<Scope.Column> columns) {
    List<String> names = new ArrayList<>();
    for (Scope.Column column : columns) {
      if (column.name().isEmpty()) {
        throw new RefusedSqlException(
            RefusalCode.SET_OPERATION, "a column without a name of its own: give it an alias");
      }
      names.add("`" + column.name().replace("`", "``") + "`");
    }
    return String.join(", ", names);
  }

  private ScatterQuery rewritten(String sql) {
    SqlText rewritten = SqlText.read(sql, options);
    Query query = ((Statement.Read) StatementParser.parse(rewritten)).query();
    Query.Select select = query.select();
    if (select == null) {
      throw new RefusedSqlException(RefusalCode.SET_OPERATION, "set operations in parentheses");
    }
    Analysis rewrittenAnalysis = new Analysis(schema);
    return new ScatterPlanner(
            rewritten, query, rewrittenAnalysis, rewrittenAnalysis.select(query, select))
        .plan();
  }

  // Where

  private Prepared.Router router() {
    List<Prepared.Router> routers = new ArrayList<>();
    for (List<Rows> cluster : analysis.colocation().clusters()) {
      ShardId pinned = cluster.get(0).pinned();
      if (pinned != null) {
        Routing on = new Routing.On(pinned);
        routers.add(binds -> on);
      } else {
        Set<ShardId> shards = schema.shards(cluster.get(0).table());
        routers.add(analysis.colocation().router(cluster, shards)::route);
      }
    }
    if (routers.isEmpty()) {
      return binds -> ANYWHERE;
    }
    return routers.size() == 1 ? routers.get(0) : binds -> together(routers, binds);
  }

  private static Routing together(List<Prepared.Router> routers, Binds binds) {
    Set<Routing> parts = new LinkedHashSet<>();
    for (Prepared.Router router : routers) {
      Routing part = router.route(binds);
      // What touches no row is answered alike wherever the others are.
      if (!(part instanceof Routing.Nowhere)) {
        parts.add(part);
      }
    }
    return parts.isEmpty()
        ? NOWHERE
        : parts.size() == 1 ? parts.iterator().next() : new Routing.Together(List.copyOf(parts));
  }

  // Changes of rows

  private Prepared insert(Statement.Insert insert) {
    String table = insert.table().name();
    TableRule rule = analysis.rule(table);
    insert.updates().forEach(update -> checkValue(update.value()));
    for (Statement.InsertedRow row : insert.rows()) {
      row.values().forEach(this::checkValue);
    }
    if (insert.query() != null) {
      return insertQuery(insert, rule, insert.query());
    }
    if (rule instanceof TableRule.Pinned pinned) {
      Routing on = new Routing.On(pinned.shard());
      return prepared(StatementKind.INSERT, binds -> on, (binds, hints, shards) -> copies(shards));
    }
    if (rule instanceof TableRule.Reference) {
      return reference(StatementKind.INSERT, false);
    }
    keyTable = table;
    List<KeyPart> parts = checkKey(insert, (TableRule.Sharded) rule);
    List<List<Expr>> keys = new ArrayList<>();
    for (Statement.InsertedRow row : insert.rows()) {
      keys.add(key(insert, row, parts));
    }
    return prepared(
        StatementKind.INSERT,
        binds -> rows(table, parts, keys, binds),
        (binds, hints, shards) -> split(insert, hints, shards));
  }

  private void checkValue(@Nullable Expr value) {
    if (value != null) {
      checkPlain(value);
    }
  }

  /** Checks an expression that may name no column of a table. */
  private void checkPlain(Expr expr) {
    if (expr instanceof Expr.Subquery) {
      throw new RefusedSqlException(
          RefusalCode.CROSS_SHARD_SUBQUERY, "a query among the values of an INSERT");
    }
    analysis.volatility().take(expr);
    expr.children().forEach(this::checkPlain);
  }

  private List<KeyPart> checkKey(Statement.Insert insert, TableRule.Sharded rule) {
    List<KeyPart> parts = schema.keyParts(rule);
    for (KeyPart part : parts) {
      if (!part.exact()) {
        throw new RefusedSqlException(
            RefusalCode.KEY_COLLATION, part + ": " + part.column().collation());
      }
      for (Statement.Assignment update : insert.updates()) {
        if (update.column().column().equalsIgnoreCase(part.column().name())) {
          throw new RefusedSqlException(RefusalCode.KEY_UPDATE, part.toString());
        }
      }
    }
    return parts;
  }

  private List<String> columns(Statement.Insert insert) {
    return insert.columns().isEmpty()
        ? schema.columns(insert.table().name()).stream().map(Catalog.Column::name).toList()
        : insert.columns();
  }

  private static int indexOf(List<String> columns, KeyPart part) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).equalsIgnoreCase(part.column().name())) {
        return i;
      }
    }
    throw new RefusedSqlException(RefusalCode.KEY_MISSING, part + " is not given");
  }

  private List<Expr> key(Statement.Insert insert, Statement.InsertedRow row, List<KeyPart> parts) {
    List<String> columns = columns(insert);
    if (row.values().size() != columns.size()) {
      throw new RefusedSqlException(
          RefusalCode.KEY_MISSING,
          "a row of " + row.values().size() + " values for " + columns.size() + " columns");
    }
    List<Expr> key = new ArrayList<>();
    for (KeyPart part : parts) {
      Expr value = row.values().get(indexOf(columns, part));
      Expr bare = value == null ? null : value.bare();
      if (!(bare instanceof Expr.Marker)
          && !(bare instanceof Expr.Literal literal && literal.known())) {
        throw new RefusedSqlException(
            RefusalCode.KEY_MISSING, part + " is no plain value (expected: a literal or a marker)");
      }
      key.add(bare);
    }
    return key;
  }

  private static Routing rows(
      String table, List<KeyPart> parts, List<List<Expr>> keys, Binds binds) {
    List<ShardKey> located = new ArrayList<>(keys.size());
    for (List<Expr> key : keys) {
      Object[] values = new Object[key.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = KeyRouter.stored(parts.get(i), KeyCondition.value(key.get(i), binds));
      }
      located.add(ShardKey.of(values));
    }
    return new Routing.Rows(table, located);
  }

  private Plan split(Statement.Insert insert, Hints hints, List<ShardId> shards) {
    checkPermitted(hints, shards);
    Map<ShardId, List<Span>> rows = new LinkedHashMap<>();
    for (int i = 0; i < shards.size(); i++) {
      rows.computeIfAbsent(shards.get(i), shard -> new ArrayList<>())
          .add(insert.rows().get(i).span());
    }
    List<Plan.Part> parts = new ArrayList<>();
    rows.forEach((shard, spans) -> parts.add(new Plan.Part(shard, rows(insert, spans))));
    return new Plan.Writes(parts, false);
  }

  private ShardSql rows(Statement.Insert insert, List<Span> rows) {
    SqlWriter sql = new SqlWriter(text).add(insert.head());
    for (int i = 0; i < rows.size(); i++) {
      sql.add(i == 0 ? " " : ", ").add(rows.get(i));
    }
    return sql.add(insert.tail()).done();
  }

  private static void checkPermitted(Hints hints, List<ShardId> shards) {
    if (!Boolean.TRUE.equals(hints.scatterWrites())) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE,
          "a write over " + new LinkedHashSet<>(shards).size() + " shards");
    }
  }

  private Prepared insertQuery(Statement.Insert insert, TableRule rule, Query query) {
    Place place = Place.outermost();
    Relation relation = analysis.query(query, place);
    if (rule instanceof TableRule.Reference) {
      if (!analysis.colocation().rows().isEmpty()) {
        throw new RefusedSqlException(
            RefusalCode.SCATTERED_WRITE_FORM, "a reference table filled from a sharded one");
      }
      return reference(StatementKind.INSERT, query.limit() != null);
    }
    Rows target = analysis.mention(insert.table().name(), place.zone());
    if (target != null && rule instanceof TableRule.Sharded sharded) {
      checkKey(insert, sharded);
      tie(insert, target, relation, place.zone());
    }
    return prepared(
        StatementKind.INSERT,
        router(),
        (binds, hints, shards) ->
            refuse(
                new RefusedSqlException(
                    RefusalCode.SCATTERED_WRITE_FORM, "INSERT … SELECT over several shards")));
  }

  /** Ties the key columns of the rows that a query brings to those it takes them from. */
  private void tie(Statement.Insert insert, Rows target, Relation relation, Rows.Zone zone) {
    List<String> columns = columns(insert);
    Query.Select select = insert.query() == null ? null : insert.query().select();
    for (int number : target.keys()) {
      int index = indexOf(columns, analysis.colocation().key(number));
      if (index >= relation.columns().size()) {
        throw new RefusedSqlException(
            RefusalCode.KEY_MISSING, analysis.colocation().key(number) + "");
      }
      analysis.colocation().unite(number, relation.columns().get(index).key());
      boolean plain = select != null && select.items().stream().noneMatch(Query.Item::isStar);
      Expr expr = plain && select != null ? select.items().get(index).expr() : null;
      if (expr != null
          && (expr.bare() instanceof Expr.Marker || expr.bare() instanceof Expr.Literal)) {
        zone.add(new KeyCondition.Points(List.of(number), List.of(List.of(expr.bare())), true));
      }
    }
  }

  private Prepared update(Statement.Update update) {
    List<Expr> exprs = new ArrayList<>();
    for (Statement.Assignment assignment : update.assignments()) {
      exprs.add(assignment.column());
      if (assignment.value() != null) {
        exprs.add(assignment.value());
      }
    }
    update.order().forEach(item -> exprs.add(item.expr()));
    Block block = analysis.changed(update.tables(), update.where(), exprs, update.ctes());
    for (Statement.Assignment assignment : update.assignments()) {
      Scope.Column column = block.scope().findHere(assignment.column());
      if (column != null && column.key() >= 0) {
        throw new RefusedSqlException(
            RefusalCode.KEY_UPDATE, analysis.colocation().key(column.key()).toString());
      }
    }
    return change(
        StatementKind.UPDATE,
        block,
        update.limited() || !update.order().isEmpty(),
        source ->
            update.assignments().stream()
                .anyMatch(assignment -> isOf(source, assignment.column())));
  }

  private static boolean isOf(Scope.Source source, Expr.Name name) {
    return name.table() == null
        ? source.columns().stream()
            .anyMatch(column -> column.name().equalsIgnoreCase(name.column()))
        : name.table().equals(source.alias());
  }

  private Prepared delete(Statement.Delete delete) {
    Block block =
        analysis.changed(
            delete.tables(),
            delete.where(),
            delete.order().stream().map(Query.OrderItem::expr).toList(),
            delete.ctes());
    return change(
        StatementKind.DELETE,
        block,
        delete.limited() || !delete.order().isEmpty(),
        source -> delete.targets().contains(source.alias()));
  }

  private Prepared change(
      StatementKind kind, Block block, boolean limited, Predicate<Scope.Source> changed) {
    if (analysis.colocation().rows().isEmpty()) {
      return reference(kind, limited);
    }
    if (block.scope().sources().stream()
        .anyMatch(source -> source.reference() && changed.test(source))) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE_FORM, "a reference table changed by the rows of others");
    }
    return prepared(
        kind,
        router(),
        (binds, hints, shards) -> {
          if (block.refusal() != null) {
            throw block.refusal();
          }
          if (limited) {
            throw new RefusedSqlException(
                RefusalCode.SCATTERED_WRITE_FORM, "LIMIT or ORDER BY in a write");
          }
          checkPermitted(hints, shards);
          return writes(shards, false);
        });
  }

  /** A change of every copy of a reference table, which has to be the same on all. */
  private Prepared reference(StatementKind kind, boolean limited) {
    if (analysis.volatility().isVolatile()) {
      throw new RefusedSqlException(
          RefusalCode.NON_DETERMINISTIC, "a change of every copy of a reference table");
    }
    if (limited) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE_FORM, "LIMIT in a change of a reference table");
    }
    Routing everywhere = new Routing.Everywhere(schema.topology().shards());
    return prepared(kind, binds -> everywhere, (binds, hints, shards) -> copies(shards));
  }

  private Plan copies(List<ShardId> shards) {
    return writes(shards, true);
  }

  private Plan writes(List<ShardId> shards, boolean copies) {
    ShardSql sql = SqlWriter.whole(text);
    return new Plan.Writes(
        shards.stream().map(shard -> new Plan.Part(shard, sql)).toList(), copies);
  }
}
