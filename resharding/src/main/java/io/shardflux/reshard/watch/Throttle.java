package io.shardflux.reshard.watch;

import io.shardflux.reshard.watch.Latencies.Verdict;
import io.shardflux.reshard.watch.ReplicaLags.Lag;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The reasons against copying more at a moment. Whatever is not known is no reason, and is told.
 *
 * @param hard why the copying waits until that is over, or null
 * @param soft why it goes on slowly, or null
 * @param notKnown what could not be looked at, each with the reason
 * @param changes about how many changes wait to be applied
 */
@Internal
public record Throttle(
    @Nullable String hard, @Nullable String soft, List<String> notKnown, long changes) {

  public static final Throttle NONE = new Throttle(null, null, List.of(), 0);

  /** The throttle of a source at which nothing could be looked at. */
  public static Throttle unknown(ShardId source, Throwable error) {
    return new Throttle(null, null, List.of("all of " + source + ": " + error.getMessage()), 0);
  }

  public static Throttle of(
      ShardId source,
      SourceLoad seen,
      List<Lag> lags,
      Verdict latency,
      Duration maxLag,
      LoadLimits limits) {
    List<String> hard = new ArrayList<>();
    List<String> notKnown = new ArrayList<>();
    for (Lag lag : lags) {
      if (lag.behind() == null) {
        notKnown.add("lag of " + lag.server() + ": " + lag.reason());
      } else if (lag.behind().compareTo(maxLag) > 0) {
        hard.add("lag: " + lag.server() + " is " + lag.behind().toSeconds() + " s behind");
      }
    }
    if (seen.history() > limits.history()) {
      hard.add("history: " + seen.history() + " old versions on " + source + " are not purged");
    }
    if (seen.changes() > limits.changes()) {
      hard.add("changes: " + seen.changes() + " on " + source + " are not applied");
    }
    if (seen.history() == SourceLoad.NOT_KNOWN) {
      notKnown.add("history of " + source + ": the server does not say");
    }
    if (seen.changes() == SourceLoad.NOT_KNOWN) {
      notKnown.add("changes on " + source + ": the server does not answer");
    }
    if (!latency.known()) {
      notKnown.add(
          "latency of "
              + source
              + ": fewer than "
              + Latencies.FEWEST
              + " statements of this router in a minute");
    }
    return new Throttle(
        hard.isEmpty() ? null : String.join("; ", hard),
        latency.tooHigh(),
        List.copyOf(notKnown),
        Math.max(0, seen.changes()));
  }

  /** Tells whether the copying waits. */
  public boolean waits(boolean slowly) {
    return hard != null || (slowly && soft != null);
  }

  public @Nullable String reason() {
    return hard != null ? hard : soft;
  }
}
