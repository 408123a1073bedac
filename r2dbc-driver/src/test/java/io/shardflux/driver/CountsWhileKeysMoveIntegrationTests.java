package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.TransitionStrategy.Phase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** All rows are counted again and again while keys move and rows are updated. */
class CountsWhileKeysMoveIntegrationTests extends MovingUsers {

  private static final int COUNTS = Integer.getInteger("moving.counts", 200);
  private static final int AT_ONCE = 4;
  private static final int PARTS = 6;

  /** Updates of one row, of some and of all. */
  private static final List<String> UPDATES =
      Stream.concat(
              all().stream().map(MovingUsers::add),
              Stream.of(
                  "/* shardflux: scatter-writes=true */ UPDATE users SET n = n + 1",
                  "UPDATE users SET n = n + 1 WHERE id IN (" + listed(all()) + ")",
                  "UPDATE users SET n = n + 1 WHERE id IN (" + listed(MOVING) + ")"))
          .toList();

  private final AtomicInteger counted = new AtomicInteger();
  private final AtomicBoolean over = new AtomicBoolean();

  @Test
  void everyCountIsThatOfOneDatabase() throws Exception {
    started();
    CompletableFuture<List<Long>> counts =
        Flux.range(0, COUNTS)
            .flatMap(
                i -> read("SELECT COUNT(*) FROM users").doOnNext(rows -> counted.incrementAndGet()),
                AT_ONCE)
            .collectList()
            .doFinally(end -> over.set(true))
            .toFuture();
    CompletableFuture<Long> updates =
        Flux.range(0, Integer.MAX_VALUE)
            .concatMap(i -> changed(UPDATES.get(i % UPDATES.size())))
            .takeUntil(rows -> over.get())
            .reduce(0L, Long::sum)
            .toFuture();
    movedSlowly();
    assertThat(counts.get(BOUND.toSeconds(), TimeUnit.SECONDS)).hasSize(COUNTS).containsOnly(7L);
    long added = updates.get(BOUND.toSeconds(), TimeUnit.SECONDS);
    assertThat(added).isPositive();
    assertThat(summed("SELECT SUM(n) FROM users")).isEqualTo(List.of(1L, 7 + added));
  }

  private void movedSlowly() {
    counted(1);
    published(Phase.COPYING);
    known();
    MOVING.forEach(id -> at(2, "INSERT INTO users VALUES (" + id + ", 100)"));
    counted(2);
    published(Phase.SWITCHING);
    known();
    switched();
    known();
    counted(3);
    cleaned();
    counted(4);
    newest = topology(newest.epoch() + 1, NEXT);
    known();
    counted(PARTS);
  }

  /** Waits until so many parts of the counts are made. */
  private void counted(int parts) {
    Mono.fromSupplier(counted::get)
        .filter(made -> made >= COUNTS * parts / PARTS || over.get())
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(2)))
        .block(BOUND);
  }
}
