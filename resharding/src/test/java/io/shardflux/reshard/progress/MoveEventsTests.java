package io.shardflux.reshard.progress;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.BaseSubscriber;
import reactor.test.StepVerifier;

class MoveEventsTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final Step STEP = new Step(ShardId.of("a"), ShardId.of("b"), Phase.COPYING);

  private final MoveEvents events = new MoveEvents();

  private void seen(long job, String phase, Phase step, boolean ended, @Nullable String error) {
    MoveProgress progress =
        new MoveProgress(
            job,
            "s",
            Wanted.RUN,
            "",
            true,
            0,
            1,
            "a",
            "b",
            phase,
            0,
            0,
            error != null && !ended,
            Report.of(0),
            null,
            ended,
            error);
    events.seen(progress, ended ? List.of() : List.of(STEP.in(step)));
  }

  @Test
  void tellsEachDifferenceOnce() {
    StepVerifier.create(events.all().map(MoveEventsTests::text))
        .then(
            () -> {
              seen(1, "CLEAN", Phase.SWITCHED, true, null);
              for (int i = 0; i < 2; i++) {
                seen(2, "COPY", Phase.COPYING, false, null);
              }
              seen(2, "SWITCH", Phase.SWITCHING, false, null);
              seen(2, "SWITCH", Phase.SWITCHED, false, "no answer");
              seen(2, "SWITCH", Phase.SWITCHED, false, "no answer");
              seen(2, "REVERSE", Phase.RETURNING, false, null);
              seen(2, "UNDO", Phase.COPYING, false, null);
              // One that was asked for before.
              seen(1, "CLEAN", Phase.SWITCHED, true, null);
              seen(2, "REVERSED", Phase.COPYING, true, null);
              seen(2, "REVERSED", Phase.COPYING, true, null);
              seen(3, "PREPARE", Phase.COPYING, false, null);
              events.complete();
            })
        .expectNext("2 Started", "2 PhaseBegan COPY")
        .expectNext("2 PhaseEnded COPY", "2 PhaseBegan SWITCH")
        .expectNext("2 Switched b", "2 Stuck no answer")
        .expectNext("2 PhaseEnded SWITCH", "2 PhaseBegan REVERSE")
        .expectNext("2 Switched a", "2 PhaseEnded REVERSE", "2 PhaseBegan UNDO")
        .expectNext("2 PhaseEnded UNDO", "2 Ended REVERSED")
        .expectNext("3 Started", "3 PhaseBegan PREPARE")
        .expectComplete()
        .verify(BOUND);
  }

  private static String text(MoveEvent event) {
    String name = event.job() + " " + event.getClass().getSimpleName();
    if (event instanceof MoveEvent.PhaseBegan began) {
      return name + " " + began.phase();
    }
    if (event instanceof MoveEvent.PhaseEnded ended) {
      return name + " " + ended.phase();
    }
    if (event instanceof MoveEvent.Switched switched) {
      return name + " " + switched.to();
    }
    if (event instanceof MoveEvent.Stuck stuck) {
      return name + " " + stuck.reason();
    }
    return event instanceof MoveEvent.Ended ended ? name + " " + ended.phase() : name;
  }

  @Test
  void aListenerThatTakesNoneHoldsNothingUp() {
    List<MoveEvent> taken = new ArrayList<>();
    BaseSubscriber<MoveEvent> none =
        new BaseSubscriber<>() {
          @Override
          protected void hookOnSubscribe(org.reactivestreams.Subscription subscription) {}

          @Override
          protected void hookOnNext(MoveEvent event) {
            taken.add(event);
          }
        };
    events.all().subscribe(none);
    for (int i = 0; i < 10_000; i++) {
      seen(2, i % 2 == 0 ? "COPY" : "VERIFY", Phase.COPYING, false, null);
    }
    assertThat(taken).isEmpty();
    assertThat(events.newest()).isPresent();
    none.cancel();
  }
}
