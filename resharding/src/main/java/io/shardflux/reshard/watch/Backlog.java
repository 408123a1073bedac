package io.shardflux.reshard.watch;

import io.shardflux.router.Internal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tells whether changes come faster than they are applied. That is so where more of them wait than
 * hold the copying up, which gives them all of the mover's time, and still more wait after a while.
 * It is over once no more than these wait, or fewer than a while ago for as long. Thread-safe.
 */
@Internal
public final class Backlog {

  private final LoadLimits limits;
  private final LongSupplier clock;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private @Nullable Sample first;

  /** Since when fewer wait than a window before; null if that is not so. */
  private @Nullable Sample fewer;

  /** Since when a former owner saw it; null if it did not, or that is over. */
  private @Nullable Instant before;

  private Instant since = Instant.EPOCH;
  private long waiting;

  private record Sample(long at, long waiting) {}

  /**
   * Has seen nothing yet.
   *
   * @param clock nanoseconds since any moment, as {@link System#nanoTime()}
   */
  public Backlog(LoadLimits limits, LongSupplier clock) {
    this.limits = limits;
    this.clock = clock;
  }

  /** Goes on from where a former owner was, if it is still so at the next look. */
  public synchronized void goesOn(Instant from) {
    before = from;
  }

  /** Notes how many changes wait at this moment. */
  public synchronized void seen(long changes) {
    waiting = changes;
    Instant inherited = before;
    before = null;
    if (changes > limits.changes() && inherited != null) {
      long elapsed = Math.max(0, Duration.between(inherited, Instant.now()).toNanos());
      first = new Sample(clock.getAsLong() - elapsed, changes);
      since = inherited;
    }
    if (changes <= limits.changes()) {
      samples.clear();
      first = null;
      fewer = null;
      return;
    }
    Sample now = new Sample(clock.getAsLong(), changes);
    samples.addLast(now);
    long window = limits.window().toNanos();
    // The first one that is kept is as old as the window.
    while (samples.size() > 1 && now.at - second().at >= window) {
      samples.removeFirst();
    }
    Sample earlier = samples.getFirst();
    if (now.at - earlier.at >= window) {
      compared(now, earlier);
    }
  }

  private void compared(Sample now, Sample earlier) {
    if (now.waiting >= earlier.waiting) {
      fewer = null;
    } else if (fewer == null) {
      fewer = now;
    } else if (now.at - fewer.at >= limits.window().toNanos()) {
      first = null;
    }
    if (first == null && now.waiting > earlier.waiting) {
      first = earlier;
      since = Instant.now().minusNanos(now.at - earlier.at);
    }
  }

  private Sample second() {
    return samples.stream().skip(1).findFirst().orElseThrow();
  }

  /** For how long changes have come faster; zero if they do not. */
  public synchronized Duration time() {
    return first == null ? Duration.ZERO : Duration.ofNanos(clock.getAsLong() - first.at);
  }

  /** Since when that is so; null if it is not. */
  public synchronized @Nullable Instant since() {
    return first == null ? before : since;
  }

  /** The text that tells an operator of it; null if the changes are not behind. */
  public synchronized @Nullable String behind() {
    return first == null
        ? null
        : "changes come faster than they are applied since "
            + since
            + ": "
            + waiting
            + " wait, then "
            + first.waiting
            + " (expected: fewer than "
            + limits.changes()
            + " soon; have the application write less, or the mover's and the target's server"
            + " do more)";
  }
}
