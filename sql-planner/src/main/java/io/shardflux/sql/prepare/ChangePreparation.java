package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.analysis.Block;
import io.shardflux.sql.gather.WritePlanner;
import io.shardflux.sql.keys.ClusterRouter;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.schema.Catalog;
import io.shardflux.sql.schema.KeyPart;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.schema.Scope;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.statement.ValueRouter;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Query;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Prepares an {@code UPDATE} or {@code DELETE}. */
@Internal
public record ChangePreparation(SqlText text, Schema schema, Analysis analysis) {

  public StatementPlan plan(Statement.Update update) {
    List<Expr> exprs = new ArrayList<>();
    for (Statement.Assignment assignment : update.assignments()) {
      exprs.add(assignment.column());
      if (assignment.value() != null) {
        exprs.add(assignment.value());
        analysis.uuids().text(assignment.value());
      }
    }
    update.changed().order().forEach(item -> exprs.add(item.expr()));
    Block block = analysis.changed(update.changed(), exprs);
    KeptKey kept = kept(update, block.scope());
    Predicate<Scope.Source> changed =
        source ->
            update.assignments().stream().anyMatch(assignment -> isOf(source, assignment.column()));
    block.scope().sources().stream().filter(changed).forEach(this::checkGivenKey);
    return queried(
        change(StatementKind.UPDATE, block, update.changed().isFirst(), changed, kept),
        block,
        update,
        update.changed());
  }

  /** What the update gives to key columns. Refuses what may be another value than a row has. */
  private KeptKey kept(Statement.Update update, Scope scope) {
    List<KeptKey.Given> kept = new ArrayList<>();
    for (Statement.Assignment assignment : update.assignments()) {
      Scope.Column column = scope.findHere(assignment.column());
      if (column != null && column.key() >= 0) {
        KeyPart part = analysis.colocation().key(column.key());
        Expr value = assignment.value() == null ? null : assignment.value().bare();
        boolean one = scope.sources().size() == 1;
        if (one && value != null && KeptKey.isKnown(value)) {
          analysis.uuids().pair(part, value);
          kept.add(new KeptKey.Given(part, value));
        } else if (!one || !isItself(value, part, scope)) {
          throw KeptKey.changed(part);
        }
      }
    }
    return new KeptKey(List.copyOf(kept));
  }

  private static boolean isItself(@Nullable Expr value, KeyPart part, Scope scope) {
    return value instanceof Expr.Name name
        && name.column().equalsIgnoreCase(part.column().name())
        && scope.findHere(name) != null;
  }

  /** Refuses a key that the server changes by itself as other columns change. */
  private void checkGivenKey(Scope.Source source) {
    for (Scope.Column column : source.columns()) {
      if (column.key() >= 0) {
        KeyPart part = analysis.colocation().key(column.key());
        if (part.column().filling() == Catalog.Filling.COMPUTED) {
          throw KeptKey.changed(part);
        }
      }
    }
  }

  private static boolean isOf(Scope.Source source, Expr.Name name) {
    return source.isNamed(name.table())
        && (name.table() != null || source.find(name.column()) != null);
  }

  public StatementPlan plan(Statement.Delete delete) {
    Block block =
        analysis.changed(
            delete.changed(),
            delete.changed().order().stream().map(Query.OrderItem::expr).toList());
    return queried(
        change(
            StatementKind.DELETE,
            block,
            delete.changed().isFirst(),
            source -> delete.targets().contains(source.alias()),
            new KeptKey(List.of())),
        block,
        delete,
        delete.changed());
  }

  /** The plan with another way to a write that several shards can't do as it is. */
  private StatementPlan queried(
      StatementPlan plan, Block block, Statement statement, Statement.Changed changed) {
    return block.refusal() == null && !changed.isFirst()
        ? plan
        : plan.or(new WritePlanner(text, schema).plan(statement));
  }

  private StatementPlan change(
      StatementKind kind,
      Block block,
      boolean limited,
      Predicate<Scope.Source> changed,
      KeptKey kept) {
    if (analysis.colocation().rows().isEmpty()) {
      return ScatteredWrite.reference(kind, text, schema, analysis, analysis.tables(), limited);
    }
    if (block.scope().sources().stream()
        .anyMatch(source -> source.reference() && changed.test(source))) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE_FORM, "a reference table changed by the rows of others");
    }
    ValueRouter router = kept.of(ClusterRouter.of(analysis.colocation(), schema));
    return new StatementPlan(kind, router, several(router, block.refusal(), limited));
  }

  private ShardPlanner several(
      ValueRouter router, @Nullable RefusedSqlException refusal, boolean limited) {
    if (refusal != null) {
      return StatementPlan.refusing(refusal);
    }
    if (limited) {
      return StatementPlan.refusing(
          new RefusedSqlException(
              RefusalCode.SCATTERED_WRITE_FORM, "LIMIT or ORDER BY in a write"));
    }
    ShardSql sql = SqlWriter.whole(text, analysis.sources());
    return (binds, hints, shards) -> {
      boolean keyed = router.route(binds) instanceof Routing.Keys;
      ScatteredWrite.checkPermitted(keyed, hints, shards);
      return ScatteredWrite.plan(keyed, sql, shards);
    };
  }
}
