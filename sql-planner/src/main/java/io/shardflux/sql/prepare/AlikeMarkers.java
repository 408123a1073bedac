package io.shardflux.sql.prepare;

import io.shardflux.router.ShardId;
import io.shardflux.sql.analysis.Analysis;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.merge.ShardPlanner;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.SqlText;
import io.shardflux.sql.syntax.Statement;
import io.shardflux.sql.syntax.StatementParser;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Plans a read once its values are known, because it is refused unless some of its markers have the
 * same value: {@code SELECT a % ? … GROUP BY a % ?}. Thread-safe.
 */
final class AlikeMarkers implements ShardPlanner {

  private final ReadPreparation preparation;
  private final RefusedSqlException refusal;
  private volatile @Nullable Known last;

  AlikeMarkers(ReadPreparation preparation, RefusedSqlException refusal) {
    this.preparation = preparation;
    this.refusal = refusal;
  }

  /** The plan for some markers that are alike. */
  private record Known(List<Integer> first, ShardPlanner planner) {}

  /** No plan, as the markers don't make one of it. */
  ShardPlanner refusing() {
    return StatementPlan.refusing(refusal);
  }

  @Override
  public Plan plan(Binds binds, Hints hints, List<ShardId> shards) {
    List<Integer> first = first(binds);
    Known known = last;
    if (known == null || !known.first().equals(first)) {
      known = new Known(first, planner(first));
      last = known;
    }
    return known.planner().plan(binds, hints, shards);
  }

  /** For each marker the first one with the same value. */
  private static List<Integer> first(Binds binds) {
    Map<Object, Integer> firsts = new HashMap<>();
    List<Integer> first = new ArrayList<>(binds.size());
    for (int i = 0; i < binds.size(); i++) {
      Object value = binds.get(i);
      Integer before = value == null ? null : firsts.putIfAbsent(value, i);
      first.add(before == null ? i : before);
    }
    return first;
  }

  private ShardPlanner planner(List<Integer> first) {
    if (new HashSet<>(first).size() == first.size()) {
      throw refusal;
    }
    SqlText read = SqlText.read(preparation.text().text(), preparation.options()).alike(first);
    Statement statement = StatementParser.parse(read);
    SqlText text = read.parsed();
    Analysis analysis = new Analysis(preparation.schema(), text);
    return new ReadPreparation(text, preparation.schema(), preparation.options(), analysis, false)
        .alike(((Statement.Read) statement).query());
  }
}
