package io.shardflux.router;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import reactor.core.publisher.Mono;

/**
 * What a move leaves that was ended on its way: keys of some pairs of shards lie where the next
 * strategy has them, and all others where the old one has them. No key moves.
 */
@Internal
public final class HaltedStrategy extends ShardingStrategy {

  private final TransitionStrategy way;

  private HaltedStrategy(TransitionStrategy way) {
    super(way.owners());
    this.way = way;
  }

  /**
   * The strategy by which each key stays where it is.
   *
   * @throws IllegalArgumentException if writes of a step wait, so that its keys are nowhere
   */
  public static HaltedStrategy of(TransitionStrategy way) {
    if (way.steps().stream().anyMatch(step -> step.phase().waits())) {
      throw new IllegalArgumentException(
          "steps: " + way.steps() + " (expected: none whose writes wait)");
    }
    return new HaltedStrategy(
        TransitionStrategy.of(
            way.old(),
            way.next(),
            way.steps().stream().filter(step -> step.phase().there()).toList()));
  }

  /** The way on which it was ended, with the steps alone whose keys have moved. */
  public TransitionStrategy way() {
    return way;
  }

  @Override
  public boolean immediate() {
    return way.immediate();
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    return way.locate(key, from, to);
  }

  @Override
  Mono<ShardId> resolve(ShardKey key, int from, int to) {
    return way.resolve(key, from, to);
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    Set<ShardId> touching = new LinkedHashSet<>(way.touching(range));
    touching.retainAll(shards());
    return Collections.unmodifiableSet(touching);
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    return way.predicate(shard, columns);
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = way.keys(nested);
    keys.put("type", "halted");
    return keys;
  }

  @Override
  public String toString() {
    return "halted(" + way + ")";
  }
}
