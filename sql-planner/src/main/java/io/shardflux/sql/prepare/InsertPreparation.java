package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Place;
import io.shardflux.sql.analysis.Relation;
import io.shardflux.sql.gather.WritePlanner;
import io.shardflux.sql.keys.ClusterRouter;
import io.shardflux.sql.keys.KeyCondition;
import io.shardflux.sql.keys.KeyRouter;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Prepares an {@code INSERT} or {@code REPLACE}. */
@Internal
public record InsertPreparation(SqlText text, Schema schema, Analysis analysis) {

  public StatementPlan plan(Statement.Insert insert) {
    String table = insert.table().name();
    TableRule rule = analysis.rule(table);
    insert.updates().forEach(update -> checkValue(update.value()));
    for (Statement.InsertedRow row : insert.rows()) {
      row.values().forEach(this::checkValue);
    }
    if (insert.query() != null) {
      return query(insert, rule, insert.query());
    }
    if (rule instanceof TableRule.Pinned pinned) {
      Routing on = new Routing.On(pinned.shard());
      return new StatementPlan(StatementKind.INSERT, binds -> on, copies(text));
    }
    if (rule instanceof TableRule.Reference) {
      return numbered(insert, reference(table, false));
    }
    analysis.keyOf(table);
    List<KeyPart> parts = checkKey((TableRule.Sharded) rule);
    KeptKey kept = kept(insert, parts);
    return new StatementPlan(
        StatementKind.INSERT,
        router(table, parts, keys(insert, parts), kept),
        InsertSplit.of(text, insert));
  }

  private static ValueRouter router(
      String table, List<KeyPart> parts, List<Expr> keys, KeptKey kept) {
    return binds -> rows(table, parts, keys, kept, binds);
  }

  private static ShardPlanner copies(SqlText text) {
    return (binds, hints, shards) -> ScatteredWrite.copies(text, shards);
  }

  private void checkValue(@Nullable Expr value) {
    if (value != null) {
      checkPlain(value);
    }
  }

  /** Checks an expression that may name no column of a table. */
  private void checkPlain(Expr expr) {
    analysis.uuids().text(expr);
    expr.walk(
        each -> {
          if (each instanceof Expr.Subquery) {
            throw new RefusedSqlException(
                RefusalCode.CROSS_SHARD_SUBQUERY, "a query among the values of an INSERT");
          }
          analysis.effort().spend(1);
          analysis.volatility().take(each);
          return true;
        });
  }

  private List<KeyPart> checkKey(TableRule.Sharded rule) {
    List<KeyPart> parts = schema.keyParts(rule);
    for (KeyPart part : parts) {
      if (!part.exact()) {
        throw new RefusedSqlException(
            RefusalCode.KEY_COLLATION, part + ": " + part.column().collation());
      }
    }
    return parts;
  }

  /**
   * The values that a row that is there is given for its key. Refuses what may lead elsewhere than
   * the row that was to be inserted.
   */
  private KeptKey kept(Statement.Insert insert, List<KeyPart> parts) {
    List<KeptKey.Given> kept = new ArrayList<>();
    for (KeyPart part : parts) {
      boolean computed = part.column().filling() == Catalog.Filling.COMPUTED;
      for (Statement.Assignment update : insert.updates()) {
        Expr value = update.value() == null ? null : update.value().bare();
        if (computed) {
          throw KeptKey.changed(part);
        }
        if (update.column().column().equalsIgnoreCase(part.column().name())) {
          if (value != null && KeptKey.isKnown(value) && insert.query() == null) {
            analysis.uuids().pair(part, value);
            kept.add(new KeptKey.Given(part, value));
          } else if (value == null || !isInserted(value, part, insert)) {
            throw KeptKey.changed(part);
          }
        }
      }
    }
    return new KeptKey(List.copyOf(kept));
  }

  /**
   * Tells whether it is the inserted row's value of that column, or the one that is there: a row is
   * met on the shard of the inserted one.
   */
  private boolean isInserted(Expr value, KeyPart part, Statement.Insert insert) {
    if (value instanceof Expr.Call call
        && (call.name().equals("VALUES") || call.name().equals("VALUE"))) {
      return call.children().size() == 1
          && call.children().get(0).bare() instanceof Expr.Name name
          && isOf(name, insert.table().name(), part);
    }
    if (!(value instanceof Expr.Name name)) {
      return false;
    }
    Statement.NewRow row = insert.newRow();
    if (row != null && !row.columns().isEmpty() && !insert.table().name().equals(name.table())) {
      int index = indexOf(row.columns(), name.column());
      return index >= 0 && index == indexOf(columns(insert), part.column().name());
    }
    return isOf(name, insert.table().name(), part)
        || (row != null && isOf(name, row.alias(), part));
  }

  private static boolean isOf(Expr.Name name, String table, KeyPart part) {
    return name.column().equalsIgnoreCase(part.column().name())
        && (name.table() == null || name.table().equals(table));
  }

  private List<String> columns(Statement.Insert insert) {
    return insert.columns().isEmpty()
        ? schema.columns(insert.table().name()).stream().map(Catalog.Column::name).toList()
        : insert.columns();
  }

  private static int indexOf(List<String> columns, KeyPart part) {
    int index = indexOf(columns, part.column().name());
    if (index < 0) {
      throw new RefusedSqlException(RefusalCode.KEY_MISSING, part + " is not given");
    }
    return index;
  }

  private static int indexOf(List<String> columns, String name) {
    for (int i = 0; i < columns.size(); i++) {
      if (columns.get(i).equalsIgnoreCase(name)) {
        return i;
      }
    }
    return -1;
  }

  /** The values of the rows' keys, one part behind the other and one row behind the other. */
  private List<Expr> keys(Statement.Insert insert, List<KeyPart> parts) {
    List<String> columns = columns(insert);
    List<Expr> keys = new ArrayList<>(insert.rows().size() * parts.size());
    int[] places = null;
    for (Statement.InsertedRow row : insert.rows()) {
      if (row.values().size() != columns.size()) {
        throw new RefusedSqlException(
            RefusalCode.KEY_MISSING,
            "a row of " + row.values().size() + " values for " + columns.size() + " columns");
      }
      places =
          places == null
              ? parts.stream().mapToInt(part -> indexOf(columns, part)).toArray()
              : places;
      for (int i = 0; i < places.length; i++) {
        Expr value = value(row.values().get(places[i]), parts.get(i));
        analysis.uuids().pair(parts.get(i), value);
        keys.add(value);
      }
    }
    return keys;
  }

  private static Expr value(@Nullable Expr value, KeyPart part) {
    Expr bare = value == null ? null : value.bare();
    if (!(bare instanceof Expr.Marker)
        && !(bare instanceof Expr.Literal literal && literal.isKeyValue())) {
      throw new RefusedSqlException(
          RefusalCode.KEY_MISSING, part + " is no plain value (expected: a literal or a marker)");
    }
    return bare;
  }

  private static Routing rows(
      String table, List<KeyPart> parts, List<Expr> keys, KeptKey kept, Binds binds) {
    List<ShardKey> located = new ArrayList<>(keys.size() / parts.size());
    for (int from = 0; from < keys.size(); from += parts.size()) {
      Object[] values = new Object[parts.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = KeyRouter.stored(parts.get(i), KeyCondition.value(keys.get(from + i), binds));
      }
      ShardKey key = ShardKey.of(values);
      kept.check(key, binds);
      located.add(key);
    }
    return new Routing.Rows(table, located);
  }

  private StatementPlan query(Statement.Insert insert, TableRule rule, Query query) {
    return queried(insert, rule, query).or(new WritePlanner(text, schema).plan(insert));
  }

  private StatementPlan queried(Statement.Insert insert, TableRule rule, Query query) {
    Place place = Place.outermost();
    Relation relation = analysis.query(query, place);
    if (rule instanceof TableRule.Reference) {
      if (!analysis.colocation().rows().isEmpty()) {
        throw new RefusedSqlException(
            RefusalCode.SCATTERED_WRITE_FORM, "a reference table filled from a sharded one");
      }
      if (numbered(insert.table().name()) != null) {
        throw numbers(insert);
      }
      return reference(insert.table().name(), query.limit() != null);
    }
    Rows target = analysis.mention(insert.table().name(), place.zone());
    if (target != null && rule instanceof TableRule.Sharded sharded) {
      kept(insert, checkKey(sharded));
      tie(insert, target, relation, place.zone());
    }
    return new StatementPlan(
        StatementKind.INSERT,
        ClusterRouter.of(analysis.colocation(), schema),
        StatementPlan.refusing(
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
        analysis.uuids().pair(analysis.colocation().key(number), expr);
        zone.add(new KeyCondition.Points(List.of(number), List.of(List.of(expr.bare())), true));
      }
    }
  }

  /**
   * A plan for a table whose copies may number its rows, so that all copies must be told the same
   * number.
   */
  private StatementPlan numbered(Statement.Insert insert, StatementPlan plan) {
    String number = numbered(insert.table().name());
    if (number == null) {
      return plan;
    }
    int index = indexOf(columns(insert), number);
    List<Expr> given = new ArrayList<>();
    for (Statement.InsertedRow row : insert.rows()) {
      Expr value = index < 0 || index >= row.values().size() ? null : row.values().get(index);
      if (value == null
          || !(value.bare() instanceof Expr.Marker || value.bare() instanceof Expr.Literal)) {
        throw numbers(insert);
      }
      given.add(value.bare());
    }
    return new StatementPlan(
        plan.kind(), numbered(plan.router(), given, numbers(insert)), plan.several());
  }

  private static ValueRouter numbered(
      ValueRouter router, List<Expr> given, RefusedSqlException refusal) {
    return binds -> {
      if (given.stream().anyMatch(value -> leavesNumber(KeyCondition.value(value, binds)))) {
        throw refusal;
      }
      return router.route(binds);
    };
  }

  /** Tells whether the server numbers a row of such a value by itself, or may do so. */
  private static boolean leavesNumber(@Nullable Object value) {
    return !(value instanceof Number number) || number.doubleValue() == 0;
  }

  private @Nullable String numbered(String table) {
    return schema.columns(table).stream()
        .filter(column -> column.filling() == Catalog.Filling.NUMBERED)
        .map(Catalog.Column::name)
        .findFirst()
        .orElse(null);
  }

  private static RefusedSqlException numbers(Statement.Insert insert) {
    return new RefusedSqlException(
        RefusalCode.NON_DETERMINISTIC,
        "rows of " + insert.table().name() + " that each copy numbers by AUTO_INCREMENT");
  }

  private StatementPlan reference(String table, boolean limited) {
    return ScatteredWrite.reference(
        StatementKind.INSERT, text, schema, analysis, Set.of(table), limited);
  }
}
