package io.shardflux.sql;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.sql.Foreseen.Answer;
import io.shardflux.sql.gather.QueriedWrite;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import java.time.LocalDateTime;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * How texts are answered by a topology, whatever their values. Values of several types stand for
 * those of markers; the best answer counts, as a value of another type than the key's is refused.
 */
record Foresight(Topology topology, Hints defaults, boolean gathers) {

  /** The number of markers, at most, that get a value of another type than the others. */
  private static final int MOST_VARIED = 8;

  private static final List<IntFunction<Object>> VALUES =
      List.of(
          i -> (long) i + 1,
          i -> "v" + i,
          i -> new UUID(i, i),
          i -> LocalDateTime.of(2026, 1, 1, 0, 0).plusDays(i),
          i -> new byte[] {(byte) i});

  /**
   * An answer.
   *
   * @param refusal the reason of one that is refused
   */
  record Told(Answer answer, @Nullable RefusalCode refusal) {

    static Told of(Answer answer) {
      return new Told(answer, null);
    }

    boolean isBetterThan(Told other) {
      return answer.compareTo(other.answer) < 0;
    }
  }

  /** The answer of a text that is analysed by this topology. */
  Told of(Prepared prepared) {
    Told best = null;
    for (IntFunction<Object> value : VALUES) {
      Told told = with(prepared, value);
      best = best == null || (told != null && told.isBetterThan(best)) ? told : best;
    }
    // Its keys have values of yet another type.
    return best == null ? Told.of(Answer.KEYED) : best;
  }

  /** The best answer of values of one type, of which some may be of another one. */
  private @Nullable Told with(Prepared prepared, IntFunction<Object> value) {
    int markers = prepared.markers().size();
    Object[] values = IntStream.range(0, markers).mapToObj(value).toArray();
    Told best = with(prepared, values);
    for (int i = 0; i < Math.min(markers, MOST_VARIED); i++) {
      for (IntFunction<Object> other : VALUES) {
        if (best != null && best.answer == Answer.KEYED) {
          return best;
        }
        Object kept = values[i];
        values[i] = other.apply(i);
        Told told = with(prepared, values);
        if (told != null && (best == null || told.isBetterThan(best))) {
          best = told;
        } else {
          values[i] = kept;
        }
      }
    }
    return best;
  }

  private @Nullable Told with(Prepared prepared, Object[] values) {
    Hints hints = prepared.hints().or(defaults);
    Binds binds = Binds.of(values);
    try {
      Routing routing = prepared.route(binds, hints);
      List<ShardId> shards = shards(routing);
      prepared.plan(binds, hints, shards);
      return Told.of(
          isKeyed(routing) || Set.copyOf(shards).size() == 1 ? Answer.KEYED : Answer.SCATTERED);
    } catch (RefusedSqlException refusal) {
      return refusal.code() == RefusalCode.KEY_VALUE && values.length > 0
          ? null
          : refused(prepared, hints, refusal);
    }
  }

  private Told refused(Prepared prepared, Hints hints, RefusedSqlException refusal) {
    QueriedWrite write = prepared.queried(refusal);
    boolean otherwise =
        write == null
            ? gathers && (prepared.ahead(refusal) != null || prepared.gather(refusal) != null)
            : !(write.found() instanceof QueriedWrite.Keys)
                || Boolean.TRUE.equals(hints.readThenWrite());
    return otherwise ? Told.of(Answer.GATHERED) : new Told(Answer.REFUSED, refusal.code());
  }

  private static boolean isKeyed(Routing routing) {
    return routing instanceof Routing.Keys
        || routing instanceof Routing.Rows
        || routing instanceof Routing.Nowhere;
  }

  /** Shards as such a routing has them; which ones are those of a key does not matter. */
  private List<ShardId> shards(Routing routing) {
    List<ShardId> all = List.copyOf(topology.shards());
    if (routing instanceof Routing.On on) {
      return List.of(on.shard());
    }
    if (routing instanceof Routing.Rows rows) {
      return IntStream.range(0, rows.keys().size()).mapToObj(i -> all.get(i % all.size())).toList();
    }
    if (routing instanceof Routing.Keys keys) {
      return all.subList(0, Math.min(all.size(), keys.keys().size()));
    }
    if (routing instanceof Routing.Ranges ranges) {
      ShardingStrategy strategy = topology.strategy(ranges.table());
      Set<ShardId> touched = new LinkedHashSet<>();
      ranges.ranges().forEach(range -> touched.addAll(strategy.touching(range)));
      return touched.isEmpty() ? all.subList(0, 1) : List.copyOf(touched);
    }
    if (routing instanceof Routing.Everywhere everywhere) {
      return List.copyOf(everywhere.shards());
    }
    if (routing instanceof Routing.Together together) {
      return together.parts().stream()
          .map(this::shards)
          .flatMap(Collection::stream)
          .distinct()
          .toList();
    }
    return all.subList(0, 1);
  }

  /** Tells whether a statement may be another one's where the rules of some tables change. */
  static boolean concerns(Prepared prepared, Topology now, Topology then) {
    return prepared.tables().stream().anyMatch(table -> !alike(table, now, then));
  }

  private static boolean alike(String table, Topology now, Topology then) {
    TableRule rule = now.tables().get(table);
    return rule != null
        && rule.equals(then.tables().get(table))
        && !(rule instanceof TableRule.Sharded sharded
            && now.strategies().get(sharded.strategy())
                != then.strategies().get(sharded.strategy()));
  }
}
