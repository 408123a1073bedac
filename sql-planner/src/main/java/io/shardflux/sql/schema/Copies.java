package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The reference tables of a statement, of which some shards may lack a copy.
 *
 * @param shards all shards
 * @param rules the rules of these tables
 */
@Internal
public record Copies(Set<ShardId> shards, List<TableRule.Reference> rules) {

  /** Those without some tables. */
  public Copies without(Set<String> tables) {
    return new Copies(
        shards, rules.stream().filter(rule -> !tables.contains(rule.table())).toList());
  }

  /** Those of some tables, which may have others among them. */
  public Copies(Topology topology, Collection<String> tables) {
    this(
        topology.shards(),
        tables.stream()
            .map(table -> topology.tables().get(table))
            .filter(TableRule.Reference.class::isInstance)
            .map(TableRule.Reference.class::cast)
            .toList());
  }

  /**
   * Checks that shards have all copies, so that the statement may read them there.
   *
   * @throws RefusedSqlException if one lacks a copy
   */
  public void checkRead(Collection<ShardId> some) {
    for (TableRule.Reference rule : rules) {
      if (!rule.isEverywhere()) {
        some.stream()
            .filter(shard -> !rule.isReadOn(shard))
            .findFirst()
            .ifPresent(shard -> refuse(rule, shard));
      }
    }
  }

  /**
   * The shards on which a change of some of the tables must be made.
   *
   * @param changed their names
   * @throws RefusedSqlException if a shard has a table that changes, and lacks one that the change
   *     depends on
   */
  public Set<ShardId> written(Set<String> changed) {
    if (rules.stream().allMatch(TableRule.Reference::isEverywhere)) {
      return shards;
    }
    Set<ShardId> written = new LinkedHashSet<>();
    for (ShardId shard : shards) {
      if (isWritten(changed, shard)) {
        checkAlike(changed, shard);
        written.add(shard);
      }
    }
    return written;
  }

  private boolean isWritten(Set<String> changed, ShardId shard) {
    return rules.stream()
        .anyMatch(rule -> changed.contains(rule.table()) && rule.isWrittenOn(shard));
  }

  /** A copy that is being made takes rows of others that are, as all are compared in the end. */
  private void checkAlike(Set<String> changed, ShardId shard) {
    boolean joining =
        rules.stream()
            .filter(rule -> changed.contains(rule.table()))
            .allMatch(rule -> rule.joining().contains(shard));
    for (TableRule.Reference rule : rules) {
      if (!rule.isReadOn(shard) && !(joining && rule.isWrittenOn(shard))) {
        refuse(rule, shard);
      }
    }
  }

  private static void refuse(TableRule.Reference rule, ShardId shard) {
    throw new RefusedSqlException(
        RefusalCode.COPY_MISSING,
        rule.table()
            + " on "
            + shard
            + (rule.isWrittenOn(shard) ? ", where it is being copied" : ", where it is not yet"));
  }
}
