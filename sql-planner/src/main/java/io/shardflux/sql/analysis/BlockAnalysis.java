package io.shardflux.sql.analysis;

import io.shardflux.sql.keys.Colocation;
import io.shardflux.sql.keys.Rows;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.RowPlace;
import io.shardflux.sql.syntax.SelectItems;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.Statement;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The analysis of one select, clause by clause. Not thread-safe. */
final class BlockAnalysis {

  private final Analysis analysis;
  private final Colocation colocation;
  private final Place place;
  private final Scope scope;
  private final BlockRows rows = new BlockRows();
  private final Conditions conditions;
  private final ExprAnalysis exprs;
  private final FromAnalysis sources;

  BlockAnalysis(Analysis analysis, Place place) {
    this.analysis = analysis;
    this.colocation = analysis.colocation();
    this.place = place;
    this.scope = new Scope(place.outer());
    this.conditions = new Conditions(scope, colocation);
    this.exprs = new ExprAnalysis(analysis, scope, place, rows);
    this.sources = new FromAnalysis(analysis, scope, place.names(), rows, conditions, exprs);
  }

  /** Analyses a select with the {@code ORDER BY} of the query that it is alone in. */
  Block select(Query.Select select, List<Query.OrderItem> order) {
    int end = select.sources() == null ? 0 : select.sources().end();
    analysis.places(RowPlace.of(select.from(), select.condition(), end));
    boolean fromSharded = from(select.from());
    where(select.where());
    for (Query.Item item : select.items()) {
      if (item.expr() != null) {
        exprs.visit(item.expr(), null);
        analysis.item(item);
      }
    }
    Block block = new Block(scope, select, rows.mentions(), null);
    select.group().forEach(expr -> exprs.visit(block.grouped(expr), select));
    if (select.having() != null) {
      exprs.visit(select.having(), select);
    }
    select.windows().forEach(window -> exprs.visit(window, null));
    order.forEach(item -> exprs.visit(item.expr(), select));
    return block(select, fromSharded);
  }

  /** Analyses the tables and conditions of an {@code UPDATE} or {@code DELETE}. */
  Block changed(Statement.Changed changed, List<Expr> others) {
    analysis.places(
        RowPlace.of(changed.tables(), changed.condition(), changed.end()).stream()
            .map(RowPlace::ofChanged)
            .toList());
    boolean fromSharded = from(changed.tables());
    where(changed.where());
    others.forEach(expr -> exprs.visit(expr, null));
    Query.Select select =
        new Query.Select(
            Span.NONE,
            false,
            new SelectItems(List.of()),
            Span.NONE,
            null,
            changed.tables(),
            changed.where(),
            changed.condition(),
            List.of(),
            false,
            null,
            List.of());
    return block(select, fromSharded);
  }

  /** Takes the sources; whether rows of a sharded or pinned table are among theirs. */
  private boolean from(List<Query.From> tables) {
    boolean sharded = false;
    for (Query.From table : tables) {
      // A query inside an ON may take other rows.
      sharded |= !sources.add(table, place.zone(), false).isEmpty();
    }
    return sharded;
  }

  private void where(@Nullable Expr where) {
    if (where != null) {
      conditions.add(where, place.zone(), null);
    }
    conditions.attach();
    if (where != null) {
      exprs.visit(where, null);
    }
  }

  private Block block(Query.Select select, boolean fromSharded) {
    List<Rows> mentions = rows.mentions();
    if (!colocation.isCluster(mentions)) {
      rows.refuse(
          new RefusedSqlException(
              RefusalCode.CROSS_SHARD_JOIN,
              "tables that aren't joined by all their key columns: "
                  + mentions.stream().map(Rows::table).distinct().toList()));
    }
    if (!fromSharded && !mentions.isEmpty()) {
      rows.refuse(
          new RefusedSqlException(
              RefusalCode.CROSS_SHARD_SUBQUERY, "rows of every shard, chosen by a sharded table"));
    }
    return new Block(scope, select, List.copyOf(mentions), rows.refusal());
  }
}
