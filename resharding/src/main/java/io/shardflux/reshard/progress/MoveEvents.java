package io.shardflux.reshard.progress;

import io.shardflux.router.Internal;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.BufferOverflowStrategy;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * Tells what became of the newest move since it was seen last. Nobody waits for a listener.
 * Thread-safe.
 */
@Internal
public final class MoveEvents {

  private static final int HELD = 256;

  private final Sinks.Many<MoveEvent> events = Sinks.many().multicast().directBestEffort();
  private @Nullable MoveProgress last;
  private List<Step> steps = List.of();

  /** The events that are seen from now on. */
  public Flux<MoveEvent> all() {
    return events
        .asFlux()
        .onBackpressureBuffer(HELD, lost -> {}, BufferOverflowStrategy.DROP_OLDEST)
        .publishOn(Schedulers.parallel());
  }

  public synchronized void complete() {
    var unused = events.tryEmitComplete();
  }

  /** The state of the newest move when it was seen last. */
  public synchronized Optional<MoveProgress> newest() {
    return Optional.ofNullable(last);
  }

  /**
   * Sees how far the newest move is.
   *
   * @param published its steps in the topology in force; none if it is not on its way there
   */
  public synchronized void seen(MoveProgress now, List<Step> published) {
    MoveProgress before = last;
    if (before != null && before.job() > now.job()) {
      return;
    }
    last = now;
    if (before == null || before.job() != now.job()) {
      steps = published;
      if (!now.ended()) {
        tell(new MoveEvent.Started(Instant.now(), now.job(), now.strategy(), now.steps()));
        tell(new MoveEvent.PhaseBegan(Instant.now(), now.job(), now.step(), now.phase()));
      }
    } else if (!before.ended()) {
      switched(now, published);
      differs(before, now);
    }
  }

  /** A move that is over has no steps there, and has told of all its switches. */
  private void switched(MoveProgress now, List<Step> published) {
    for (Step step : published) {
      boolean there = step.phase().there();
      boolean before =
          steps.stream()
              .filter(each -> each.from().equals(step.from()) && each.to().equals(step.to()))
              .anyMatch(each -> each.phase().there());
      if (there != before) {
        tell(
            new MoveEvent.Switched(
                Instant.now(),
                now.job(),
                there ? step.from() : step.to(),
                there ? step.to() : step.from(),
                !there));
      }
    }
    steps = published.isEmpty() ? steps : published;
  }

  private void differs(MoveProgress before, MoveProgress now) {
    boolean next = before.step() != now.step() || !before.phase().equals(now.phase());
    if (next || now.ended()) {
      tell(new MoveEvent.PhaseEnded(Instant.now(), now.job(), before.step(), before.phase()));
    }
    if (next && !now.ended()) {
      tell(new MoveEvent.PhaseBegan(Instant.now(), now.job(), now.step(), now.phase()));
    }
    MoveProgress.Wait wait = now.report().waiting();
    if (wait != null && before.report().waiting() == null) {
      tell(new MoveEvent.HeldUp(Instant.now(), now.job(), wait));
    }
    if (now.stuck() && !(before.stuck() && Objects.equals(before.error(), now.error()))) {
      tell(new MoveEvent.Stuck(Instant.now(), now.job(), reason(now)));
    }
    if (now.ended()) {
      tell(new MoveEvent.Ended(Instant.now(), now.job(), now.phase(), now.error()));
    }
  }

  private static String reason(MoveProgress now) {
    MoveProgress.Wait wait = now.report().waiting();
    return now.error() != null
        ? now.error()
        : Objects.requireNonNullElse(
            now.report().fallsBehind(), wait == null ? "not known" : "waits for " + wait.on());
  }

  private void tell(MoveEvent event) {
    var unused = events.tryEmitNext(event);
  }
}
