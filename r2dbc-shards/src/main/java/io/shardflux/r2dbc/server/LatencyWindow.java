package io.shardflux.r2dbc.server;

import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;
import org.HdrHistogram.AtomicHistogram;
import org.HdrHistogram.Histogram;

/**
 * The times that a server took over the last minute: the last 50 to 60 s, in slices of 10 s.
 *
 * <p>A percentile is up to 1 % or 511 ns, whichever is more, above the exact one and never below.
 * Times are held to 1 h. The window is made of six slices of 28 kB at most, 170 kB in all.
 * Recording is wait-free, except for the one write in 10 s that begins a slice. Nothing blocks, and
 * there is no timer.
 *
 * <p>HdrHistogram's own {@code Recorder} can't be used: its readers wait for its writers.
 */
@Internal
public final class LatencyWindow {

  /** Recorded times below which {@link #p95Nanos()} is not known. */
  public static final int MIN_SAMPLES = 100;

  static final long MAX_NANOS = Duration.ofHours(1).toNanos();

  private static final long SLICE = Duration.ofSeconds(10).toNanos();
  private static final long WINDOW = Duration.ofMinutes(1).toNanos();
  private static final long P95_AGE = Duration.ofSeconds(1).toNanos();
  private static final long MIN_NANOS = 1_000;
  private static final int DIGITS = 2;

  private final LongSupplier clock;

  /** The newest first. A writer that holds an older one may still write to it, and is counted. */
  private final AtomicReference<List<Slice>> slices = new AtomicReference<>(List.of());

  private final AtomicLong p95Due;
  private volatile long p95 = -1;

  /**
   * An empty window.
   *
   * @param clock nanoseconds since any moment, as {@link System#nanoTime()}
   */
  LatencyWindow(LongSupplier clock) {
    this.clock = clock;
    this.p95Due = new AtomicLong(clock.getAsLong());
  }

  /** Counts a time; one below 0 as 0, one above an hour as an hour. */
  void record(long nanos) {
    current().counts.recordValue(Math.max(0, Math.min(nanos, MAX_NANOS)));
  }

  /** The percentiles of the recorded times. Takes some 20 µs, and writers go on. */
  public Percentiles percentiles() {
    Histogram all = merged(clock.getAsLong());
    return new Percentiles(
        all.getTotalCount(),
        all.getValueAtPercentile(50),
        all.getValueAtPercentile(95),
        all.getValueAtPercentile(99));
  }

  /**
   * The 95th percentile, at most a second old, or older if it was not asked for; -1 if fewer than
   * {@link #MIN_SAMPLES} times were recorded.
   */
  public long p95Nanos() {
    long now = clock.getAsLong();
    long due = p95Due.get();
    if (now - due >= 0 && p95Due.compareAndSet(due, now + P95_AGE)) {
      Histogram all = merged(now);
      p95 = all.getTotalCount() < MIN_SAMPLES ? -1 : all.getValueAtPercentile(95);
    }
    return p95;
  }

  private Slice current() {
    while (true) {
      long now = clock.getAsLong();
      List<Slice> seen = slices();
      if (!seen.isEmpty() && now - seen.get(0).end < 0) {
        return seen.get(0);
      }
      List<Slice> next = new ArrayList<>();
      next.add(new Slice(now + SLICE, new AtomicHistogram(MIN_NANOS, MAX_NANOS, DIGITS)));
      seen.stream().filter(slice -> slice.within(now)).forEach(next::add);
      slices.compareAndSet(seen, List.copyOf(next));
    }
  }

  private Histogram merged(long now) {
    Histogram all = new Histogram(MIN_NANOS, MAX_NANOS, DIGITS);
    slices().stream().filter(slice -> slice.within(now)).forEach(slice -> all.add(slice.counts));
    return all;
  }

  private List<Slice> slices() {
    return Objects.requireNonNull(slices.get());
  }

  private record Slice(long end, AtomicHistogram counts) {

    /** Tells whether no time in the slice is older than the window. */
    boolean within(long now) {
      return now - end < WINDOW - SLICE;
    }
  }

  /**
   * Times of the last minute.
   *
   * @param count how many were recorded
   * @param p50Nanos that half of them took no longer than, 0 where there are none; the others alike
   */
  public record Percentiles(long count, long p50Nanos, long p95Nanos, long p99Nanos) {}
}
