package io.shardflux.r2dbc.server;

import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.settings.PoolOptions;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import reactor.pool.AllocationStrategy;

/**
 * Decides how many connections a pool may open now. The first one is opened alone, so that a wrong
 * password costs one login and not as many as there are callers. Where none was opened lately, the
 * next two are opened before the others, because the password may have changed since. While an
 * obstacle is known none is opened: callers wait for those that are open.
 */
final class Openings implements AllocationStrategy {

  /**
   * The time for which a full server is not asked again by callers that find no connection open.
   */
  private static final long FULL_NANOS = Duration.ofMillis(50).toNanos();

  private static final int FIRST = 2;

  /** The time for which a server that let a connection in is taken to let in more. */
  private static final long LATELY_NANOS = Duration.ofSeconds(1).toNanos();

  private final int min;
  private final int max;
  private final BooleanSupplier anyOpen;
  private final AtomicInteger granted = new AtomicInteger();
  private final AtomicInteger underWay = new AtomicInteger();
  private volatile @Nullable Throwable obstacle;
  private volatile long fullUntil = System.nanoTime();
  private volatile long openedAt = System.nanoTime() - LATELY_NANOS;

  /**
   * Nothing is known to be in the way.
   *
   * @param anyOpen whether any connection is open
   */
  Openings(PoolOptions bounds, BooleanSupplier anyOpen) {
    this.min = bounds.minIdle();
    this.max = bounds.maxSize();
    this.anyOpen = anyOpen;
  }

  Openings begun() {
    underWay.incrementAndGet();
    return this;
  }

  void ended() {
    underWay.decrementAndGet();
  }

  /** Tells whether callers must wait for the connections that are open. */
  boolean suspended() {
    return obstacle != null && anyOpen.getAsBoolean();
  }

  void suspend(Throwable cause) {
    obstacle = cause;
    if (ShardErrors.noRoom(cause)) {
      fullUntil = System.nanoTime() + FULL_NANOS;
    }
  }

  void resume() {
    openedAt = System.nanoTime();
    obstacle = null;
  }

  /** The reason why the server must not be asked for a connection at this moment, or null. */
  @Nullable Throwable full() {
    return System.nanoTime() - fullUntil < 0 ? obstacle : null;
  }

  @Override
  public int getPermits(int desired) {
    while (desired >= 0) {
      int before = granted.get();
      int given = Math.min(allowed(Math.max(desired, min - before)), max - before);
      if (given <= 0) {
        return 0;
      }
      if (granted.compareAndSet(before, before + given)) {
        return given;
      }
    }
    return 0;
  }

  private int allowed(int wanted) {
    if (!anyOpen.getAsBoolean()) {
      return underWay.get() == 0 ? Math.min(1, wanted) : 0;
    }
    if (obstacle != null) {
      return 0;
    }
    boolean lately = System.nanoTime() - openedAt < LATELY_NANOS;
    return lately ? wanted : Math.min(FIRST - underWay.get(), wanted);
  }

  @Override
  public int estimatePermitCount() {
    return suspended() ? 0 : max - granted.get();
  }

  @Override
  public int permitGranted() {
    return granted.get();
  }

  @Override
  public int permitMinimum() {
    return min;
  }

  @Override
  public int permitMaximum() {
    return max;
  }

  @Override
  public void returnPermits(int returned) {
    granted.addAndGet(-returned);
  }
}
