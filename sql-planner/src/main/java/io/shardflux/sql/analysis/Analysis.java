package io.shardflux.sql.analysis;

import io.shardflux.router.Internal;
import io.shardflux.router.TableRule;
import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.KeyCondition;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.schema.Volatility;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.syntax.Effort;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.RowPlace;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The analysis of a statement's queries and what is known of it so far, which all of them add to.
 * Not thread-safe.
 */
@Internal
public final class Analysis {

  /** The steps that a query takes whatever is in it. */
  private static final int OF_QUERY = 20;

  private static final int NONE = -1;

  private final Schema schema;
  private final Effort effort;
  private final int mixedUnion;
  private final Colocation colocation = new Colocation();
  private final UuidMarkers uuids = new UuidMarkers(colocation);
  private final Volatility volatility = new Volatility();
  private final Types types = new Types();
  private final Set<String> tables = new LinkedHashSet<>();
  private final Map<Integer, RowPlace> places = new HashMap<>();
  private final TreeMap<Integer, RowPlace> sources = new TreeMap<>();
  private final TreeMap<Integer, Span> unnamed = new TreeMap<>();
  private boolean usesReference;
  private @Nullable String keyTable;

  public Analysis(Schema schema, SqlText text) {
    this(schema, text, NONE);
  }

  /**
   * An analysis of a text with a set operation of which one shard alone gives the rows that all
   * have.
   *
   * @param mixedUnion where that set operation begins
   */
  public Analysis(Schema schema, SqlText text, int mixedUnion) {
    this.schema = schema;
    this.effort = new Effort(text);
    this.mixedUnion = mixedUnion;
  }

  /** The steps it takes. */
  public Effort effort() {
    return effort;
  }

  public Schema schema() {
    return schema;
  }

  public Colocation colocation() {
    return colocation;
  }

  /** The markers of UUIDs that a key column holds as bytes. */
  public UuidMarkers uuids() {
    return uuids;
  }

  public Volatility volatility() {
    return volatility;
  }

  public Types types() {
    return types;
  }

  /** Tells whether the statement names a reference table. */
  boolean usesReference() {
    return usesReference;
  }

  /** The tables that are named, in their order. */
  public Set<String> tables() {
    return tables;
  }

  /** The places for conditions of the tables whose rows the text takes, in its order. */
  public List<RowPlace> sources() {
    List<RowPlace> all = new ArrayList<>(sources.values());
    for (Span item : unnamed.values()) {
      sources
          .subMap(item.start(), item.end())
          .values()
          .forEach(inside -> all.add(new RowPlace(inside.table(), ShardSql.Way.COLUMN, item)));
    }
    return all;
  }

  /** Takes an item of a select list once the tables in it are known. */
  void item(Query.Item item) {
    if (item.alias() == null && !sources.subMap(item.span().start(), item.span().end()).isEmpty()) {
      unnamed.put(item.span().start(), item.span());
    }
  }

  /** Takes the places of what may be tables, or names of {@code WITH}. */
  void places(List<RowPlace> some) {
    some.forEach(place -> places.put(place.table().span().start(), place));
  }

  /** The table whose key a hint names: the first sharded one; null if there is none. */
  @Nullable
  public String keyTable() {
    return keyTable;
  }

  /** Takes a sharded table that a hint may name the key of, unless there was one before. */
  public void keyOf(String table) {
    keyTable = keyTable == null ? table : keyTable;
  }

  /** The rule of a table that the statement names. */
  public TableRule rule(String table) {
    TableRule rule = schema.rule(table);
    tables.add(table);
    return rule;
  }

  /** Takes a table whose rows a query takes; null for a reference table. */
  @Nullable Rows mention(Query.Table table, Rows.Zone zone) {
    // The queries of WITH are analysed wherever they are named.
    int at = table.span().start();
    sources.put(at, Objects.requireNonNull(places.get(at)));
    return mention(table.name(), zone);
  }

  /** Takes one more mention of a table; null for a reference table. */
  @Nullable
  public Rows mention(String table, Rows.Zone zone) {
    TableRule rule = rule(table);
    if (rule instanceof TableRule.Sharded sharded) {
      keyOf(table);
      return colocation.sharded(table, schema.keyParts(sharded), zone);
    }
    if (rule instanceof TableRule.Pinned pinned) {
      return colocation.pinned(table, pinned.shard(), zone);
    }
    usesReference = true;
    return null;
  }

  /** Analyses a query that is a part of a statement. */
  public Relation query(Query query, Place outer) {
    effort.enterQuery();
    effort.spend(OF_QUERY);
    checkOrder(query);
    Place place = outer.with(query.ctes());
    Relation relation =
        query.branches().size() == 1
            ? branch(query, query.branches().get(0), place)
            : union(query, place);
    effort.leaveQuery();
    return query.limit() == null ? relation : relation.limited();
  }

  private Relation union(Query query, Place place) {
    List<Relation> branches = new ArrayList<>();
    List<KeyCondition> alternatives = new ArrayList<>();
    for (Query.Branch branch : query.branches()) {
      Rows.Zone own = new Rows.Zone(place.zone());
      branches.add(branch(query, branch, place.in(own)));
      alternatives.add(KeyCondition.and(own.conditions()));
    }
    boolean mixes = query.span().start() == mixedUnion;
    Relation united =
        new UnionAnalysis(query, branches, colocation, mixes).relation(place.isAlone());
    // Each row is of one branch and satisfies its conditions, whether or not shards could merge it.
    place.zone().add(KeyCondition.or(alternatives));
    return united;
  }

  private Relation branch(Query query, Query.Branch branch, Place place) {
    if (branch.body() instanceof Query.Nested nested) {
      return query(nested.query(), place);
    }
    Query.Select select = (Query.Select) branch.body();
    // Its row is there whatever its conditions are, so that they say nothing of it.
    Place own = select.givesOneRow() ? place.in(new Rows.Zone(place.zone())) : place;
    return new Projection(select(select, query, own), types, colocation).relation();
  }

  /** Analyses a query that is one select. */
  public Block select(Query query, Query.Select select) {
    checkOrder(query);
    return select(select, query, Place.outermost().with(query.ctes()));
  }

  private Block select(Query.Select select, Query query, Place place) {
    boolean alone = query.branches().size() == 1;
    return new BlockAnalysis(this, place).select(select, alone ? query.order() : List.of());
  }

  /**
   * Refuses an order that would make one group of all rows without an aggregate in the select list,
   * and a query in an order that belongs to no select, whose tables nobody would route.
   */
  private static void checkOrder(Query query) {
    Query.Select select = query.select();
    if (select == null) {
      query.order().forEach(item -> item.expr().walk(Analysis::isNoQuery));
    }
    if (query.order().stream().anyMatch(item -> item.expr().aggregates())
        && (select == null || !select.isGrouped())) {
      throw new RefusedSqlException(RefusalCode.AGGREGATE, "an order by an aggregate of no group");
    }
  }

  private static boolean isNoQuery(Expr expr) {
    if (expr instanceof Expr.Subquery) {
      throw new RefusedSqlException(
          RefusalCode.CROSS_SHARD_SUBQUERY, "a query in the order of a set operation");
    }
    return true;
  }

  /** Analyses the tables and conditions of an {@code UPDATE} or {@code DELETE}. */
  public Block changed(Statement.Changed changed, List<Expr> others) {
    return new BlockAnalysis(this, Place.outermost().with(changed.ctes())).changed(changed, others);
  }
}
