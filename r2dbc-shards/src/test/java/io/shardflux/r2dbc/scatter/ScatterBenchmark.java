package io.shardflux.r2dbc.scatter;

import io.shardflux.router.ShardId;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import reactor.core.publisher.Flux;

/** The cost of a row on its way through a scatter whose shards have their rows in memory. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class ScatterBenchmark {

  /** Of all shards. */
  static final int ROWS = 30_000;

  @Param({"3", "30", "300"})
  public int shards;

  private List<Scatter.ShardRows<Integer>> sources = List.of();

  /** Each shard has every so-maniest number, in order. */
  @Setup
  public void fill() {
    sources =
        IntStream.range(0, shards)
            .mapToObj(
                shard ->
                    new Scatter.ShardRows<>(
                        ShardId.of("s" + shard),
                        Flux.range(0, ROWS / shards).map(i -> i * shards + shard)))
            .toList();
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public @Nullable Long asTheyCome() {
    return scatter(null);
  }

  @Benchmark
  @OperationsPerInvocation(ROWS)
  public @Nullable Long inOrder() {
    return scatter(Comparator.<Integer>naturalOrder());
  }

  private @Nullable Long scatter(@Nullable Comparator<Integer> order) {
    return new Scatter<>(sources, Scatter.Terms.of(FailurePolicy.failFast(), order))
        .signals()
        .count()
        .block();
  }
}
