package io.shardflux.reshard.job;

import io.shardflux.reshard.job.OpenStep.Sides;
import io.shardflux.reshard.plan.DirectoryKeys;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.Fence;
import io.shardflux.reshard.watch.LoadLimits;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Moves the keys of one strategy to where another has them, a step after the other. */
@Internal
public final class MoveJob implements MoveWork {

  private static final Logger log = LoggerFactory.getLogger(MoveJob.class);

  /** The safeguards that a test can take out or wait at, to see what then becomes of rows. */
  public interface Guards {

    Guards ALL = new Guards() {};

    /** Called before each piece of work, which it may delay or stop. */
    default Mono<Void> before(String what) {
      return Mono.empty();
    }

    /** True if the fence is closed for the switch. */
    default boolean closesFence() {
      return true;
    }

    /** True if statements that were located by an earlier topology are waited for. */
    default boolean settles() {
      return true;
    }

    /** True if connections are ended over which a statement may come that was sent before. */
    default boolean endsStragglers() {
      return true;
    }

    /** True if both sides are compared before keys go back. */
    default boolean compares() {
      return true;
    }

    /** True if changes of prepared transactions are waited for. */
    default boolean seesPrepared() {
      return true;
    }

    /** True if changes of a table are applied while routers write its new copy, too. */
    default boolean appliesWhileJoining() {
      return true;
    }

    /** Whether a copy is there only once the replicas have it. */
    default boolean awaitsReplicas() {
      return true;
    }

    /** The load of a source above which the copying waits. */
    default LoadLimits limits() {
      return LoadLimits.DEFAULTS;
    }
  }

  private final OwnedMove move;
  private final StepCopy copy;
  private final StepSwitch turn;
  private final StepClean clean;
  private final MoveUndo undo;
  private final MoveStay stay;

  public MoveJob(OwnedMove move) {
    this.move = move;
    this.copy = new StepCopy(move);
    this.clean = new StepClean(move);
    this.turn = new StepSwitch(move, clean);
    this.undo = new MoveUndo(move, turn, clean);
    this.stay = new MoveStay(move, turn, clean);
  }

  @Override
  public boolean stopped() {
    return turn.stopped();
  }

  @Override
  public OwnedMove move() {
    return move;
  }

  /** Writers wait for the end of a switch that an owner left half done. */
  @Override
  public Mono<Void> rested() {
    return move.cluster()
        .look()
        .thenMany(Flux.defer(() -> Flux.fromIterable(switching())))
        .concatMap(number -> OpenStep.on(move, number, Sides.EITHER, turn::placed))
        .then(Mono.defer(this::freed));
  }

  /** Where a switch was taken back because one side is lost, the other one takes writes again. */
  private Mono<Void> freed() {
    List<Step> steps = move.onItsWay() ? move.transition().steps() : List.of();
    return move.cluster()
        .takenOut()
        .flatMapMany(lost -> Flux.range(0, steps.size()).filter(i -> isHalf(steps.get(i), lost)))
        .concatMap(number -> freed(steps.get(number), new Fence(move.owned(), number)))
        .then();
  }

  private static boolean isHalf(Step step, Set<ShardId> lost) {
    return !step.phase().waits() && lost.contains(other(step)) && !lost.contains(place(step));
  }

  private static ShardId place(Step step) {
    return step.phase().there() ? step.to() : step.from();
  }

  private static ShardId other(Step step) {
    return step.phase().there() ? step.from() : step.to();
  }

  private Mono<Void> freed(Step step, Fence fence) {
    return move.servers()
        .on(
            place(step),
            session ->
                Capture.prepare(session, move.owned()).then(fence.opened(session)).thenReturn(true))
        .then();
  }

  private List<Integer> switching() {
    List<Step> steps = move.onItsWay() ? move.transition().steps() : List.of();
    return IntStream.range(0, steps.size())
        .filter(number -> steps.get(number).phase().waits())
        .boxed()
        .toList();
  }

  @Override
  public Mono<Void> run(Wanted wanted) {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () ->
                    move.isAt(Phase.CLEAN) && !move.onItsWay()
                        // It was published at the end, and not noted.
                        ? move.letGo()
                        : begun().then(moved(wanted)).then(cleaned()).then(finished())));
  }

  /** Publishes that the strategy is on its way, unless that was done before. */
  private Mono<Void> begun() {
    return Mono.defer(
            () ->
                move.onItsWay()
                    ? Mono.just(move.now().epoch())
                    : directoryAsPlanned()
                        .then(Mono.defer(move::begun))
                        .then(
                            Mono.defer(
                                () ->
                                    move.publish(
                                        move.passage()::begun,
                                        "keys of " + move.strategy() + " begin to move"))))
        .flatMap(move.cluster()::awaited)
        // Until then routers asked the directory for the keys, and an application may write it.
        .then(
            Mono.defer(
                () ->
                    move.isAt(Phase.PREPARE) && move.state().step() == 0
                        ? directoryAsPlanned()
                        : Mono.empty()));
  }

  private Mono<Void> directoryAsPlanned() {
    return DirectoryKeys.unlike(move.passage().old())
        .flatMap(
            other ->
                Mono.error(
                    new IllegalStateException(
                        other + "; as the move was planned; cancel it, and plan it anew")));
  }

  /** Moves all keys, and keeps the old place for a while. */
  private Mono<Void> moved(Wanted wanted) {
    return Mono.defer(
        () -> {
          if (!move.isBefore(Phase.CLEAN)) {
            return Mono.empty();
          }
          AtomicBoolean over = new AtomicBoolean();
          return Mono.when(
              steps(wanted).then(held(wanted == Wanted.COMPLETE)).doFinally(end -> over.set(true)),
              new ReverseFlow(move).until(over::get));
        });
  }

  private Mono<Void> steps(Wanted wanted) {
    return Mono.defer(
            () -> {
              if (!move.isBefore(Phase.HOLD)) {
                return Mono.<Void>empty();
              }
              return move.state().step() < move.transition().steps().size()
                  ? OpenStep.on(
                      move,
                      move.state().step(),
                      step -> step.onLanes(laned -> phases(laned, wanted)))
                  // No key lies elsewhere by the next strategy.
                  : move.at(move.state().held(0));
            })
        .repeat(() -> move.isBefore(Phase.HOLD))
        .then();
  }

  /** Goes on with a step where it is. */
  private Mono<Void> phases(OpenStep step, Wanted wanted) {
    Mono<Void> all =
        forgotten(step)
            .thenMany(
                Mono.defer(() -> move.watch().told(step, move.state().phase(), phase(step, wanted)))
                    .repeat(
                        () -> move.state().step() == step.number() && move.isBefore(Phase.HOLD)))
            .then();
    return move.watch().during(step, all);
  }

  /**
   * The control server may have forgotten that the keys have moved, or that what was copied is
   * gone.
   */
  private Mono<Void> forgotten(OpenStep step) {
    return step.fence()
        .bothOpen(step.source(), step.target())
        .flatMap(both -> both ? discarded(step) : Mono.empty())
        .then(Mono.defer(step::crossed))
        .flatMap(
            crossed ->
                crossed && move.isBefore(Phase.SWITCH)
                    ? move.at(move.state().at(Phase.SWITCH))
                    : crossed ? Mono.empty() : emptied(step));
  }

  /** The target was given up when it had got the keys, and is back. */
  private Mono<Void> discarded(OpenStep step) {
    log.warn(
        "job {}: {} has keys that were given up there; it gets them anew",
        move.owned().job(),
        step.target().shard());
    return step.fence()
        .emptying(step.target())
        .then(Mono.defer(() -> clean.undone(step)))
        .then(Mono.defer(() -> move.at(move.state().at(Phase.PREPARE))));
  }

  private Mono<Void> emptied(OpenStep step) {
    return step.fence()
        .emptied(step.target())
        .flatMap(
            emptied ->
                emptied && !move.isAt(Phase.PREPARE)
                    ? move.at(move.state().at(Phase.PREPARE))
                    : Mono.empty());
  }

  private Mono<Void> phase(OpenStep step, Wanted wanted) {
    return switch (move.state().phase()) {
      case PREPARE -> copy.prepared(step);
      case COPY -> copy.copiedAndGuarded(step);
      case VERIFY -> copy.verified(step);
      default ->
          told(step, wanted)
              .then(Mono.defer(() -> turn.switched(step)))
              .then(Mono.defer(this::switched));
    };
  }

  /** Waits for an operator, if he wants that; writers may wait for a switch that has begun. */
  private Mono<Void> told(OpenStep step, Wanted wanted) {
    TransitionStrategy.Phase now = move.transition().steps().get(step.number()).phase();
    if (!move.options().switchesWhenTold()
        || wanted != Wanted.RUN
        || now != TransitionStrategy.Phase.COPYING) {
      return Mono.empty();
    }
    return step.crossed().flatMap(crossed -> crossed ? Mono.empty() : move.watch().untilTold(step));
  }

  private Mono<Void> switched() {
    if (move.state().step() + 1 < move.transition().steps().size()) {
      return move.at(move.state().nextStep());
    }
    long until = System.currentTimeMillis() + move.options().rollbackWindow().toMillis();
    return move.at(move.state().held(until));
  }

  private Mono<Void> held(boolean complete) {
    return Mono.defer(
        () -> {
          long left = complete ? 0 : move.state().until() - System.currentTimeMillis();
          if (left > 0) {
            log.info(
                "job {}: all keys have moved; it can be reversed until {}",
                move.owned().job(),
                Instant.ofEpochMilli(move.state().until()));
          }
          return Mono.delay(Duration.ofMillis(Math.max(left, 0))).then();
        });
  }

  /** Deletes the rows at the old places. */
  private Mono<Void> cleaned() {
    return Mono.defer(
            () -> move.isAt(Phase.CLEAN) ? Mono.empty() : move.at(move.state().at(0, Phase.CLEAN)))
        .then(Mono.defer(() -> move.left(Step::from)))
        .then(
            Mono.defer(() -> OpenStep.each(move, move.transition().steps().size(), this::cleaned)));
  }

  private Mono<Void> cleaned(OpenStep step) {
    return move.watch().during(step, move.watch().told(step, Phase.CLEAN, clean.cleaned(step)));
  }

  private Mono<Void> finished() {
    return move.arrived()
        .flatMap(
            passage -> move.publish(passage::finished, "all keys of " + move.strategy() + " moved"))
        .then(move.letGo());
  }

  @Override
  public Mono<String> undone(boolean moved) {
    return undo.undone(moved);
  }

  @Override
  public Mono<String> stayed() {
    return stay.stayed();
  }
}
