package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.fail;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

/** Which keys change their shard when a strategy is made anew. */
class RebalancingTests {

  private static final List<ShardId> SHARDS = ids("a", "b", "c", "d", "e", "f", "g");
  private static final List<ShardKey> KEYS =
      LongStream.range(0, 1_000).mapToObj(ShardKey::of).toList();
  private static final List<ShardKey> DAYS =
      LongStream.range(0, 1_000).mapToObj(n -> ShardKey.of(LocalDate.ofEpochDay(n * 7))).toList();

  @Provide
  Arbitrary<List<ShardId>> some() {
    return Arbitraries.shuffle(SHARDS)
        .flatMap(
            all -> Arbitraries.integers().between(1, SHARDS.size()).map(n -> all.subList(0, n)));
  }

  /** Strategies over shards that all get the same number of keys, by the one integer of a key. */
  private static List<ShardingStrategy> even(List<ShardId> shards) {
    return List.of(
        ShardingStrategy.hash(shards),
        ShardingStrategy.hash(shards, 97, HashFunction.MD5),
        ShardingStrategy.consistent(shards),
        ShardingStrategy.tenant(
            Map.of(ShardKey.of(-1), ShardingStrategy.fixed(id("a"))),
            ShardingStrategy.hash(shards)));
  }

  @Property(tries = 40)
  void aSpreadOverMoreShardsMovesKeysToTheNewOnesAlone(
      @ForAll("some") List<ShardId> before, @ForAll("some") List<ShardId> more) {
    Set<ShardId> all = new LinkedHashSet<>(before);
    all.addAll(more);
    for (ShardingStrategy old : even(before)) {
      ShardingStrategy next = Rebalancing.spread(old, all);
      KEYS.forEach(key -> assertStaysOrGoes(old, next, key, before));
    }
    ShardingStrategy turns = ShardingStrategy.time(TimePeriod.WEEK, Map.of(), before);
    ShardingStrategy next = Rebalancing.spread(turns, all);
    DAYS.forEach(day -> assertStaysOrGoes(turns, next, day, before));
  }

  private static void assertStaysOrGoes(
      ShardingStrategy old, ShardingStrategy next, ShardKey key, List<ShardId> before) {
    ShardId from = old.locate(key);
    ShardId to = next.locate(key);
    if (!to.equals(from) && before.contains(to)) {
      fail("%s from %s to %s, by %s and %s", key, from, to, old, next);
    }
  }

  @Property(tries = 40)
  void aSpreadIsEvenAndMovesTheFewestSlots(
      @ForAll long seed,
      @ForAll @IntRange(min = 7, max = 300) int count,
      @ForAll("some") List<ShardId> over) {
    Random random = new Random(seed);
    List<ShardId> slots =
        IntStream.range(0, count).mapToObj(i -> SHARDS.get(random.nextInt(7))).toList();
    ShardingStrategy next =
        Rebalancing.spread(ShardingStrategy.hashSlots(slots, HashFunction.CRC32), over);
    List<ShardId> others = ((HashStrategy) next).slots();
    Map<ShardId, Long> owned = counted(others);
    assertThat(owned.keySet()).containsExactlyInAnyOrderElementsOf(over);
    int low = count / over.size();
    assertThat(owned.values()).allMatch(n -> n == low || n == low + 1);
    long moved = IntStream.range(0, count).filter(i -> !slots.get(i).equals(others.get(i))).count();
    assertThat(moved).isEqualTo(fewest(counted(slots), over, count));
  }

  /** The slots that must move: what each shard has above its part, given the best parts. */
  private static long fewest(Map<ShardId, Long> now, List<ShardId> over, int count) {
    int low = count / over.size();
    int higher = count % over.size();
    long kept = 0;
    for (ShardId shard : over) {
      kept += Math.min(now.getOrDefault(shard, 0L), low);
    }
    long full = over.stream().filter(shard -> now.getOrDefault(shard, 0L) > low).count();
    return count - kept - Math.min(full, higher);
  }

  private static Map<ShardId, Long> counted(List<ShardId> slots) {
    Map<ShardId, Long> counted = new HashMap<>();
    slots.forEach(slot -> counted.merge(slot, 1L, Long::sum));
    return counted;
  }

  /** Strategies of every kind, by the one integer of a key. */
  private static List<ShardingStrategy> kinds(List<ShardId> shards, Random random) {
    List<ShardId> slots =
        IntStream.range(0, 40).mapToObj(i -> shards.get(random.nextInt(shards.size()))).toList();
    Map<ShardId, Integer> weights = new HashMap<>();
    shards.forEach(shard -> weights.put(shard, 1 + random.nextInt(3)));
    String[] owners = slots.subList(0, 4).stream().map(ShardId::value).toArray(String[]::new);
    return List.of(
        ShardingStrategy.hashSlots(slots, HashFunction.MD5),
        ShardingStrategy.consistent(weights),
        ShardingStrategy.fixed(shards.get(0)),
        ShardingStrategy.range(ranges(List.of(100, 300, 700), owners)),
        ShardingStrategy.tenant(
            Map.of(
                ShardKey.of(5), ShardingStrategy.fixed(shards.get(0)),
                ShardKey.of(6), ShardingStrategy.fixed(slots.get(0))),
            ShardingStrategy.hash(shards)));
  }

  @Property(tries = 40)
  void aShardThatGoesHasNoKeyAndTheOthersKeepTheirs(
      @ForAll("some") List<ShardId> shards, @ForAll long seed) {
    ShardId gone = shards.get(0);
    List<ShardId> heirs =
        shards.size() == 1 ? List.of(gone.equals(id("b")) ? id("c") : id("b")) : rest(shards);
    for (ShardingStrategy old : kinds(shards, new Random(seed))) {
      ShardingStrategy next = Rebalancing.without(old, gone, heirs);
      assertThat(next.shards()).doesNotContain(gone);
      KEYS.forEach(key -> assertOnlyGoneMoves(old, next, key, gone));
    }
    Random random = new Random(seed);
    Map<LocalDate, ShardId> listed = new HashMap<>();
    for (int year = 1980; year < 1990; year++) {
      listed.put(LocalDate.of(year, 1, 1), shards.get(random.nextInt(shards.size())));
    }
    ShardingStrategy years = ShardingStrategy.time(TimePeriod.YEAR, listed, shards);
    ShardingStrategy next = Rebalancing.without(years, gone, heirs);
    assertThat(next.shards()).doesNotContain(gone);
    DAYS.forEach(day -> assertOnlyGoneMoves(years, next, day, gone));
    assertThat(Rebalancing.without(ShardingStrategy.modulo(shards), gone, heirs).shards())
        .doesNotContain(gone);
  }

  private static List<ShardId> rest(List<ShardId> shards) {
    return shards.subList(1, shards.size());
  }

  private static void assertOnlyGoneMoves(
      ShardingStrategy old, ShardingStrategy next, ShardKey key, ShardId gone) {
    ShardId from = old.locate(key);
    ShardId to = next.locate(key);
    if (from.equals(gone) ? to.equals(gone) : !to.equals(from)) {
      fail("%s from %s to %s, by %s and %s", key, from, to, old, next);
    }
  }

  @Property(tries = 100)
  void groupsAndTheirStrategiesLoseAShardToo(@ForAll("some") List<ShardId> shards) {
    ShardId gone = shards.get(0);
    List<ShardId> heirs = SHARDS.stream().filter(shard -> !shard.equals(gone)).toList();
    ShardingStrategy composite =
        ShardingStrategy.composite(
            ShardingStrategy.range(ranges(List.of(100), "low", "high")),
            Map.of(
                id("low"), ShardingStrategy.fixed(gone),
                id("high"), ShardingStrategy.hash(shards)));
    ShardingStrategy next = Rebalancing.without(composite, gone, heirs);
    assertThat(next.shards()).doesNotContain(gone);
    for (int i = 0; i < 300; i++) {
      assertOnlyGoneMoves(composite, next, ShardKey.of(i, i * 31), gone);
    }
  }

  /** A pair that a key goes between must have a step, or the key would be lost. */
  @Property(tries = 40)
  void everyKeyThatMovesHasAStep(
      @ForAll("some") List<ShardId> shards,
      @ForAll("some") List<ShardId> others,
      @ForAll long seed) {
    Random random = new Random(seed);
    List<ShardingStrategy> old = new ArrayList<>(kinds(shards, random));
    List<ShardingStrategy> next = new ArrayList<>(kinds(others, random));
    old.add(ShardingStrategy.modulo(shards));
    next.add(ShardingStrategy.modulo(others));
    for (ShardingStrategy from : List.copyOf(old)) {
      next.add(Rebalancing.isolating(from, ShardKey.of(8), 1, others.get(0)));
      next.add(Rebalancing.without(from, id("a"), ids("b", "c")));
    }
    for (ShardingStrategy from : old) {
      for (ShardingStrategy to : next) {
        assertSteps(from, to, KEYS.subList(0, 100), true);
      }
    }
    List<ShardKey> pairs = KEYS.stream().limit(100).map(key -> two(key)).toList();
    ShardingStrategy tenants =
        ShardingStrategy.tenant(
            Map.of(ShardKey.of(3), ShardingStrategy.hash(others)), ShardingStrategy.hash(shards));
    for (ShardingStrategy hash :
        List.of(ShardingStrategy.hash(shards), ShardingStrategy.hash(others))) {
      assertSteps(hash, tenants, pairs, false);
      assertSteps(tenants, hash, pairs, false);
    }
  }

  private static ShardKey two(ShardKey key) {
    return ShardKey.of(key.part(0), "x" + key.part(0));
  }

  private static void assertSteps(
      ShardingStrategy old, ShardingStrategy next, List<ShardKey> keys, boolean onePart) {
    List<List<ShardId>> pairs =
        TransitionStrategy.steps(old, next, onePart).stream()
            .map(step -> List.of(step.from(), step.to()))
            .toList();
    for (ShardKey key : keys) {
      ShardId from = old.locate(key);
      ShardId to = next.locate(key);
      if (!from.equals(to) && !pairs.contains(List.of(from, to))) {
        fail("%s from %s to %s, by %s and %s", key, from, to, old, next);
      }
    }
  }

  @Test
  void pairsWithoutKeysHaveNoStep() {
    ShardingStrategy hash = ShardingStrategy.hash(ids("a", "b", "c"));
    assertThat(steps(hash, Rebalancing.spread(hash, ids("a", "b", "c", "d"))))
        .containsExactly("a>d", "b>d", "c>d");
    assertThat(steps(hash, Rebalancing.isolating(hash, ShardKey.of(1), 1, id("d")))).hasSize(1);
    ShardingStrategy ring = ShardingStrategy.consistent(ids("a", "b"));
    assertThat(steps(ring, Rebalancing.spread(ring, ids("a", "b", "d"))))
        .containsExactly("a>d", "b>d");
    ShardingStrategy range = ShardingStrategy.range(ranges(List.of(10, 20), "a", "b", "c"));
    assertThat(steps(range, Rebalancing.withRange(range, KeyRange.of(5, 15), id("c"))))
        .containsExactly("a>c", "b>c");
  }

  private static List<String> steps(ShardingStrategy old, ShardingStrategy next) {
    return TransitionStrategy.steps(old, next, true).stream()
        .map(step -> step.from() + ">" + step.to())
        .toList();
  }

  @Property(tries = 40)
  void aRangeGoesWholeAndNothingElseDoes(
      @ForAll @IntRange(min = -50, max = 250) int from,
      @ForAll @IntRange(min = 1, max = 200) int length,
      @ForAll boolean open) {
    ShardingStrategy old = ShardingStrategy.range(ranges(List.of(0, 100, 200), "a", "b", "c", "a"));
    KeyRange range = open ? KeyRange.from(from) : KeyRange.of(from, from + length);
    ShardingStrategy next = Rebalancing.withRange(old, range, id("d"));
    for (int key = -100; key < 500; key++) {
      boolean inside = key >= from && (open || key < from + length);
      ShardKey at = ShardKey.of(key);
      if (!next.locate(at).equals(inside ? id("d") : old.locate(at))) {
        fail("%s, by %s and %s", at, old, next);
      }
    }
  }

  @Test
  void slotsGoAndTenantsGetAShardOfTheirOwn() {
    ShardingStrategy hash = ShardingStrategy.hash(ids("a", "b"), 4, HashFunction.CRC32);
    assertThat(((HashStrategy) Rebalancing.withSlots(hash, 1, 2, id("c"))).slots())
        .isEqualTo(ids("a", "c", "c", "b"));
    ShardingStrategy isolated = Rebalancing.isolating(hash, ShardKey.of(42), 1, id("c"));
    assertThat(isolated.locate(ShardKey.of(42))).isEqualTo(id("c"));
    assertThat(isolated.locate(ShardKey.of(43))).isEqualTo(hash.locate(ShardKey.of(43)));
    ShardingStrategy again = Rebalancing.isolating(isolated, ShardKey.of(43), 2, id("d"));
    assertThat(again.locate(ShardKey.of(42, "x"))).isEqualTo(id("c"));
    assertThat(again.locate(ShardKey.of(43, "x"))).isEqualTo(id("d"));
    ShardingStrategy spread = Rebalancing.spread(again, ids("a", "b", "e", "f"));
    assertThat(spread.locate(ShardKey.of(43, "x"))).isEqualTo(id("d"));
    assertThat(spread.shards()).contains(id("e"), id("f"));
  }

  @Test
  void aRingIsWeighedAnew() {
    ShardingStrategy ring = ShardingStrategy.consistent(Map.of(id("a"), 2, id("b"), 3));
    assertThat(Rebalancing.spread(ring, ids("a", "b", "c")))
        .hasToString("consistent{a=3, b=3, c=3}");
    assertThat(Rebalancing.weighed(ring, Map.of(id("a"), 1, id("b"), 9)))
        .hasToString("consistent{a=1, b=9}");
    ShardingStrategy hash = ShardingStrategy.hash(ids("a", "b"), 10, HashFunction.CRC32);
    assertThat(
            counted(
                ((HashStrategy) Rebalancing.weighed(hash, Map.of(id("a"), 1, id("b"), 4))).slots()))
        .isEqualTo(Map.of(id("a"), 2L, id("b"), 8L));
  }

  @Test
  void whatAKindCanNotSayIsRefused() {
    ShardingStrategy range = ShardingStrategy.range(ranges(List.of(10), "a", "b"));
    ShardingStrategy hash = ShardingStrategy.hash(ids("a", "b"));
    refused(() -> Rebalancing.spread(range, ids("a", "c")), "strategy: ranges (expected: a hash");
    refused(() -> Rebalancing.spread(hash, List.of()), "shards: none");
    refused(() -> Rebalancing.weighed(hash, Map.of(id("a"), 0)), "weights: {a=0} (expected: at l");
    refused(() -> Rebalancing.weighed(hash, Map.of(id("a"), 1, id("b"), 100_000)), "weights: {");
    refused(() -> Rebalancing.withSlots(range, 0, 1, id("a")), "strategy: ranges (expected: a ha");
    refused(() -> Rebalancing.withSlots(hash, 5, 1024, id("a")), "slots: 5 to 1024 (expected: fr");
    refused(() -> Rebalancing.withRange(hash, KeyRange.of(1, 2), id("a")), "strategy: a hash (ex");
    refused(
        () -> Rebalancing.withRange(range, KeyRange.of("a", "b"), id("a")),
        "range: [a, b), of the type TEXT (expected: INTEGER)");
    refused(
        () ->
            Rebalancing.withRange(
                ShardingStrategy.range(Map.of(KeyRange.of(1, 5), id("a"))),
                KeyRange.of(3, 9),
                id("b")),
        "range: [3, 9) (expected: one inside [[1, 5)])");
    refused(() -> Rebalancing.isolating(hash, ShardKey.of(1), 2, id("a")), "strategy: a hash (ex");
    refused(() -> Rebalancing.without(hash, id("a"), List.of()), "heirs: [] (expected: at least");
    refused(
        () ->
            Rebalancing.without(
                ShardingStrategy.directory(new InMemoryDirectory(), ids("a", "b")).build(),
                id("a"),
                ids("b")),
        "strategy: a directory (expected: any other kind; reassign");
  }

  private static void refused(Runnable change, String message) {
    assertThatIllegalArgumentException().isThrownBy(change::run).withMessageStartingWith(message);
  }
}
