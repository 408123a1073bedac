package io.shardflux.reshard;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.List;
import reactor.core.publisher.Mono;

/** Moves the keys of one strategy to where another has them, a step after the other. */
final class MoveJob {

  /** What a test takes out or waits at, to see what then becomes of rows. */
  interface Guards {

    Guards ALL = new Guards() {};

    /** Called before each piece of work, which it may delay or stop. */
    default Mono<Void> before(String what) {
      return Mono.empty();
    }

    /** Whether the fence is closed for the switch. */
    default boolean closesFence() {
      return true;
    }

    /** Whether statements that were located by an earlier topology are waited for. */
    default boolean settles() {
      return true;
    }

    /** What may be so much on a source before the copying waits. */
    default MoveWatch.Limits limits() {
      return MoveWatch.Limits.DEFAULTS;
    }
  }

  private final OwnedMove move;
  private final StepCopy copy;
  private final StepSwitch turn;
  private final StepClean clean;

  MoveJob(
      ClusterAccess cluster,
      Servers servers,
      Owned owned,
      Passage passage,
      JobPlan plan,
      Latencies latencies,
      JobState state,
      Guards guards) {
    this.move = new OwnedMove(cluster, servers, owned, passage, plan, latencies, state, guards);
    this.copy = new StepCopy(move);
    this.clean = new StepClean(move);
    this.turn = new StepSwitch(move, clean);
  }

  /**
   * Keeps the job from going on, unless writers wait for the end of a switch at this moment.
   *
   * @return whether it may be given up now
   */
  boolean stopped() {
    return turn.stopped();
  }

  /** What is seen of it at this moment. */
  MoveProgress.Report report() {
    return move.watch().report();
  }

  /** Does all that is left. */
  Mono<Void> run() {
    return begun().then(Mono.defer(this::steps)).then(Mono.defer(this::finished));
  }

  /** Publishes that the strategy is on its way, unless that was done before. */
  private Mono<Void> begun() {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () ->
                    onItsWay()
                        ? Mono.just(move.now().epoch())
                        : move.publish(
                            move.passage()::begun,
                            "keys of " + move.strategy() + " begin to move")))
        .flatMap(move.cluster()::awaited);
  }

  private boolean onItsWay() {
    return move.passage().isUnderWay(move.now());
  }

  private Mono<Void> steps() {
    return Mono.defer(
            () -> {
              List<Step> steps = move.transition().steps();
              int number = move.state().step();
              return number < steps.size()
                  ? OpenStep.on(move, steps.get(number), number, this::phases)
                  : Mono.empty();
            })
        .repeat(() -> move.state().step() < move.transition().steps().size())
        .then();
  }

  /** Goes on with a step where it is. */
  private Mono<Void> phases(OpenStep step) {
    Mono<Void> all =
        Mono.defer(() -> move.watch().told(step, move.state().phase(), phase(step)))
            .repeat(() -> move.state().step() == step.number())
            .then();
    return move.watch().during(step, all);
  }

  private Mono<Void> phase(OpenStep step) {
    return switch (move.state().phase()) {
      case PREPARE -> copy.prepared(step);
      case COPY -> copy.copied(step);
      case VERIFY -> copy.verified(step);
      case SWITCH -> turn.switched(step);
      case CLEAN -> clean.cleaned(step);
    };
  }

  private Mono<Void> finished() {
    return onItsWay()
        ? move.publish(move.passage()::finished, "all keys of " + move.strategy() + " moved").then()
        : Mono.empty();
  }

  /**
   * Undoes all: takes the triggers and what was copied away, and publishes the old strategy.
   *
   * @return false if keys have moved, and then nothing is undone
   */
  Mono<Boolean> cancelled() {
    return move.cluster().look().then(Mono.defer(this::cancelledNow));
  }

  private Mono<Boolean> cancelledNow() {
    if (!onItsWay()) {
      return Mono.just(true);
    }
    TransitionStrategy way = move.transition();
    if (keysMoved(way)) {
      return Mono.just(false);
    }
    int number = move.state().step();
    return OpenStep.on(move, way.steps().get(number), number, clean::undone)
        .then(
            move.publish(
                topology -> move.passage().cancelled(topology, way.old()),
                "the move of " + move.strategy() + " was cancelled"))
        .thenReturn(true);
  }

  static boolean keysMoved(TransitionStrategy way) {
    return way.steps().stream().anyMatch(step -> step.phase() == TransitionStrategy.Phase.SWITCHED);
  }
}
