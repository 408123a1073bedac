package io.shardflux.sql.merge;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the shards are sent, and how their answers become one. Immutable. */
public sealed interface Plan {

  /** The shards with what each is sent, at least one. */
  List<Part> parts();

  /**
   * One shard's share.
   *
   * @param shard the shard
   * @param sql what it is sent
   */
  record Part(ShardId shard, ShardSql sql) {

    /** The same to each. */
    @Internal
    public static List<Part> each(List<ShardId> shards, ShardSql sql) {
      return shards.stream().map(shard -> new Part(shard, sql)).toList();
    }
  }

  /**
   * The answer is one shard's, as it is.
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
   * Several shards' rows, merged.
   *
   * @param parts at least two
   * @param merge how
   * @param columns what the answer's columns are to be named, null where the text says it itself; a
   *     shard that names them otherwise has other columns than were known
   */
  record Scatter(List<Part> parts, Merge merge, @Nullable List<String> columns) implements Plan {

    /** Of a text that says itself what the columns are named. */
    public Scatter(List<Part> parts, Merge merge) {
      this(parts, merge, null);
    }
  }

  /**
   * Several shards' changes; the count of rows is the sum of theirs, or that of any one shard where
   * each changes its own copy.
   *
   * @param parts at least two
   * @param copies whether each shard changes its copy of the same rows
   * @param keyed whether they are the shards of keys that the statement names
   */
  record Writes(List<Part> parts, boolean copies, boolean keyed) implements Plan {}
}
