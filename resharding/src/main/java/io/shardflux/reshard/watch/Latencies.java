package io.shardflux.reshard.watch;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.observe.ShardStatistics.Latency;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * Compares the times of the application's own statements on each shard, by this router's statistics
 * of the last minute, with the minute before a job was there. Thread-safe; asks no server.
 */
@Internal
public final class Latencies {

  /** Below so many statements a minute, a few slow ones would say what the shard is like. */
  public static final long FEWEST = 1_000;

  private static final double FACTOR = 1.5;

  /** A server whose statements take a millisecond is not slow where they take two. */
  private static final Duration LEAST = Duration.ofMillis(20);

  private final ShardRouter router;
  private volatile Baseline baseline = new Baseline(-1, Map.of());

  private record Baseline(long job, Map<ShardId, Latency> latencies) {}

  public Latencies(ShardRouter router) {
    this.router = router;
  }

  /** Keeps what the latencies are before a job begins, unless that was done before. */
  public Mono<Void> before(long job) {
    return baseline.job == job
        ? Mono.empty()
        : router
            .operations()
            .statistics()
            .doOnNext(all -> baseline = new Baseline(job, latencies(all)))
            .then();
  }

  private static Map<ShardId, Latency> latencies(List<ShardStatistics> all) {
    return all.stream().collect(Collectors.toMap(ShardStatistics::id, ShardStatistics::latency));
  }

  /**
   * A shard's latency, as a move looks at it.
   *
   * @param known whether there were enough statements, before and now
   * @param tooHigh why the move must wait, or null
   */
  public record Verdict(boolean known, @Nullable String tooHigh) {}

  /** The verdict of a shard's latency at this moment. */
  public Mono<Verdict> of(ShardId shard) {
    return router
        .operations()
        .statistics()
        .map(
            all ->
                verdict(
                    baseline.latencies.get(shard),
                    Optional.ofNullable(latencies(all).get(shard)).orElse(null)));
  }

  public static Verdict verdict(@Nullable Latency before, @Nullable Latency now) {
    if (before == null || now == null || before.count() < FEWEST || now.count() < FEWEST) {
      return new Verdict(false, null);
    }
    long most =
        Math.max((long) (before.p99().toNanos() * FACTOR), before.p99().plus(LEAST).toNanos());
    return new Verdict(
        true,
        now.p99().toNanos() <= most
            ? null
            : "latency: p99 "
                + now.p99().toMillis()
                + " ms, "
                + before.p99().toMillis()
                + " ms before the move");
  }
}
