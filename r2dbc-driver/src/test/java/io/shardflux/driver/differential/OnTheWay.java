package io.shardflux.driver.differential;

import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Keys that are on their way to other shards, and their rows on the shards that don't own them. */
final class OnTheWay {

  private static final Duration BOUND = Duration.ofSeconds(10);

  /** The distance of the row that a copy has its values of. */
  private static final int OTHER = 7;

  private OnTheWay() {}

  /**
   * The ways of the tables' strategies to others.
   *
   * @param phase that of all steps
   * @param rings whether the servers know how a ring hashes
   */
  static Map<String, ShardingStrategy> strategies(Phase phase, boolean rings) {
    Map<String, ShardingStrategy> ways = new LinkedHashMap<>(DifferentialTables.strategies());
    Map<String, ShardingStrategy> others = DifferentialTables.others();
    ways.replaceAll(
        (name, old) ->
            name.equals("by_ring") && !rings
                ? old
                : way(old, others.getOrDefault(name, old), phase));
    return ways;
  }

  private static ShardingStrategy way(ShardingStrategy old, ShardingStrategy next, Phase phase) {
    List<Step> steps = new ArrayList<>();
    for (ShardId from : old.shards()) {
      for (ShardId to : next.shards()) {
        if (!from.equals(to)) {
          steps.add(new Step(from, to, phase));
        }
      }
    }
    return TransitionStrategy.of(old, next, steps);
  }

  /**
   * What a shard has of rows that another one owns, with other values, so that it shows where they
   * count. While keys are copied, some are there.
   */
  static List<List<@Nullable Object>> copies(Table table, TransitionStrategy way, ShardId shard) {
    List<List<@Nullable Object>> copies = new ArrayList<>();
    for (int i = 0; i < table.rows().size(); i++) {
      List<@Nullable Object> row = table.rows().get(i);
      KeyPlace place = way.place(table.keyOf(row)).blockOptional(BOUND).orElseThrow();
      Step step = place.step();
      if (step == null || (step.phase() == Phase.COPYING && i % 2 == 0)) {
        continue;
      }
      ShardId other = place.shard().equals(step.from()) ? step.to() : step.from();
      if (other.equals(shard)) {
        copies.add(changed(table, row, table.rows().get((i + OTHER) % table.rows().size())));
      }
    }
    return copies;
  }

  private static List<@Nullable Object> changed(
      Table table, List<@Nullable Object> row, List<@Nullable Object> other) {
    List<@Nullable Object> copy = new ArrayList<>(row);
    int kept = Math.max(table.primary(), table.key().size());
    for (int i = kept; i < copy.size(); i++) {
      copy.set(i, other.get(i));
    }
    return copy;
  }
}
