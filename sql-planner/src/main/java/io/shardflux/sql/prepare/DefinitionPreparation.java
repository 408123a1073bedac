package io.shardflux.sql.prepare;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Copies;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Prepares a definition of tables, which may not be there yet. */
@Internal
public record DefinitionPreparation(SqlText text, Schema schema, Analysis analysis) {

  public StatementPlan plan(Statement.Definition definition) {
    definition.tables().forEach(table -> analysis.tables().add(table));
    Set<Routing> places = new LinkedHashSet<>();
    definition.tables().forEach(table -> places.add(place(table)));
    if (places.size() > 1) {
      throw refused("tables on different shards", "define each table by a statement of its own");
    }
    definition.renamed().forEach(this::checkRenamed);
    checkKey(definition);
    Routing place = places.iterator().next();
    return new StatementPlan(
        StatementKind.OTHER,
        binds -> place,
        (binds, hints, shards) -> everyShard(definition.verb(), hints, shards));
  }

  private TableRule rule(String table) {
    TableRule rule = schema.topology().tables().get(table);
    if (rule == null) {
      throw new RefusedSqlException(
          RefusalCode.UNKNOWN_TABLE,
          table + ": not in the topology (" + schema.topology().tables().keySet() + ")");
    }
    return rule;
  }

  private Routing place(String table) {
    TableRule rule = rule(table);
    if (schema.topology().pinnedWhile(rule) instanceof TableRule.Pinned pinned) {
      return new Routing.On(pinned.shard());
    }
    if (rule instanceof TableRule.Reference reference) {
      if (!reference.joining().isEmpty()) {
        throw new RefusedSqlException(
            RefusalCode.TABLE_MOVING,
            table + ": being copied to " + reference.joining(),
            "define it once the copy is made");
      }
      return new Routing.Everywhere(
          new Copies(schema.topology(), Set.of(table)).written(Set.of(table)));
    }
    return new Routing.Everywhere(schema.shards(table));
  }

  /** Refuses to give rows a name whose rule has them elsewhere. */
  private void checkRenamed(Statement.Definition.Renamed renamed) {
    TableRule from = rule(renamed.from());
    TableRule to = rule(renamed.to());
    boolean alike =
        (from instanceof TableRule.Sharded some && to instanceof TableRule.Sharded other)
            ? some.strategy().equals(other.strategy()) && some.key().equals(other.key())
            : from.getClass() == to.getClass();
    if (!alike) {
      throw refused(
          renamed.from() + " as " + renamed.to() + ", whose rule places rows otherwise",
          "write the rows into a table of that rule");
    }
  }

  /** Refuses what may change the values that the rows of a sharded table are placed by. */
  private void checkKey(Statement.Definition definition) {
    String table = definition.tables().get(0);
    TableRule.Sharded rule = definition.verb().equals("ALTER") ? schema.sharded(table) : null;
    if (rule == null) {
      return;
    }
    for (KeyColumn part : rule.key()) {
      boolean named = definition.changed().stream().anyMatch(part.name()::equalsIgnoreCase);
      if (named || (definition.converts() && part.type() == KeyType.TEXT)) {
        throw refused(
            table + "." + part.name() + ": a key column, by which the rows are placed",
            "write the rows into a table that has the key so, or name each shard by a hint where no"
                + " value changes");
      }
    }
  }

  private Plan everyShard(String verb, Hints hints, List<ShardId> shards) {
    if (!Boolean.TRUE.equals(hints.everyShard())) {
      throw refused(
          verb + " on " + shards.size() + " shards", "permit it by the hint every-shard=true");
    }
    List<ShardId> sorted = List.copyOf(new TreeSet<>(shards));
    return new Plan.Definitions(Plan.Part.each(sorted, SqlWriter.whole(text, List.of())));
  }

  private static RefusedSqlException refused(String reason, String wayOut) {
    return new RefusedSqlException(RefusalCode.STATEMENT, reason, wayOut);
  }
}
