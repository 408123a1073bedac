package io.shardflux.sql.prepare;

import io.shardflux.router.ShardId;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.schema.Copies;
import io.shardflux.sql.schema.Schema;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.StatementKind;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Plans writes that go to several shards as they are. */
final class ScatteredWrite {

  private ScatteredWrite() {}

  /**
   * Refuses a write that may not go to these shards.
   *
   * @param keyed whether they are the shards of keys that the statement names
   */
  static void checkPermitted(boolean keyed, Hints hints, List<ShardId> shards) {
    boolean permitted = hints.scatterWrites() == null ? keyed : hints.scatterWrites();
    if (!permitted) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE,
          "a write over " + new LinkedHashSet<>(shards).size() + " shards");
    }
  }

  /** A write to each shard. */
  static Plan plan(boolean keyed, ShardSql sql, List<ShardId> shards) {
    return new Plan.Writes(Plan.Part.each(shards, sql), false, keyed);
  }

  /** A write to each copy of the same rows. */
  static Plan copies(SqlText text, List<ShardId> shards) {
    return new Plan.Writes(Plan.Part.each(shards, SqlWriter.whole(text, List.of())), true, false);
  }

  /**
   * A change of every copy of reference tables, which must be the same on all copies.
   *
   * @param changed the tables that it may change; the statement may read others
   */
  static StatementPlan reference(
      StatementKind kind,
      SqlText text,
      Schema schema,
      Analysis analysis,
      Set<String> changed,
      boolean limited) {
    if (analysis.volatility().isVolatile()) {
      throw new RefusedSqlException(
          RefusalCode.NON_DETERMINISTIC, "a change of every copy of a reference table");
    }
    if (limited) {
      throw new RefusedSqlException(
          RefusalCode.SCATTERED_WRITE_FORM, "LIMIT in a change of a reference table");
    }
    Copies copies = new Copies(schema.topology(), analysis.tables());
    Routing everywhere = new Routing.Everywhere(copies.written(changed));
    return new StatementPlan(
        kind, binds -> everywhere, (binds, hints, shards) -> copies(text, shards));
  }
}
