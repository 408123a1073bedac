package io.shardflux.r2dbc.live;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Topologies at random, one behind the other, and the keys whose shards change by them. */
class KeyHistoryTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final List<ShardId> SHARDS =
      List.of(ShardId.of("a"), ShardId.of("b"), ShardId.of("c"));
  private static final List<ShardKey> KEYS =
      LongStream.range(0, 60).mapToObj(ShardKey::of).toList();
  private static final Map<ShardId, ShardServers> NO_SERVERS = Map.of();
  private static final List<Phase> PHASES = List.of(Phase.values());
  private static final List<String> USERS = List.of("users");

  private static ShardingStrategy slots(int... shards) {
    List<ShardId> slots = new ArrayList<>();
    for (int shard : shards) {
      slots.add(SHARDS.get(shard));
    }
    return ShardingStrategy.hashSlots(slots, HashFunction.CRC32);
  }

  /** The same strategies are made anew each time, as by a router that reads them. */
  private static ShardingStrategy rest(int which) {
    return switch (which) {
      case 0 -> slots(0, 0, 1, 1);
      case 1 -> slots(0, 2, 1, 2);
      default -> slots(1, 0, 2, 0);
    };
  }

  /** The way between two of them, with a step for each pair of shards that keys move between. */
  private static TransitionStrategy way(int from, int to) {
    ShardingStrategy old = rest(from);
    ShardingStrategy next = rest(to);
    Set<Step> steps = new LinkedHashSet<>();
    for (ShardKey key : KEYS) {
      if (!old.locate(key).equals(next.locate(key))) {
        steps.add(new Step(old.locate(key), next.locate(key), Phase.COPYING));
      }
    }
    return TransitionStrategy.of(old, next, List.copyOf(steps));
  }

  private static Epoch epoch(Topology topology) {
    return new Epoch(topology, NO_SERVERS);
  }

  private static Topology topology(long epoch, ShardingStrategy strategy) {
    Topology.Builder builder =
        Topology.builder()
            .epoch(epoch)
            .strategy("s", strategy)
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "s"));
    SHARDS.forEach(builder::shard);
    return builder.build();
  }

  private static List<ShardId> places(Epoch epoch) {
    return KEYS.stream()
        .map(key -> epoch.place("users", key).blockOptional(BOUND).orElseThrow().shard())
        .toList();
  }

  /** The next strategy of a router that sees each one: a move, its next phase, its end, or back. */
  private static ShardingStrategy next(Random random, ShardingStrategy now, int[] ends) {
    if (!(now instanceof TransitionStrategy way)) {
      ends[1] = (ends[0] + 1 + random.nextInt(2)) % 3;
      return random.nextInt(4) == 0 ? rest(ends[0]) : way(ends[0], ends[1]);
    }
    boolean all = way.steps().stream().allMatch(step -> step.phase() == Phase.SWITCHED);
    boolean none = way.steps().stream().noneMatch(step -> step.phase() == Phase.SWITCHED);
    if (all && random.nextBoolean()) {
      ends[0] = ends[1];
      return rest(ends[0]);
    }
    if (none && random.nextInt(3) == 0) {
      return rest(ends[0]);
    }
    List<Step> steps = new ArrayList<>(way.steps());
    int at = random.nextInt(steps.size());
    Phase phase = PHASES.get(random.nextInt(PHASES.size()));
    steps.set(
        at,
        steps.get(at).in(all || none ? phase : random.nextInt(3) == 0 ? phase : Phase.SWITCHED));
    return way(ends[0], ends[1], steps);
  }

  private static TransitionStrategy way(int from, int to, List<Step> steps) {
    return TransitionStrategy.of(rest(from), rest(to), steps);
  }

  /** What {@code movedSince} tells of any two of them is what keys did in between. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void tellsOfEachShardWhetherKeysCameOrLeft(long seed) {
    Random random = new Random(seed);
    int[] ends = {0, 0};
    List<Epoch> all = new ArrayList<>();
    all.add(epoch(topology(1, rest(0))));
    for (int i = 0; i < 60; i++) {
      Epoch last = all.get(i);
      ShardingStrategy strategy =
          next(random, Objects.requireNonNull(last.topology().strategies().get("s")), ends);
      all.add(last.then(topology(i + 2, strategy), NO_SERVERS));
    }
    List<List<ShardId>> places = all.stream().map(KeyHistoryTests::places).toList();
    for (int before = 0; before < all.size(); before++) {
      Set<ShardId> moved = new TreeSet<>();
      for (int now = before; now < all.size(); now++) {
        if (now > before) {
          moved.addAll(changed(places.get(now - 1), places.get(now)));
        }
        Epoch epoch = all.get(now);
        Epoch start = all.get(before);
        assertThat(epoch.movedSince(start, USERS))
            .as("%s %s", before, now)
            .isEqualTo(!moved.isEmpty());
        for (ShardId shard : SHARDS) {
          assertThat(epoch.movedSince(start, USERS, shard))
              .as("%s %s %s", before, now, shard)
              .isEqualTo(moved.contains(shard));
        }
      }
    }
  }

  private static Set<ShardId> changed(List<ShardId> before, List<ShardId> now) {
    Set<ShardId> changed = new TreeSet<>();
    for (int i = 0; i < before.size(); i++) {
      if (!before.get(i).equals(now.get(i))) {
        changed.add(before.get(i));
        changed.add(now.get(i));
      }
    }
    return changed;
  }

  /** A router that misses topologies can't know what was in between. */
  @Test
  void takesWhatWasNotSeenForAMove() {
    Epoch copying = epoch(topology(1, way(0, 1)));
    Epoch again = copying.then(topology(3, way(0, 1)), NO_SERVERS);
    assertThat(again.movedSince(copying, USERS)).isTrue();
    Epoch next = again.then(topology(4, way(0, 1)), NO_SERVERS);
    assertThat(next.movedSince(again, USERS)).isFalse();
    assertThat(next.movedSince(copying, USERS)).isTrue();
  }

  /** Keys that stay where they are did not move, though their strategy is another. */
  @Test
  void takesAMoveThatIsEndedOnItsWayForNone() {
    TransitionStrategy way = way(0, 1);
    List<Step> steps = new ArrayList<>(way.steps());
    steps.set(0, steps.get(0).in(Phase.SWITCHED));
    Epoch before = epoch(topology(1, way(0, 1, steps)));
    Epoch halted = before.then(topology(2, HaltedStrategy.of(way(0, 1, steps))), NO_SERVERS);
    assertThat(halted.movedSince(before, USERS)).isFalse();
    assertThat(places(halted)).isEqualTo(places(before));
    Epoch other = before.then(topology(2, HaltedStrategy.of(way)), NO_SERVERS);
    assertThat(other.movedSince(before, USERS)).isTrue();
  }

  /** A table on one shard may be pinned before and behind its move. */
  @Test
  void takesAPinnedTableForOneOnOneShard() {
    Epoch pinned = epoch(pinned(1, SHARDS.get(0)));
    Epoch way =
        pinned.then(
            topology(
                2,
                TransitionStrategy.of(
                    ShardingStrategy.fixed(SHARDS.get(0)),
                    ShardingStrategy.fixed(SHARDS.get(1)),
                    List.of(new Step(SHARDS.get(0), SHARDS.get(1), Phase.COPYING)))),
            NO_SERVERS);
    assertThat(way.movedSince(pinned, USERS)).isFalse();
    Epoch there =
        way.then(
            topology(
                3,
                TransitionStrategy.of(
                    ShardingStrategy.fixed(SHARDS.get(0)),
                    ShardingStrategy.fixed(SHARDS.get(1)),
                    List.of(new Step(SHARDS.get(0), SHARDS.get(1), Phase.SWITCHED)))),
            NO_SERVERS);
    assertThat(there.movedSince(way, USERS, SHARDS.get(0))).isTrue();
    assertThat(there.movedSince(way, USERS, SHARDS.get(2))).isFalse();
    assertThat(there.then(pinned(4, SHARDS.get(1)), NO_SERVERS).movedSince(there, USERS)).isFalse();
  }

  private static Topology pinned(long epoch, ShardId shard) {
    Topology.Builder builder =
        Topology.builder().epoch(epoch).table(new TableRule.Pinned("users", shard));
    SHARDS.forEach(builder::shard);
    return builder.build();
  }
}
