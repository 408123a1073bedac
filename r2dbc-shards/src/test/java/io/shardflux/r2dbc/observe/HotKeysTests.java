package io.shardflux.r2dbc.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.ShardKey;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

class HotKeysTests {

  private static final Duration BOUND = Duration.ofSeconds(60);

  /** About to overflow, as {@link System#nanoTime()} may be. */
  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 90_000_000_000L);

  private final HotKeys keys = new HotKeys(clock::get);

  @Test
  void knowsNothingAtFirst() {
    assertThat(keys.top("users")).isEmpty();
  }

  @Property(tries = 200)
  void isExactWhereKeysAreFew(
      @ForAll @Size(max = 5_000) List<@IntRange(min = 0, max = 500) Integer> stream) {
    HotKeys any = new HotKeys(() -> 0);
    stream.forEach(key -> any.record("users", ShardKey.of(key)));
    Map<ShardKey, Long> exact =
        stream.stream().collect(Collectors.groupingBy(ShardKey::of, Collectors.counting()));

    List<HotKey> top = any.top("users");

    assertThat(top)
        .hasSize(Math.min(exact.size(), TableHeat.TOP))
        .allSatisfy(hot -> assertThat(exact).containsEntry(hot.key(), hot.atLeast()))
        .allSatisfy(hot -> assertThat(hot.atMost()).isEqualTo(hot.atLeast()));
    assertThat(top.stream().map(HotKey::atLeast))
        .containsExactlyElementsOf(
            exact.values().stream()
                .sorted(Comparator.reverseOrder())
                .limit(TableHeat.TOP)
                .toList());
  }

  @Test
  void tablesAreApart() {
    keys.record("users", ShardKey.of(1));
    keys.record("orders", ShardKey.of(2));
    keys.record("orders", ShardKey.of(2));

    assertThat(keys.top("users")).containsExactly(new HotKey(ShardKey.of(1), 1, 1));
    assertThat(keys.top("orders")).containsExactly(new HotKey(ShardKey.of(2), 2, 2));
  }

  @Test
  void followsSoManyTablesAlone() {
    for (int i = 0; i < 2 * HotKeys.MAX_TABLES; i++) {
      keys.record("t" + i, ShardKey.of(1));
    }
    assertThat(keys.top("t" + (HotKeys.MAX_TABLES - 1))).hasSize(1);
    assertThat(keys.top("t" + HotKeys.MAX_TABLES)).isEmpty();
  }

  @Test
  void heatFades() {
    record(ShardKey.of("old"), 1_000);
    pass(TableHeat.SLICE);
    record(ShardKey.of("new"), 10);
    assertThat(keys.top("users"))
        .containsExactly(
            new HotKey(ShardKey.of("old"), 1_000, 1_000), new HotKey(ShardKey.of("new"), 10, 10));
    pass(TableHeat.SLICE);
    assertThat(keys.top("users")).hasSize(2);
    pass(TableHeat.SLICE);
    assertThat(keys.top("users")).containsExactly(new HotKey(ShardKey.of("new"), 10, 10));
    pass(TableHeat.SLICE);
    assertThat(keys.top("users")).isEmpty();
  }

  @Test
  void keysThatNobodyReadForLongAreNotTakenForNew() {
    record(ShardKey.of("old"), 50);
    pass(TableHeat.SLICE.multipliedBy(60));
    record(ShardKey.of("new"), 1);
    assertThat(keys.top("users")).containsExactly(new HotKey(ShardKey.of("new"), 1, 1));
  }

  @Test
  void boundsHoldOverAllSlices() {
    int[] exact = new int[100_000];
    Random random = new Random(1);
    for (int minute = 0; minute < 3; minute++) {
      for (int i = 0; i < 500_000; i++) {
        int rank = (int) Math.pow(exact.length, random.nextDouble());
        exact[rank]++;
        keys.record("users", ShardKey.of(rank));
      }
      pass(minute < 2 ? TableHeat.SLICE : Duration.ZERO);
    }
    assertFindsTheTop(exact, keys.top("users"));
  }

  /** Density 1 / rank: Zipf's law. */
  @Property(tries = 10)
  void findsTheTopOfAZipfStream(@ForAll Random random) {
    HotKeys any = new HotKeys(() -> 0);
    int[] exact = new int[1_000_000];
    for (int i = 0; i < 1_000_000; i++) {
      int rank = (int) Math.pow(exact.length, random.nextDouble());
      exact[rank]++;
      any.record("users", ShardKey.of(rank));
    }
    assertFindsTheTop(exact, any.top("users"));
  }

  private static void assertFindsTheTop(int[] exact, List<HotKey> top) {
    long total = Arrays.stream(exact).sum();
    long error = total * 35 / 10 / TableHeat.MAP_SIZE;
    assertThat(top)
        .hasSize(TableHeat.TOP)
        .allSatisfy(
            hot -> {
              assertThat((long) exact[index(hot)]).isBetween(hot.atLeast(), hot.atMost());
              assertThat(hot.atMost() - hot.atLeast()).isLessThanOrEqualTo(error);
            });
    List<Integer> found = top.stream().map(HotKeysTests::index).toList();
    int twentieth =
        Arrays.stream(exact).boxed().sorted(Comparator.reverseOrder()).toList().get(TableHeat.TOP);
    // A key may be missing only if it is within the error of the last that should be there.
    assertThat(found)
        .containsAll(
            IntStream.range(0, exact.length)
                .filter(key -> exact[key] > twentieth + error)
                .boxed()
                .toList());
    assertThat(found)
        .allSatisfy(key -> assertThat((long) exact[key]).isGreaterThan(twentieth - error));
  }

  private static int index(HotKey hot) {
    return ((Long) hot.key().part(0)).intValue();
  }

  @Test
  void keysThatAreTooLongAreNotCounted() {
    record(ShardKey.of("x".repeat(TableHeat.MAX_TEXT)), 1);
    record(ShardKey.of("x".repeat(TableHeat.MAX_TEXT + 1)), 1);
    record(ShardKey.of("x".repeat(100), 1, 1), 1);
    record(ShardKey.of("x".repeat(100), 1), 1);
    assertThat(keys.top("users").stream().map(HotKey::key))
        .containsExactlyInAnyOrder(
            ShardKey.of("x".repeat(TableHeat.MAX_TEXT)), ShardKey.of("x".repeat(100), 1));
  }

  @Test
  void holdsNoMoreKeysThanStated() {
    List<WeakReference<ShardKey>> recorded = new ArrayList<>();
    Flux.range(0, 8)
        .flatMap(
            thread ->
                Mono.fromCallable(() -> recordDistinct(thread))
                    .subscribeOn(Schedulers.boundedElastic()),
            8)
        .doOnNext(recorded::addAll)
        .then()
        .block(BOUND);
    System.gc();

    long held = recorded.stream().filter(key -> key.get() != null).count();

    assertThat(recorded).hasSize(400_000);
    assertThat(held).isBetween(1L, (long) TableHeat.MAX_HELD);
    assertThat(keys.top("users")).isNotEmpty();
  }

  private List<WeakReference<ShardKey>> recordDistinct(int thread) {
    List<WeakReference<ShardKey>> recorded = new ArrayList<>();
    for (int i = 0; i < 50_000; i++) {
      ShardKey key = ShardKey.of(thread, i);
      keys.record("users", key);
      recorded.add(new WeakReference<>(key));
      // Into the third slice at the end of all.
      clock.addAndGet(TableHeat.SLICE.toNanos() * 5 / 2 / 400_000);
    }
    return recorded;
  }

  @Test
  void boundsHoldUnderConcurrency() {
    AtomicLongArray exact = new AtomicLongArray(2_000);
    AtomicLong total = new AtomicLong();
    Flux.range(0, 8)
        .flatMap(
            thread ->
                Mono.fromRunnable(
                        () -> {
                          Random random = new Random(thread);
                          for (int i = 0; i < 200_000; i++) {
                            int rank = (int) Math.pow(exact.length(), random.nextDouble());
                            keys.record("users", ShardKey.of(rank));
                            exact.incrementAndGet(rank);
                            total.incrementAndGet();
                            if (i % 20_000 == 0) {
                              assertThat(keys.top("users")).isNotEmpty();
                            }
                          }
                        })
                    .subscribeOn(Schedulers.boundedElastic()),
            8)
        .then()
        .block(BOUND);

    List<HotKey> top = keys.top("users");

    assertThat(total).hasValue(1_600_000);
    assertThat(top)
        .hasSize(TableHeat.TOP)
        .allSatisfy(
            hot -> assertThat(exact.get(index(hot))).isBetween(hot.atLeast(), hot.atMost()));
    assertThat(top.stream().map(HotKeysTests::index)).contains(1, 2, 3, 4, 5);
  }

  private void record(ShardKey key, int times) {
    for (int i = 0; i < times; i++) {
      keys.record("users", key);
    }
  }

  private void pass(Duration time) {
    clock.addAndGet(time.toNanos());
  }
}
