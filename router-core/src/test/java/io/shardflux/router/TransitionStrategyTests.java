package io.shardflux.router;

import static io.shardflux.router.Fixtures.BOUND;
import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class TransitionStrategyTests {

  private static final List<ShardId> SHARDS = ids("a", "b", "c", "d", "e");

  @Provide
  Arbitrary<ShardingStrategy> strategies() {
    Arbitrary<List<ShardId>> some =
        Arbitraries.shuffle(SHARDS)
            .flatMap(
                all ->
                    Arbitraries.integers().between(1, SHARDS.size()).map(n -> all.subList(0, n)));
    return Arbitraries.oneOf(
        some.map(ShardingStrategy::modulo),
        some.map(ShardingStrategy::hash),
        some.map(ShardingStrategy::consistent),
        Arbitraries.of(SHARDS).map(ShardingStrategy::fixed),
        Arbitraries.of(SHARDS)
            .list()
            .ofMinSize(1)
            .ofMaxSize(40)
            .map(slots -> ShardingStrategy.hashSlots(slots, HashFunction.CRC32)),
        Arbitraries.of(SHARDS)
            .map(
                tenant ->
                    ShardingStrategy.tenant(
                        Map.of(ShardKey.of(7), ShardingStrategy.fixed(tenant)),
                        ShardingStrategy.hash(SHARDS))));
  }

  @Provide
  Arbitrary<List<Phase>> phases() {
    return Arbitraries.of(Phase.class).injectNull(0.3).list().ofSize(25);
  }

  /** A step for each pair that has a phase. */
  private static TransitionStrategy transition(
      ShardingStrategy old, ShardingStrategy next, List<Phase> phases) {
    List<Step> steps = new ArrayList<>();
    for (ShardId from : old.shards()) {
      for (ShardId to : next.shards()) {
        Phase phase = phases.get(SHARDS.indexOf(from) * 5 + SHARDS.indexOf(to));
        if (phase != null && !from.equals(to)) {
          steps.add(new Step(from, to, phase));
        }
      }
    }
    return TransitionStrategy.of(old, next, steps);
  }

  @Property(tries = 300)
  void aKeyLiesWhereItsStepHasIt(
      @ForAll("strategies") ShardingStrategy old,
      @ForAll("strategies") ShardingStrategy next,
      @ForAll("phases") List<Phase> phases,
      @ForAll long number) {
    TransitionStrategy way = transition(old, next, phases);
    ShardKey key = ShardKey.of(number);
    TransitionStrategy.KeyPlace place = way.place(key).blockOptional(BOUND).orElseThrow();
    ShardId before = old.locate(key);
    ShardId after = next.locate(key);
    Step step = place.step();
    if (step == null) {
      assertThat(place.shard()).isEqualTo(before);
      assertThat(way.steps()).noneMatch(s -> s.from().equals(before) && s.to().equals(after));
    } else {
      assertThat(List.of(step.from(), step.to())).containsExactly(before, after);
      assertThat(place.shard()).isEqualTo(step.phase().there() ? after : before);
    }
    assertThat(way.locate(key)).isEqualTo(place.shard());
    assertThat(way.resolve(key).block(BOUND)).isEqualTo(place.shard());
    assertThat(way.shards()).contains(before, after);
  }

  @Property(tries = 300)
  void keysStayWhereItIsHalted(
      @ForAll("strategies") ShardingStrategy old,
      @ForAll("strategies") ShardingStrategy next,
      @ForAll("phases") List<Phase> phases,
      @ForAll long number) {
    TransitionStrategy way = transition(old, next, phases);
    if (way.steps().stream().anyMatch(step -> step.phase().waits())) {
      assertThatIllegalArgumentException().isThrownBy(() -> HaltedStrategy.of(way));
      return;
    }
    HaltedStrategy halted = HaltedStrategy.of(way);
    ShardKey key = ShardKey.of(number);
    assertThat(halted.locate(key)).isEqualTo(way.locate(key));
    assertThat(halted.resolve(key).block(BOUND)).isEqualTo(way.locate(key));
    assertThat(halted.shards()).isEqualTo(way.owners()).contains(halted.locate(key));
    // Another move may begin there.
    assertThat(TransitionStrategy.of(halted, next, List.of()).locate(key))
        .isEqualTo(way.locate(key));
  }

  @Property(tries = 100)
  void itEndsWhereTheNewStrategyIs(
      @ForAll("strategies") ShardingStrategy old,
      @ForAll("strategies") ShardingStrategy next,
      @ForAll long number) {
    ShardKey key = ShardKey.of(number);
    List<Phase> none = new ArrayList<>();
    List<Phase> all = new ArrayList<>();
    for (int i = 0; i < 25; i++) {
      none.add(Phase.COPYING);
      all.add(Phase.SWITCHED);
    }
    assertThat(transition(old, next, none).locate(key)).isEqualTo(old.locate(key));
    assertThat(transition(old, next, all).locate(key)).isEqualTo(next.locate(key));
  }

  @Test
  void aRangeTouchesBothStrategies() {
    ShardingStrategy old = ShardingStrategy.range(Fixtures.ranges(List.of(100), "a", "b"));
    ShardingStrategy next =
        ShardingStrategy.range(Fixtures.ranges(List.of(50, 100), "a", "c", "b"));
    TransitionStrategy way =
        TransitionStrategy.of(old, next, List.of(new Step(id("a"), id("c"), Phase.COPYING)));
    assertThat(way.touching(new KeyRange(ShardKey.of(60), ShardKey.of(70))))
        .containsExactlyInAnyOrder(id("a"), id("c"));
    assertThat(way.locate(ShardKey.of(60))).isEqualTo(id("a"));
    assertThat(way.with(List.of(way.steps().get(0).in(Phase.SWITCHED))).locate(ShardKey.of(60)))
        .isEqualTo(id("c"));
  }

  @Test
  void wrongStepsAreRefused() {
    ShardingStrategy old = ShardingStrategy.modulo(ids("a", "b"));
    ShardingStrategy next = ShardingStrategy.modulo(ids("b", "c"));
    Step step = new Step(id("a"), id("c"), Phase.COPYING);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransitionStrategy.of(old, next, List.of(step, step)))
        .withMessage("step: from a to c, twice (expected: once)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Step(id("a"), id("a"), Phase.COPYING));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                TransitionStrategy.of(
                    old, next, List.of(new Step(id("c"), id("b"), Phase.COPYING))));
    TransitionStrategy way = TransitionStrategy.of(old, next, List.of(step));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TransitionStrategy.of(way, next, List.of()))
        .withMessage("strategy: on its way to another (expected: one that has arrived)");
  }

  /**
   * The moving set is fixed by the names, and what the directory is given meanwhile is not of it.
   */
  @Test
  void namedKeysOfADirectoryMoveWhateverItIsGiven() {
    InMemoryDirectory store = new InMemoryDirectory();
    DirectoryStrategy directory = ShardingStrategy.directory(store, ids("a", "b")).build();
    for (int key = 1; key <= 4; key++) {
      store.assign(ShardKey.of(key), id("a")).block(BOUND);
    }
    NamedKeysStrategy old =
        NamedKeysStrategy.of(Map.of(ShardKey.of(1), id("a"), ShardKey.of(2), id("a")), directory);
    NamedKeysStrategy next =
        NamedKeysStrategy.of(Map.of(ShardKey.of(1), id("b"), ShardKey.of(2), id("c")), directory);
    List<Step> steps = TransitionStrategy.steps(old, next, true);
    assertThat(steps)
        .containsExactlyInAnyOrder(
            new Step(id("a"), id("b"), Phase.COPYING), new Step(id("a"), id("c"), Phase.COPYING));
    TransitionStrategy way =
        TransitionStrategy.of(
            old,
            next,
            List.of(
                new Step(id("a"), id("b"), Phase.SWITCHED),
                new Step(id("a"), id("c"), Phase.COPYING)));
    List<KeyColumn> columns = List.of(KeyColumn.integer("k"));
    store.assign(ShardKey.of(9), id("a")).block(BOUND);
    store.reassign(ShardKey.of(1), id("a"), id("b")).block(BOUND);
    store.reassign(ShardKey.of(2), id("a"), id("b")).block(BOUND);
    assertThat(way.moving(way.steps().get(0), columns).block(BOUND)).isEqualTo("(`k` IN (1))");
    assertThat(way.moving(way.steps().get(1), columns).block(BOUND)).isEqualTo("(`k` IN (2))");
    assertThat(List.of(1, 2, 3, 9).stream().map(key -> place(way, key)).toList())
        .containsExactly(id("b"), id("a"), id("a"), id("a"));
    assertThat(way.place(ShardKey.of(9)).block(BOUND))
        .isEqualTo(new TransitionStrategy.KeyPlace(id("a"), null));
    assertThat(way.owns(id("a"), columns).block(BOUND)).isEqualTo("(NOT (`k` IN (1)))");
    assertThat(way.owns(id("b"), columns).block(BOUND)).isEqualTo("(NOT (`k` IN (2)))");
    assertThat(way.owners()).containsExactlyInAnyOrder(id("a"), id("b"));
    assertThat(way.isOf(directory)).isTrue();
    assertThat(way.isOf(ShardingStrategy.fixed(id("a")))).isFalse();
  }

  private static ShardId place(TransitionStrategy way, int key) {
    return way.resolve(ShardKey.of(key)).blockOptional(BOUND).orElseThrow();
  }
}
