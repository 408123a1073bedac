package io.shardflux.spring.actuate;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.Internal;
import java.util.function.ToDoubleFunction;

/** The newest move as meters, which ask no server. All are 0 where there was none. */
@Internal
public final class MoveMeters implements MeterBinder {

  private final ShardMoves moves;

  public MoveMeters(ShardMoves moves) {
    this.moves = moves;
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    gauge(registry, "running", "1 while a router does the move", move -> flag(move.running()));
    gauge(registry, "stuck", "1 while the move can't go on", move -> flag(move.stuck()));
    gauge(
        registry,
        "throttled",
        "1 while the copying is held up or slowed down",
        move -> flag(move.report().throttledBy() != null));
    gauge(
        registry,
        "held.up",
        "1 while open transactions hold a switch up",
        move -> flag(move.report().waiting() != null));
    gauge(registry, "done", "Share of the move that is done", move -> move.report().done());
    gauge(registry, "rows", "Rows that were copied", MoveProgress::rowsCopied);
    gauge(
        registry,
        "rows.per.second",
        "Rows that were copied, compared or deleted in a second",
        move -> move.report().rowsPerSecond());
    gauge(
        registry,
        "changes.waiting",
        "Changes of moving rows that wait to be applied",
        move -> move.report().changesWaiting());
  }

  private void gauge(
      MeterRegistry registry, String name, String what, ToDoubleFunction<MoveProgress> value) {
    Gauge.builder(
            "shardflux.move." + name,
            moves,
            all -> all.newest().map(move -> value.applyAsDouble(move)).orElse(0.0))
        .description(what)
        .register(registry);
  }

  private static double flag(boolean set) {
    return set ? 1 : 0;
  }
}
