package io.shardflux.r2dbc.scatter;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.scatter.Scatter.ShardRows;
import io.shardflux.r2dbc.scatter.ShardSignal.Coverage;
import io.shardflux.r2dbc.scatter.ShardSignal.Done;
import io.shardflux.r2dbc.scatter.ShardSignal.Failed;
import io.shardflux.r2dbc.scatter.ShardSignal.Row;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

class ScatterTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final ShardId C = ShardId.of("c");

  private final TestPublisher<Integer> a = TestPublisher.create();
  private final TestPublisher<Integer> b = TestPublisher.create();
  private final TestPublisher<Integer> c = TestPublisher.create();
  private final List<ShardRows<Integer>> sources =
      List.of(
          new ShardRows<>(A, a.flux()), new ShardRows<>(B, b.flux()), new ShardRows<>(C, c.flux()));

  @Test
  void rowsComeAsTheyComeAndTheCoverageIsLast() {
    StepVerifier.create(scatter(FailurePolicy.tag(), null))
        .then(() -> b.next(20))
        .expectNext(new Row<>(B, 20))
        .then(() -> a.next(10))
        .expectNext(new Row<>(A, 10))
        .then(b::complete)
        .expectNextMatches(done(B, 1))
        .then(a::complete)
        .expectNextMatches(done(A, 1))
        .then(c::complete)
        .expectNextMatches(done(C, 0))
        .expectNext(new Coverage<>(Set.of(A, B, C), Set.of(A, B, C), Set.of(), 2))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aFailedShardIsTaggedAndFailsNoOther() {
    IllegalStateException boom = new IllegalStateException("boom");
    StepVerifier.create(scatter(FailurePolicy.tag(), null))
        .then(() -> a.next(1))
        .expectNext(new Row<>(A, 1))
        .then(() -> a.error(boom))
        .expectNext(new Failed<>(A, boom, 1))
        .then(() -> b.next(2))
        .expectNext(new Row<>(B, 2))
        .then(b::complete)
        .expectNextMatches(done(B, 1))
        .then(c::complete)
        .expectNextMatches(done(C, 0))
        .expectNextMatches(
            signal ->
                signal instanceof Coverage<Integer> coverage
                    && !coverage.complete()
                    && coverage.failed().equals(Set.of(A))
                    && coverage.answered().equals(Set.of(B, C))
                    && coverage.rows() == 2)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void failFastCancelsTheOthers() {
    StepVerifier.create(scatter(FailurePolicy.failFast(), null))
        .then(() -> a.error(new IllegalStateException("boom")))
        .expectErrorMessage("boom")
        .verify(BOUND);
    b.assertCancelled();
    c.assertCancelled();
  }

  @Test
  void failFastCancelsTheOthersOfAnOrderedMerge() {
    StepVerifier.create(scatter(FailurePolicy.failFast(), Comparator.naturalOrder()))
        .then(() -> a.next(1))
        .then(() -> b.error(new IllegalStateException("boom")))
        .expectErrorMessage("boom")
        .verify(BOUND);
    a.assertCancelled();
    c.assertCancelled();
  }

  @Test
  void atLeastFailsOnceItCantBeMet() {
    StepVerifier.create(scatter(FailurePolicy.atLeast(2), null))
        .then(() -> a.error(new IllegalStateException("first")))
        .expectNextMatches(signal -> signal instanceof Failed)
        .then(() -> b.error(new IllegalStateException("second")))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(PartialResultException.class)
                    .hasMessage("shards: 1 of 3 left (expected: at least 2); failed: [a, b]")
                    .hasSuppressedException(new IllegalStateException("first")))
        .verify(BOUND);
    c.assertCancelled();
  }

  @Test
  void atLeastMoreThanAreAskedIsRefusedBeforeAnyIsAsked() {
    StepVerifier.create(scatter(FailurePolicy.atLeast(4), null))
        .expectError(PartialResultException.class)
        .verify(BOUND);
    a.assertWasNotSubscribed();
  }

  @Test
  void anOrderedMergeIsInOrder() {
    Flux<Integer> merged =
        new Scatter<>(
                List.of(
                    new ShardRows<>(A, Flux.range(0, 2_000).map(i -> i * 3)),
                    new ShardRows<>(B, Flux.range(0, 2_000).map(i -> i * 3 + 1)),
                    new ShardRows<>(C, Flux.range(0, 2_000).map(i -> i * 3 + 2))),
                Scatter.Terms.<Integer>of(FailurePolicy.tag(), Comparator.naturalOrder()))
            .signals()
            .ofType(Row.class)
            .map(row -> (Integer) row.value());

    StepVerifier.create(merged, 7)
        .thenRequest(Long.MAX_VALUE)
        .expectNextSequence(IntStream.range(0, 6_000).boxed().toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void anOrderedMergeGoesOnWithoutAFailedShard() {
    StepVerifier.create(scatter(FailurePolicy.tag(), Comparator.naturalOrder()))
        .then(() -> a.next(1, 4))
        .then(() -> b.next(2))
        .then(() -> c.next(3))
        .expectNext(new Row<>(A, 1), new Row<>(B, 2))
        .then(() -> b.error(new IllegalStateException("boom")))
        .expectNextMatches(signal -> signal instanceof Failed<Integer> f && f.rowsBefore() == 1)
        .expectNext(new Row<>(C, 3))
        .then(c::complete)
        .expectNextMatches(done(C, 1))
        .expectNext(new Row<>(A, 4))
        .then(a::complete)
        .expectNextMatches(done(A, 2))
        .expectNextMatches(signal -> signal instanceof Coverage<Integer> x && !x.complete())
        .expectComplete()
        .verify(BOUND);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void backPressureReachesEveryShard(boolean ordered) {
    Comparator<Integer> order = ordered ? Comparator.naturalOrder() : null;
    AtomicLong produced = new AtomicLong();
    List<ShardRows<Integer>> counted =
        List.of(
            new ShardRows<>(A, Flux.range(0, 100_000).doOnNext(i -> produced.incrementAndGet())),
            new ShardRows<>(B, Flux.range(0, 100_000).doOnNext(i -> produced.incrementAndGet())));

    StepVerifier.create(
            new Scatter<>(counted, Scatter.Terms.of(FailurePolicy.tag(), order)).signals(), 5)
        .expectNextCount(5)
        .then(() -> assertThat(produced.get()).isLessThanOrEqualTo(2L * Scatter.PREFETCH + 5))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void noShardAskedIsAWholeEmptyAnswer() {
    StepVerifier.create(
            new Scatter<Integer>(List.of(), Scatter.Terms.of(FailurePolicy.tag(), null)).signals())
        .expectNext(new Coverage<>(Set.of(), Set.of(), Set.of(), 0))
        .expectComplete()
        .verify(BOUND);
  }

  private Flux<ShardSignal<Integer>> scatter(
      FailurePolicy policy, @Nullable Comparator<Integer> order) {
    return new Scatter<>(sources, Scatter.Terms.of(policy, order)).signals();
  }

  private static Predicate<ShardSignal<Integer>> done(ShardId shard, long rows) {
    return signal ->
        signal instanceof Done<Integer> end && end.shard().equals(shard) && end.rows() == rows;
  }
}
