package io.shardflux.router;

import static io.shardflux.router.Fixtures.BOUND;
import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

class DirectoryStrategyTests {

  private static final ShardKey KEY = ShardKey.of("key");
  private static final List<KeyColumn> COLUMN = List.of(KeyColumn.text("k"));

  private final InMemoryDirectory assignments = new InMemoryDirectory();
  private final AtomicLong nanos = new AtomicLong();

  private DirectoryStrategy.Builder builder() {
    return ShardingStrategy.directory(assignments, ids("a", "b")).ticker(nanos::get);
  }

  private void assign(ShardKey key, String shard) {
    assignments.assign(key, id(shard)).block(BOUND);
  }

  private static StepVerifier.FirstStep<ShardId> resolving(ShardingStrategy strategy) {
    return StepVerifier.create(strategy.resolve(KEY));
  }

  @Test
  void aKeyIsLookedUpOnceUntilItExpires() {
    DirectoryStrategy directory = builder().expiry(Duration.ofSeconds(10)).build();
    assign(KEY, "b");

    resolving(directory).expectNext(id("b")).expectComplete().verify(BOUND);
    resolving(directory).expectNext(id("b")).expectComplete().verify(BOUND);
    assertThat(assignments.finds).hasValue(1);

    nanos.addAndGet(Duration.ofSeconds(10).toNanos());
    resolving(directory).expectNext(id("b")).expectComplete().verify(BOUND);
    assertThat(assignments.finds).hasValue(2);
  }

  @Test
  void anUnknownKeyIsRefusedAndNotCached() {
    DirectoryStrategy directory = builder().build();

    resolving(directory)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(UnroutableKeyException.class)
                    .hasMessageContaining("key: key (expected: one that the directory has"))
        .verify(BOUND);
    assign(KEY, "a");
    resolving(directory).expectNext(id("a")).expectComplete().verify(BOUND);
    assertThat(assignments.finds).hasValue(2);
  }

  @Test
  void anUnknownKeyIsAssignedByTheRule() {
    DirectoryStrategy directory = builder().assignUnknown(ShardingStrategy.fixed(id("b"))).build();

    resolving(directory).expectNext(id("b")).expectComplete().verify(BOUND);
    assertThat(assignments.find(KEY).block(BOUND)).isEqualTo(id("b"));
  }

  @Test
  void theWinnerOfAnAssignmentCounts() {
    Loading loading = new Loading();
    DirectoryStrategy directory =
        ShardingStrategy.directory(loading, ids("a", "b"))
            .assignUnknown(ShardingStrategy.fixed(id("b")))
            .build();
    loading.assigned = Mono.just(id("a"));
    loading.found.tryEmitEmpty();

    resolving(directory).expectNext(id("a")).expectComplete().verify(BOUND);
  }

  @Test
  void aThousandConcurrentLookupsMakeOneQuery() {
    Loading loading = new Loading();
    DirectoryStrategy directory = ShardingStrategy.directory(loading, ids("a")).build();
    AtomicInteger waiting = new AtomicInteger();
    Mono<ShardId> lookup =
        directory
            .resolve(KEY)
            .doOnSubscribe(subscription -> answerAfter(1000, waiting, loading))
            .subscribeOn(Schedulers.parallel());

    StepVerifier.create(Flux.range(0, 1000).flatMap(i -> lookup, 1000).distinct())
        .expectNext(id("a"))
        .expectComplete()
        .verify(BOUND);
    assertThat(loading.queries).hasValue(1);
  }

  private static void answerAfter(int lookups, AtomicInteger waiting, Loading loading) {
    if (waiting.incrementAndGet() == lookups) {
      loading.found.tryEmitValue(id("a"));
    }
  }

  @Test
  void aCancelledLookupLeavesTheOthersAlone() {
    Loading loading = new Loading();
    DirectoryStrategy directory = ShardingStrategy.directory(loading, ids("a")).build();
    Disposable first = directory.resolve(KEY).subscribe();

    resolving(directory)
        .then(first::dispose)
        .then(() -> loading.found.tryEmitValue(id("a")))
        .expectNext(id("a"))
        .expectComplete()
        .verify(BOUND);
    assertThat(loading.queries).hasValue(1);
  }

  @Test
  void aFailedLookupIsNotCached() {
    TestPublisher<ShardId> failing = TestPublisher.create();
    Loading loading = new Loading();
    DirectoryStrategy directory = ShardingStrategy.directory(loading, ids("a")).build();
    loading.instead = failing.mono();

    resolving(directory)
        .then(() -> failing.error(new IllegalStateException("server gone")))
        .expectErrorMessage("server gone")
        .verify(BOUND);
    loading.instead = Mono.just(id("a"));
    resolving(directory).expectNext(id("a")).expectComplete().verify(BOUND);
    assertThat(loading.queries).hasValue(2);
  }

  @Test
  void aLookupThatHangsIsCancelledAndTriedAgain() {
    TestPublisher<ShardId> hanging = TestPublisher.create();
    Loading loading = new Loading();
    loading.instead = hanging.mono();
    StepVerifier.withVirtualTime(
            () ->
                ShardingStrategy.directory(loading, ids("a"))
                    .timeout(Duration.ofSeconds(3))
                    .build()
                    .resolve(KEY))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(2999))
        .thenAwait(Duration.ofMillis(1))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TimeoutException.class)
                    .hasMessageContaining(
                        "directory lookup of key: no answer (expected: one within 3000 ms"))
        .verify(BOUND);
    hanging.assertCancelled();
  }

  @Test
  void theContextReachesTheDirectory() {
    Loading loading = new Loading();
    loading.instead = Mono.deferContextual(context -> Mono.just(id(context.get("tenant"))));
    DirectoryStrategy directory = ShardingStrategy.directory(loading, ids("a")).build();

    StepVerifier.create(directory.resolve(KEY).contextWrite(context -> context.put("tenant", "a")))
        .expectNext(id("a"))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aReassignmentIsSeenAtOnce() {
    DirectoryStrategy directory = builder().build();
    assign(KEY, "a");
    resolving(directory).expectNext(id("a")).expectComplete().verify(BOUND);

    StepVerifier.create(
            directory.reassign(KEY, id("a"), id("b")).flatMap(moved -> directory.resolve(KEY)))
        .expectNext(id("b"))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(directory.reassign(KEY, id("a"), id("b")))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(directory.reassign(KEY, id("b"), id("c")))
        .expectErrorMessage("shard: c (expected: one of [a, b])")
        .verify(BOUND);
  }

  @Test
  void aLookupUnderWayDoesNotBringBackTheOldShard() {
    Loading loading = new Loading();
    DirectoryStrategy directory = ShardingStrategy.directory(loading, ids("a", "b")).build();
    directory.resolve(KEY).subscribe();
    directory.reassign(KEY, id("a"), id("b")).block(BOUND);
    loading.found.tryEmitValue(id("a"));

    loading.instead = Mono.just(id("b"));
    resolving(directory).expectNext(id("b")).expectComplete().verify(BOUND);
  }

  @Test
  void aShardThatIsNotOneOfItsOwnIsAnError() {
    DirectoryStrategy directory = builder().build();
    assign(KEY, "gone");

    resolving(directory)
        .expectErrorMessage("shard of key in the directory: gone (expected: one of [a, b])")
        .verify(BOUND);
  }

  @Test
  void aCacheOfNoKeysAsksAgain() {
    DirectoryStrategy directory = builder().cacheSize(0).build();
    assign(KEY, "a");

    StepVerifier.create(Mono.defer(() -> directory.resolve(KEY)).repeat(999).then())
        .expectComplete()
        .verify(BOUND);
    assertThat(assignments.finds).hasValue(1_000);
  }

  @Test
  void ownsTheAssignedKeysAtThatTime() {
    DirectoryStrategy directory = builder().build();
    Mono<String> owns = directory.owns(id("a"), COLUMN);

    assertThat(owns.block(BOUND)).isEqualTo("(FALSE)");
    assign(ShardKey.of("x'"), "a");
    assign(ShardKey.of("other"), "b");
    assertThat(owns.block(BOUND))
        .isEqualTo("(CAST(CAST(`k` AS CHAR CHARACTER SET utf8mb4) AS BINARY) IN (x'7827'))");
  }

  @Test
  void ownsRefusesTooManyKeysAndOnesThatDoNotFit() {
    DirectoryStrategy directory = builder().build();
    IntStream.rangeClosed(0, 100_000).forEach(i -> assign(ShardKey.of("" + i), "a"));
    assign(ShardKey.of(1), "b");

    StepVerifier.create(directory.owns(id("a"), COLUMN))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("keys of shard a in the directory: 100001 or more"))
        .verify(BOUND);
    StepVerifier.create(directory.owns(id("b"), COLUMN))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("key in the directory: 1 (expected: one that fits"))
        .verify(BOUND);
  }

  @Test
  void worksInsideAComposite() {
    DirectoryStrategy directory = builder().build();
    assign(ShardKey.of("x", 1), "b");
    ShardingStrategy composite =
        ShardingStrategy.composite(ShardingStrategy.hash(ids("g")), Map.of(id("g"), directory));

    assertThat(composite.immediate()).isFalse();
    StepVerifier.create(composite.resolve(ShardKey.of("group", "x", 1)))
        .expectNext(id("b"))
        .expectComplete()
        .verify(BOUND);
    assertThatIllegalStateException()
        .isThrownBy(() -> composite.locate(ShardKey.of("group", "x", 1)))
        .withMessageContaining("expected: resolve");
  }

  @Test
  void refusesOptionsOutOfBounds() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder().cacheSize(-1))
        .withMessageContaining("directory cache size: -1");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder().expiry(Duration.ZERO))
        .withMessageContaining("directory cache expiry: PT0S");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder().timeout(Duration.ofDays(2)))
        .withMessageContaining("directory lookup timeout: PT48H");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder().assignUnknown(ShardingStrategy.fixed(id("c"))))
        .withMessage("shards of the rule for unknown keys: [c] (expected: some of [a, b])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardingStrategy.directory(assignments, List.of()).build())
        .withMessageContaining("shards: none");
  }

  /** A directory whose answers the test gives, when it wants to. */
  private static final class Loading implements ShardDirectory {

    final Sinks.One<ShardId> found = Sinks.one();
    final AtomicInteger queries = new AtomicInteger();
    @Nullable Mono<ShardId> instead;
    Mono<ShardId> assigned = Mono.empty();

    @Override
    public Mono<ShardId> find(ShardKey key) {
      queries.incrementAndGet();
      return instead != null ? instead : found.asMono();
    }

    @Override
    public Mono<ShardId> assign(ShardKey key, ShardId shard) {
      return assigned;
    }

    @Override
    public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
      return Mono.just(true);
    }

    @Override
    public Flux<ShardKey> assigned(ShardId shard) {
      return Flux.empty();
    }
  }
}
