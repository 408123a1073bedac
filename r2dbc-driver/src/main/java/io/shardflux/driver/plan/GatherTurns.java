package io.shardflux.driver.plan;

import io.r2dbc.spi.R2dbcTimeoutException;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * Lets so many reads gather at once. The others wait here, with no connection, in the order in
 * which they came. Thread-safe.
 */
@Internal
public final class GatherTurns {

  private final IntSupplier most;

  // Guarded by this.
  private final Deque<Turn> waiting = new ArrayDeque<>();
  private int taken;

  GatherTurns(IntSupplier most) {
    this.most = most;
  }

  /**
   * The rows of some work, which begins when its turn comes and has it until its end.
   *
   * @param time the time that it waits at most
   * @param sql its statement, for errors
   */
  public <T> Flux<T> inTurn(Flux<T> work, Duration time, String sql) {
    return Flux.deferContextual(
        context -> {
          if (context.hasKey(this)) {
            return work;
          }
          Turn turn = new Turn();
          return turn.come()
              .timeout(time, Mono.error(() -> late(time, sql)))
              .thenMany(work.contextWrite(inside -> inside.put(this, true)))
              .doFinally(end -> turn.end());
        });
  }

  private R2dbcTimeoutException late(Duration time, String sql) {
    return new R2dbcTimeoutException(
        "gather: no turn within "
            + time.toMillis()
            + " ms, as "
            + most.getAsInt()
            + " statements gather rows (expected: fewer at once, or a higher"
            + " sql.gather-concurrency)",
        null,
        0,
        sql,
        (Throwable) null);
  }

  private final class Turn {

    private final Sinks.Empty<Void> come = Sinks.empty();
    private boolean has;
    private boolean over;

    Mono<Void> come() {
      synchronized (GatherTurns.this) {
        if (taken < most.getAsInt()) {
          taken++;
          has = true;
          return Mono.empty();
        }
        waiting.add(this);
        // Otherwise the work would lie on the stack of the one before.
        return come.asMono().publishOn(Schedulers.parallel());
      }
    }

    void end() {
      Turn next = ended();
      if (next != null) {
        var unused = next.come.tryEmitEmpty();
      }
    }

    private @Nullable Turn ended() {
      synchronized (GatherTurns.this) {
        if (over) {
          return null;
        }
        over = true;
        if (!has) {
          waiting.remove(this);
          return null;
        }
        Turn next = waiting.poll();
        if (next == null) {
          taken--;
        } else {
          next.has = true;
        }
        return next;
      }
    }
  }
}
