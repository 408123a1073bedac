package io.shardflux.driver.plan;

import static io.shardflux.driver.DriverShards.BOUND;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.Disposable;
import reactor.core.Disposables;

/** Keeps all the planning threads busy until it is closed. */
public final class BusyPlanning implements AutoCloseable {

  private final CountDownLatch open = new CountDownLatch(1);
  private final AtomicInteger begun = new AtomicInteger();
  private final AtomicInteger givenUp = new AtomicInteger();
  private final Disposable.Composite works = Disposables.composite();

  public BusyPlanning() {
    CountDownLatch all = new CountDownLatch(Planning.THREADS);
    for (int i = 0; i < Planning.THREADS; i++) {
      works.add(Planning.run(() -> work(all), BOUND, "SELECT 1").subscribe());
    }
    await(all);
  }

  private String work(CountDownLatch all) {
    begun.incrementAndGet();
    all.countDown();
    await(open);
    return "done";
  }

  private void await(CountDownLatch latch) {
    try {
      if (!latch.await(BOUND.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("the planning threads aren't free");
      }
    } catch (InterruptedException interrupted) {
      givenUp.incrementAndGet();
    }
  }

  /** Tells whether the threads are free again. */
  public boolean over() {
    return open.getCount() == 0 || givenUp.get() > 0;
  }

  @Override
  public void close() {
    open.countDown();
    works.dispose();
  }
}
