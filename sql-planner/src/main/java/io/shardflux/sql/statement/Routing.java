package io.shardflux.sql.statement;

import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.List;
import java.util.Set;

/** The rows or shards that a statement touches with certain values. Immutable. */
public sealed interface Routing {

  /**
   * No row can satisfy the statement. Any one shard gives the answer, which may well have a row:
   * {@code COUNT(*)} is 0.
   */
  record Nowhere() implements Routing {}

  /** A read that every shard answers alike, of reference tables or of no table. */
  record Anywhere() implements Routing {}

  /**
   * One shard: that of a pinned table or of a hint.
   *
   * @param shard the shard
   */
  record On(ShardId shard) implements Routing {}

  /**
   * Rows of certain keys.
   *
   * @param table the table by whose rule the keys are located
   * @param keys each once, at least one
   */
  record Keys(String table, List<ShardKey> keys) implements Routing {}

  /**
   * Rows whose first key part lies in certain ranges. The strategy's {@code touching} gives the
   * shards.
   *
   * @param table the table by whose strategy the ranges are looked up
   * @param ranges at least one
   */
  record Ranges(String table, List<KeyRange> ranges) implements Routing {}

  /**
   * Any row of a table: all of these shards.
   *
   * @param shards at least one
   */
  record Everywhere(Set<ShardId> shards) implements Routing {}

  /**
   * The rows that an {@code INSERT} brings. Its plan needs the shard of each row.
   *
   * @param table the table by whose rule the keys are located
   * @param keys one for each row, in the order of the text
   */
  record Rows(String table, List<ShardKey> keys) implements Routing {}

  /**
   * Several routings at once, as of tables that aren't colocated: the shards of all parts together.
   * If these are several shards, the plan refuses the statement.
   *
   * @param parts at least two, none of them {@code Rows} or {@code Together}
   */
  record Together(List<Routing> parts) implements Routing {}
}
