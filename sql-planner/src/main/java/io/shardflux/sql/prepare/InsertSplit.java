package io.shardflux.sql.prepare;

import io.shardflux.router.ShardId;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.syntax.Span;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.SqlWriter;
import io.shardflux.sql.syntax.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An {@code INSERT} whose rows go to a shard each. Immutable.
 *
 * @param head up to and with {@code VALUES}
 * @param rows where each row starts and where it ends in the text
 * @param tail from behind the last row on
 */
record InsertSplit(SqlText text, Span head, List<Span> rows, Span tail) implements ShardPlanner {

  static InsertSplit of(SqlText text, Statement.Insert insert) {
    return new InsertSplit(
        text,
        insert.head(),
        insert.rows().stream().map(Statement.InsertedRow::span).toList(),
        insert.tail());
  }

  @Override
  public Plan plan(Binds binds, Hints hints, List<ShardId> shards) {
    ScatteredWrite.checkPermitted(true, hints, shards);
    Map<ShardId, SqlWriter> written = new LinkedHashMap<>();
    for (int i = 0; i < shards.size(); i++) {
      SqlWriter known = written.get(shards.get(i));
      SqlWriter sql = known == null ? new SqlWriter(text).add(head) : known;
      sql.add(known == null ? " " : ", ").add(rows.get(i));
      written.put(shards.get(i), sql);
    }
    List<Plan.Part> parts =
        written.entrySet().stream()
            .map(each -> new Plan.Part(each.getKey(), each.getValue().add(tail).done()))
            .toList();
    return new Plan.Writes(parts, false, true);
  }
}
