package io.shardflux.router;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A strategy on its way to another. The keys that change their shard move by steps, each from one
 * shard to one other. Until its step is switched a key lies where the old strategy has it, and from
 * then on where the new one has it; keys of pairs without a step lie where the old one has them.
 */
@Internal
public final class TransitionStrategy extends ShardingStrategy {

  /** Where the keys of a step are. */
  public enum Phase {
    /** They lie on the source, and are copied. */
    COPYING,
    /** They lie on the source; writes for them wait for the switch. */
    SWITCHING,
    /** They lie on the target; the source may still have their rows. */
    SWITCHED,
    /** They lie on the target; writes for them wait for the switch back. */
    RETURNING;

    /** Whether the keys lie on the target. */
    public boolean there() {
      return this == SWITCHED || this == RETURNING;
    }

    /** Whether writes for the keys wait. */
    public boolean waits() {
      return this == SWITCHING || this == RETURNING;
    }
  }

  /**
   * The keys that go from one shard to another.
   *
   * @param from the shard that the old strategy has for them
   * @param to the shard that the new strategy has for them
   * @param phase where they are
   */
  public record Step(ShardId from, ShardId to, Phase phase) {

    /** Refuses a step to the shard that it comes from. */
    public Step {
      if (from.equals(to)) {
        throw new IllegalArgumentException(
            "step: from " + from + " to " + to + " (expected: two different shards)");
      }
    }

    /** The same step in another phase. */
    public Step in(Phase other) {
      return new Step(from, to, other);
    }
  }

  /**
   * The place of a key.
   *
   * @param shard the shard on which the key lies now
   * @param step the step that moves it, or null if it does not move
   */
  public record KeyPlace(ShardId shard, @Nullable Step step) {}

  private final ShardingStrategy old;
  private final ShardingStrategy next;
  private final Map<ShardId, Map<ShardId, Step>> steps;
  private final boolean whole;

  /** Where the keys are of a directory that move; null for other strategies. */
  private final @Nullable NamedKeysStrategy placed;

  private TransitionStrategy(
      ShardingStrategy old, ShardingStrategy next, List<Step> steps, boolean whole) {
    super(shardsOf(List.of(old, next)));
    this.old = old;
    this.next = next;
    this.steps = byPair(steps);
    this.whole = whole;
    this.placed =
        old instanceof NamedKeysStrategy before && next instanceof NamedKeysStrategy after
            ? placed(before, after)
            : null;
  }

  private NamedKeysStrategy placed(NamedKeysStrategy before, NamedKeysStrategy after) {
    Map<ShardKey, ShardId> places = new LinkedHashMap<>();
    before
        .named()
        .forEach(
            (key, from) -> {
              ShardId to = after.named().getOrDefault(key, from);
              places.put(key, place(from, to).shard());
            });
    return NamedKeysStrategy.of(places, before.others());
  }

  /** The keys of a directory that move, with the shards that they are on; null for others. */
  public @Nullable NamedKeysStrategy placed() {
    return placed;
  }

  /**
   * The way from one strategy to another.
   *
   * @throws IllegalArgumentException if a step is there twice, or comes from or goes to a shard
   *     that is not the old or the new strategy's, or one of both is itself on its way
   */
  public static TransitionStrategy of(
      ShardingStrategy old, ShardingStrategy next, List<Step> steps) {
    if (old instanceof TransitionStrategy || next instanceof TransitionStrategy) {
      throw new IllegalArgumentException(
          "strategy: on its way to another (expected: one that has arrived)");
    }
    for (Step step : steps) {
      old.checkOwn(step.from());
      next.checkOwn(step.to());
    }
    return new TransitionStrategy(old, next, steps, false);
  }

  /**
   * The same for tables that are pinned before and afterwards: at any time all their rows are on
   * one shard, and statements need no key.
   *
   * @throws IllegalArgumentException if there is not one shard before, one afterwards and one step
   */
  public TransitionStrategy ofWhole() {
    if (old.shards().size() != 1 || next.shards().size() != 1 || steps().size() != 1) {
      throw new IllegalArgumentException(
          "whole: " + this + " (expected: one step, from one shard to one other)");
    }
    return new TransitionStrategy(old, next, steps(), true);
  }

  /** Tells whether all rows are on one shard at any time, whatever their keys. */
  public boolean isWhole() {
    return whole;
  }

  /** The one place of all rows of tables that move {@linkplain #ofWhole() whole}. */
  public KeyPlace placeOfAll() {
    return place(old.shards().iterator().next(), next.shards().iterator().next());
  }

  private static Map<ShardId, Map<ShardId, Step>> byPair(List<Step> steps) {
    Map<ShardId, Map<ShardId, Step>> byPair = new LinkedHashMap<>();
    for (Step step : steps) {
      Map<ShardId, Step> ofSource =
          byPair.computeIfAbsent(step.from(), from -> new LinkedHashMap<>());
      if (ofSource.put(step.to(), step) != null) {
        throw new IllegalArgumentException(
            "step: from " + step.from() + " to " + step.to() + ", twice (expected: once)");
      }
    }
    return byPair;
  }

  /**
   * A step for each pair of shards that keys may go between, in a fixed order.
   *
   * @param onePart whether all keys have one part
   */
  public static List<Step> steps(ShardingStrategy old, ShardingStrategy next, boolean onePart) {
    return Flows.between(old, next, onePart).stream()
        .map(pair -> new Step(pair.get(0), pair.get(1), Phase.COPYING))
        .toList();
  }

  /** The strategy that keys come from. */
  public ShardingStrategy old() {
    return old;
  }

  /** The strategy that keys go to. */
  public ShardingStrategy next() {
    return next;
  }

  /** Tells whether a strategy is the directory at rest whose keys move. */
  public boolean isOf(ShardingStrategy rest) {
    return placed != null
        && rest instanceof DirectoryStrategy directory
        && directory.directory().equals(placed.others().directory());
  }

  /** The shards that keys may lie on now: not those that will get their first ones. */
  public Set<ShardId> owners() {
    Set<ShardId> owners = new LinkedHashSet<>(old.shards());
    for (Step step : steps()) {
      if (step.phase().there()) {
        owners.add(step.to());
      }
    }
    return owners;
  }

  /** The steps, in their order. */
  public List<Step> steps() {
    return steps.values().stream().flatMap(each -> each.values().stream()).toList();
  }

  /** The same way with other steps, as {@link #of}. */
  public TransitionStrategy with(List<Step> others) {
    TransitionStrategy way = of(old, next, others);
    return whole ? way.ofWhole() : way;
  }

  /** The place of a key, looked up in a directory if there is one. Errors as {@link #resolve}. */
  public Mono<KeyPlace> place(ShardKey key) {
    return Mono.defer(
        () ->
            placed != null && !placed.named().containsKey(key)
                // One look-up: two may have different answers.
                ? placed.resolve(key).map(shard -> new KeyPlace(shard, null))
                : immediate()
                    ? Mono.just(place(old.locate(key), next.locate(key)))
                    : Mono.zip(old.resolve(key), next.resolve(key), this::place));
  }

  private KeyPlace place(ShardId before, ShardId after) {
    Step step = step(before, after);
    boolean there = step != null && step.phase().there();
    return new KeyPlace(there ? after : before, step);
  }

  private @Nullable Step step(ShardId before, ShardId after) {
    Map<ShardId, Step> ofSource = steps.get(before);
    return ofSource == null ? null : ofSource.get(after);
  }

  /**
   * The SQL condition of the rows that a step moves, as {@link #owns} has it: those of the old
   * strategy's source that are the new one's target's.
   */
  public Mono<String> moving(Step step, List<KeyColumn> columns) {
    if (old instanceof NamedKeysStrategy before && next instanceof NamedKeysStrategy after) {
      return Mono.fromSupplier(() -> "(" + moving(step, before, after, columns) + ")");
    }
    return Mono.zip(
        old.owns(step.from(), columns),
        next.owns(step.to(), columns),
        (before, after) -> "(" + before + " AND " + after + ")");
  }

  /** What is written into the directory meanwhile adds nothing to it. */
  private static String moving(
      Step step, NamedKeysStrategy before, NamedKeysStrategy after, List<KeyColumn> columns) {
    return NamedKeysStrategy.in(
        columns,
        before.named().entrySet().stream()
            .filter(key -> key.getValue().equals(step.from()))
            .map(Map.Entry::getKey)
            .filter(key -> step.to().equals(after.named().get(key)))
            .toList());
  }

  @Override
  public boolean immediate() {
    return old.immediate() && next.immediate();
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    return place(old.locate(key, from, to), next.locate(key, from, to)).shard();
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    if (placed != null) {
      return placed.resolve(key, from, to);
    }
    return Mono.zip(
        old.resolve(key, from, to),
        next.resolve(key, from, to),
        (before, after) -> place(before, after).shard());
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    Set<ShardId> both = new LinkedHashSet<>(old.touching(range));
    both.addAll(next.touching(range));
    return Collections.unmodifiableSet(both);
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    if (placed != null) {
      return placed.shards().contains(shard)
          ? placed.predicate(shard, columns)
          : Mono.just("FALSE");
    }
    List<Mono<String>> parts = new ArrayList<>();
    if (old.shards().contains(shard)) {
      parts.add(stayed(shard, columns));
    }
    for (Step step : steps()) {
      if (step.phase().there() && step.to().equals(shard)) {
        parts.add(moving(step, columns));
      }
    }
    return Flux.concat(parts)
        .collectList()
        .map(all -> all.isEmpty() ? "FALSE" : String.join(" OR ", all));
  }

  /** The rows of the old strategy's shard that did not go elsewhere. */
  private Mono<String> stayed(ShardId shard, List<KeyColumn> columns) {
    return Flux.fromIterable(steps.getOrDefault(shard, Map.of()).values())
        .filter(step -> step.phase().there())
        .concatMap(step -> next.owns(step.to(), columns))
        .collectList()
        .zipWith(
            old.owns(shard, columns),
            (gone, own) ->
                gone.isEmpty() ? own : "(" + own + " AND NOT (" + String.join(" OR ", gone) + "))");
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("transition");
    keys.put("old", nested.of(old));
    keys.put("next", nested.of(next));
    keys.put("steps", steps().stream().map(TransitionStrategy::keys).toList());
    if (whole) {
      keys.put("whole", true);
    }
    return keys;
  }

  private static Map<String, Object> keys(Step step) {
    Map<String, Object> keys = new LinkedHashMap<>();
    keys.put("from", step.from().value());
    keys.put("to", step.to().value());
    keys.put("phase", StrategyTree.word(step.phase()));
    return keys;
  }

  @Override
  public String toString() {
    return "transition(" + old + " to " + next + ", " + steps() + ")";
  }
}
