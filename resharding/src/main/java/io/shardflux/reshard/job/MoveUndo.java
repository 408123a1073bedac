package io.shardflux.reshard.job;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Takes a move back: gives back the keys that moved, takes away what was copied, and publishes the
 * old strategy. The old place was kept whole, so that rows are compared for that, and copied only
 * where they differ all the same.
 */
final class MoveUndo {

  private static final String MOVED =
      "cancel: keys have moved (expected: none; let the move go on, or reverse it)";

  private static final String CLEANING =
      "reverse: rows are being deleted at their old place (expected: before CLEAN; let the move go"
          + " on, and move the keys back by another one)";

  private final OwnedMove move;
  private final StepSwitch turn;
  private final StepClean clean;
  private final ReverseCompare compare;

  MoveUndo(OwnedMove move, StepSwitch turn, StepClean clean) {
    this.move = move;
    this.turn = turn;
    this.clean = clean;
    this.compare = new ReverseCompare(move, turn);
  }

  /**
   * Takes all back, from wherever it is.
   *
   * @param moved whether keys may have moved
   * @return why nothing is taken back; empty if all is
   */
  Mono<String> undone(boolean moved) {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () -> {
                  if (move.isAt(Phase.CLEAN)) {
                    return Mono.just(moved ? CLEANING : MOVED);
                  }
                  if (!move.onItsWay()) {
                    return move.at(move.state().at(Phase.REVERSED)).then(Mono.empty());
                  }
                  if (move.isBefore(Phase.REVERSE) && !moved && move.keysMoved()) {
                    return Mono.just(MOVED);
                  }
                  return refusal().switchIfEmpty(Mono.defer(() -> back().then(Mono.empty())));
                }));
  }

  /** Why the keys can't go back, before anything is done. */
  private Mono<String> refusal() {
    if (!move.isBefore(Phase.REVERSE)) {
      return Mono.empty();
    }
    List<Step> steps = move.transition().steps();
    return Flux.range(0, steps.size())
        .filter(number -> steps.get(number).phase().there())
        .concatMap(
            number ->
                move.guards()
                    .before("return check")
                    .then(OpenStep.on(move, number, MoveUndo::returnable)))
        .then(Mono.<String>empty())
        .onErrorResume(
            error ->
                error instanceof IllegalStateException
                    || error instanceof R2dbcDataIntegrityViolationException,
            error ->
                Mono.just(
                    "reverse: "
                        + error.getMessage()
                        + " (expected: tables as they were, and changes that the old place takes;"
                        + " let the move go on)"));
  }

  private static Mono<Void> returnable(OpenStep step) {
    return step.fence()
        .emptied(step.source())
        .flatMap(
            emptied ->
                emptied
                    ? Mono.<Void>error(
                        new IllegalStateException(
                            "rows were deleted on " + step.source().shard() + " already"))
                    : step.intact())
        .thenMany(Flux.fromIterable(step.back()))
        .concatMap(Transfer::caughtUp)
        .then();
  }

  private Mono<Void> back() {
    return Mono.defer(
            () ->
                move.isBefore(Phase.REVERSE)
                    ? move.at(move.begunSteps() == 0 ? undo() : atStep(move.begunSteps() - 1))
                    : Mono.empty())
        .then(Mono.defer(this::returned))
        .then(Mono.defer(() -> move.left(Step::to)))
        .then(Mono.defer(() -> OpenStep.each(move, move.begunSteps(), clean::takenBack)))
        .then(
            Mono.defer(
                () ->
                    move.publish(
                        topology -> move.passage().cancelled(topology, move.transition().old()),
                        "the move of " + move.strategy() + " was taken back")))
        .then(Mono.defer(() -> move.at(move.state().at(Phase.REVERSED))));
  }

  private JobState atStep(int number) {
    return move.state().at(number, Phase.REVERSE);
  }

  private JobState undo() {
    return move.state().at(0, Phase.UNDO);
  }

  private Mono<Void> returned(OpenStep step) {
    return compare.compared(step).then(Mono.defer(() -> turn.returned(step)));
  }

  /** Gives the keys back, the last step's first. */
  private Mono<Void> returned() {
    return Mono.defer(
            () -> {
              int number = move.state().step();
              return move.isAt(Phase.REVERSE)
                  ? OpenStep.on(move, number, step -> move.watch().during(step, returned(step)))
                      .then(Mono.defer(() -> move.at(number == 0 ? undo() : atStep(number - 1))))
                  : Mono.empty();
            })
        .repeat(() -> move.isAt(Phase.REVERSE))
        .then();
  }
}
