package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The texts that the shards are sent, and how their answers become one. Immutable. */
public sealed interface Plan {

  /** {@return the shards, at least one, each with its text} */
  List<Part> parts();

  /**
   * One shard's share.
   *
   * @param shard the shard
   * @param sql the text that it is sent
   */
  record Part(ShardId shard, ShardSql sql) {

    /**
     * {@return the same text for each shard}
     *
     * @param shards the shards, each once
     * @param sql the text for all of them
     */
    @Internal
    public static List<Part> each(List<ShardId> shards, ShardSql sql) {
      return shards.stream().map(shard -> new Part(shard, sql)).toList();
    }
  }

  /**
   * A plan whose answer is one shard's, as it is.
   *
   * @param part the shard and its SQL
   */
  record Direct(Part part) implements Plan {

    @Override
    public List<Part> parts() {
      return List.of(part);
    }
  }

  /**
   * A plan that merges several shards' rows.
   *
   * @param parts at least two
   * @param merge how the rows become one answer
   * @param columns the names that the answer's columns must have, null where the text says them
   *     itself; a shard that names them otherwise has other columns than were known
   */
  record Scatter(List<Part> parts, Merge merge, @Nullable List<String> columns) implements Plan {

    /**
     * A plan for a text that itself says what the columns are named.
     *
     * @param parts at least two
     * @param merge how the rows become one answer
     */
    public Scatter(List<Part> parts, Merge merge) {
      this(parts, merge, null);
    }
  }

  /**
   * A plan of several shards' changes. The count of rows is the sum of theirs, or that of any one
   * shard where each changes its own copy.
   *
   * @param parts at least two
   * @param copies whether each shard changes its copy of the same rows
   * @param keyed whether they are the shards of keys that the statement names
   */
  record Writes(List<Part> parts, boolean copies, boolean keyed) implements Plan {}

  /**
   * A plan of definitions, which no transaction can undo: one shard after the other, until one
   * fails.
   *
   * @param parts at least two
   */
  record Definitions(List<Part> parts) implements Plan {}
}
