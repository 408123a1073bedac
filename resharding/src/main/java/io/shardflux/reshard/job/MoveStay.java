package io.shardflux.reshard.job;

import io.shardflux.reshard.job.OpenStep.Sides;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.Shown;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Ends a move where it is: each key stays on the side that has it, what stands on the other side is
 * taken away, and a strategy is published by which that is so. It needs no table of one side to fit
 * that of the other, nor to be there.
 */
final class MoveStay {

  private static final Logger log = LoggerFactory.getLogger(MoveStay.class);

  private static final String CLEANING =
      "stay: rows are being deleted at their old place (expected: before CLEAN; let the move go"
          + " on)";

  private final OwnedMove move;
  private final StepSwitch turn;
  private final StepClean clean;

  MoveStay(OwnedMove move, StepSwitch turn, StepClean clean) {
    this.move = move;
    this.turn = turn;
    this.clean = clean;
  }

  /**
   * Does all that is left.
   *
   * @return why it is refused; empty if it ended
   */
  Mono<String> stayed() {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () -> {
                  if (move.isAt(Phase.CLEAN)) {
                    return Mono.just(CLEANING);
                  }
                  // It was published at the end and not noted, or had not begun.
                  Mono<Void> all = move.onItsWay() ? placed().then(emptied()) : Mono.empty();
                  return all.then(Mono.defer(() -> move.at(move.state().at(Phase.STAYED))))
                      .then(Mono.empty());
                }));
  }

  /** Decides where each key stays, which holds from then on. */
  private Mono<Void> placed() {
    return Mono.defer(
        () ->
            move.isAt(Phase.STAY)
                ? Mono.empty()
                : Flux.range(0, move.begunSteps())
                    .concatMap(number -> OpenStep.on(move, number, Sides.EITHER, turn::placed))
                    .then(Mono.defer(this::noted)));
  }

  private Mono<Void> noted() {
    String places = places();
    log.warn("job {}: {}", move.owned().job(), places);
    String before = move.state().refused();
    String said = before.startsWith(Shown.GAVE_UP_RETURN) ? before + "; " + places : places;
    return move.at(move.state().at(0, Phase.STAY).refused(said));
  }

  private String places() {
    return move.transition().steps().stream()
        .map(step -> "keys from " + step.from() + " to " + step.to() + " are on " + place(step))
        .collect(Collectors.joining("; ", "stay: ", ""));
  }

  private static String place(Step step) {
    return (step.phase().there() ? step.to() : step.from()).value();
  }

  private Mono<Void> emptied() {
    return Mono.defer(() -> move.left(step -> step.phase().there() ? step.from() : step.to()))
        .then(
            Mono.defer(
                () -> OpenStep.each(move, move.begunSteps(), Sides.EITHER, clean::otherSide)))
        .then(
            Mono.defer(
                () ->
                    move.stayed()
                        .flatMap(
                            passage ->
                                move.publish(
                                    topology -> passage.stayed(topology, move.transition()),
                                    "the move of "
                                        + move.strategy()
                                        + " was ended; "
                                        + move.state().refused()))))
        .then();
  }
}
