package io.shardflux.reshard.job;

import io.shardflux.cluster.ClusterAccess.Ahead;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.transfer.Backoff;
import io.shardflux.reshard.transfer.Fence;
import io.shardflux.reshard.transfer.Prepared;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.TransitionStrategy.Phase;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Gives the keys of a step to its other side: publishes, fences, applies the last changes, opens
 * the other side's fence with the new topology in its database, then gives that to the side that
 * the keys left, and publishes it. From that opening on an owner only goes on.
 */
final class StepSwitch {

  /** The time in which each router must know that writes wait. */
  private static final Duration CONFIRMED = Duration.ofSeconds(1);

  /** The time for the last changes, while writes wait. */
  private static final Duration DRAINED = Duration.ofSeconds(1);

  private final OwnedMove move;
  private final StepClean clean;
  private final AtomicReference<Stage> stage = new AtomicReference<>(Stage.FREE);

  /** The stage of the switch, by which the job may be stopped or not. */
  private enum Stage {
    FREE,
    /** Writers wait for the end of a switch. */
    TURNING,
    STOPPED
  }

  /** The direction of a switch. */
  private enum Way {
    FORTH("", Phase.COPYING, Phase.SWITCHING, Phase.SWITCHED),
    BACK("return ", Phase.SWITCHED, Phase.RETURNING, Phase.COPYING);

    /** The beginning of the names of its pieces of work. */
    private final String name;

    private final Phase before;
    private final Phase meanwhile;
    private final Phase after;

    Way(String name, Phase before, Phase meanwhile, Phase after) {
      this.name = name;
      this.before = before;
      this.meanwhile = meanwhile;
      this.after = after;
    }
  }

  /** A step on its way in a direction. */
  private record Turn(OpenStep step, Way way) {

    Session from() {
      return way == Way.FORTH ? step.source() : step.target();
    }

    Session to() {
      return way == Way.FORTH ? step.target() : step.source();
    }

    List<Transfer> transfers() {
      return way == Way.FORTH ? step.transfers() : step.back();
    }

    Mono<Void> each(Function<Transfer, Mono<Void>> work) {
      return Flux.fromIterable(transfers()).concatMap(work).then();
    }

    /** Closed once all writers under way have ended; empty if that takes too long. */
    Mono<Long> closed(Duration bound) {
      return way == Way.FORTH
          ? step.fence().closed(from(), bound)
          : step.fence().left(from(), bound);
    }

    void hurry(boolean hurry) {
      step.transfers().forEach(transfer -> transfer.hurry(hurry));
    }

    /** True if the keys are on the other side, whatever was published of it. */
    Mono<Boolean> arrived() {
      return step.crossed().map(crossed -> crossed == (way == Way.FORTH));
    }
  }

  StepSwitch(OwnedMove move, StepClean clean) {
    this.move = move;
    this.clean = clean;
  }

  /**
   * Keeps switches from beginning, unless writers wait for the end of one at this moment.
   *
   * @return whether the job may be given up now
   */
  boolean stopped() {
    return stage.compareAndSet(Stage.FREE, Stage.STOPPED) || stage.get() == Stage.STOPPED;
  }

  /** Gives the keys to the target; tries again and again, with growing pauses. */
  Mono<Void> switched(OpenStep step) {
    return done(new Turn(step, Way.FORTH));
  }

  /** Gives the keys back to the source, unless they are there. */
  Mono<Void> returned(OpenStep step) {
    return done(new Turn(step, Way.BACK));
  }

  /** Ends a switch that was left half done, on the side that has the keys. */
  Mono<Void> placed(OpenStep step) {
    return step.crossed()
        .flatMap(crossed -> ended(new Turn(step, crossed ? Way.FORTH : Way.BACK)))
        .then();
  }

  private Mono<Void> done(Turn turn) {
    return arrived(turn)
        .flatMap(arrived -> arrived ? ended(turn) : turning(turn))
        .doOnSuccess(done -> move.watch().passed())
        .then();
  }

  private Mono<Boolean> arrived(Turn turn) {
    return turn.way() == Way.FORTH && phase(turn) == Phase.SWITCHED
        ? Mono.just(true)
        : turn.arrived();
  }

  private Phase phase(Turn turn) {
    return move.phaseOf(turn.step().step());
  }

  private Mono<Long> publish(Turn turn, Phase phase, String why) {
    return move.publish(turn.step().step(), phase, why);
  }

  /** Publishes where the keys are, if that was not done. */
  private Mono<Boolean> ended(Turn turn) {
    return (phase(turn) == turn.way().after
            ? Mono.<Void>empty()
            : known(turn).flatMap(ahead -> arrivedBy(turn, ahead)))
        // The source's is closed, too, where the keys were about to leave it.
        .then(Mono.defer(() -> turn.step().fence().opened(turn.to())))
        .thenReturn(true);
  }

  /** The new topology, as the side that has the keys was given it. */
  private Mono<Ahead> known(Turn turn) {
    return Fence.later(turn.to(), move.now().epoch())
        .flatMap(move.cluster()::ahead)
        .switchIfEmpty(Mono.defer(() -> ahead(turn)));
  }

  private Mono<Ahead> ahead(Turn turn) {
    return move.ahead(turn.step().step(), turn.way().after);
  }

  /** Gives both sides the topology, if they do not have it, and publishes it. */
  private Mono<Void> arrivedBy(Turn turn, Ahead ahead) {
    Fence fence = turn.step().fence();
    return fence
        .told(turn.to(), ahead)
        .then(before(turn, "tell"))
        .then(Mono.defer(() -> fence.told(turn.from(), ahead)))
        .then(Mono.defer(() -> move.publish(ahead, moved(turn))))
        .flatMap(move.cluster()::awaited);
  }

  private static String moved(Turn turn) {
    return "keys moved from " + turn.from().shard() + " to " + turn.to().shard();
  }

  private Mono<Boolean> turning(Turn turn) {
    return takenBack(turn, "a switch was not ended")
        .then(intact(turn))
        .then(Transfer.caughtUp(turn.transfers()))
        .then(Mono.defer(move.cluster()::attentive))
        .then(Mono.defer(() -> turned(turn)))
        .filter(done -> done)
        .repeatWhenEmpty(Backoff::between);
  }

  /** Lets writers go on where they were; published first, as a place that was not seen is met. */
  private Mono<Void> takenBack(Turn turn, String why) {
    return Mono.defer(
            () ->
                phase(turn) == turn.way().before
                    ? Mono.empty()
                    : publish(turn, turn.way().before, why))
        .then(Mono.defer(() -> turn.step().fence().opened(turn.from())));
  }

  /**
   * Has the step begin anew where a table is not intact and the job can't be cancelled any more.
   */
  private Mono<Void> intact(Turn turn) {
    return turn.step()
        .intact()
        .onErrorResume(
            IllegalStateException.class,
            error ->
                (turn.way() == Way.FORTH && move.keysMoved()
                        ? anew(turn.step())
                        : Mono.<Void>empty())
                    .then(Mono.error(error)));
  }

  private Mono<Void> anew(OpenStep step) {
    return clean
        .undone(step)
        .then(Mono.defer(() -> move.at(move.state().at(JobState.Phase.PREPARE))));
  }

  private Mono<Boolean> turned(Turn turn) {
    return Mono.defer(
        () ->
            stage.compareAndSet(Stage.FREE, Stage.TURNING)
                ? turnedNow(turn).doFinally(end -> stage.compareAndSet(Stage.TURNING, Stage.FREE))
                // It is about to be stopped.
                : Mono.never());
  }

  private Mono<Boolean> turnedNow(Turn turn) {
    AtomicBoolean opening = new AtomicBoolean();
    return before(turn, "switching")
        .then(Mono.defer(() -> publish(turn, turn.way().meanwhile, "writes of moving keys wait")))
        .flatMap(epoch -> move.cluster().awaited(epoch, CONFIRMED))
        .then(before(turn, "close"))
        .doOnSuccess(waiting -> turn.hurry(true))
        .then(Mono.defer(() -> closed(turn)))
        .flatMap(
            rows ->
                definitionsHeld(turn, () -> drained(turn, opening))
                    .thenReturn(true)
                    .onErrorResume(Prepared.HeldException.class, held -> heldUp(turn))
                    .onErrorResume(Transfer.BehindException.class, behind -> behind(turn)))
        .switchIfEmpty(
            Mono.defer(
                () ->
                    publish(
                            turn,
                            turn.way().before,
                            "open transactions hold the fence; it is tried again")
                        .then(move.watch().heldUp(turn.step(), turn.from(), false))
                        .thenReturn(false)))
        .onErrorResume(error -> given(turn, opening.get(), error))
        .doFinally(end -> turn.hurry(false));
  }

  /** Nothing of it is seen here, so that the writers go on until it has ended. */
  private Mono<Boolean> heldUp(Turn turn) {
    return letGo(turn, "prepared transactions have changed moving rows; it is tried again")
        .then(Mono.defer(() -> move.watch().heldUp(turn.step(), turn.from(), true)))
        .thenReturn(false);
  }

  /** What was applied meanwhile is done, so that there is less of it the next time. */
  private Mono<Boolean> behind(Turn turn) {
    return letGo(turn, "writers were faster than their changes are applied; it is tried again")
        .thenReturn(false);
  }

  private Mono<Void> letGo(Turn turn, String why) {
    return takenBack(turn, why).doOnSuccess(free -> turn.hurry(false));
  }

  private Mono<Long> closed(Turn turn) {
    return move.guards().closesFence() ? turn.closed(move.options().closeBound()) : Mono.just(1L);
  }

  private Mono<Void> before(Turn turn, String what) {
    return Mono.defer(() -> move.guards().before(turn.way().name + what));
  }

  private static Mono<Void> drained(Turn turn, long until) {
    return turn.each(transfer -> transfer.drained(() -> System.nanoTime() - until > 0));
  }

  /** Behind the closed fence: applies the last changes, and publishes the new place. */
  private Mono<Void> drained(Turn turn, AtomicBoolean opening) {
    long until = System.nanoTime() + DRAINED.toNanos();
    // MySQL's list of tables waits behind whoever waits to empty one, so it is asked first.
    return turn.step()
        .intact()
        .then(before(turn, "drain"))
        // In this order: what is committed behind the look is among the last changes.
        .then(move.guards().seesPrepared() ? turn.each(Transfer::nothingPrepared) : Mono.empty())
        .then(before(turn, "last changes"))
        .then(Mono.defer(() -> drained(turn, until)))
        // Nobody keeps a side that only gets keys from being emptied; the other one goes now.
        .then(turn.way() == Way.BACK ? Mono.defer(turn.step()::intact) : Mono.empty())
        .then(before(turn, "open"))
        .then(Mono.defer(() -> ahead(turn)))
        .flatMap(
            ahead ->
                turn.step()
                    .fence()
                    .opened(turn.to(), ahead, () -> opening.set(true))
                    .then(arrivedBy(turn, ahead)));
  }

  /** Does the work while nobody can empty or alter the tables that the keys leave. */
  private Mono<Void> definitionsHeld(Turn turn, Supplier<Mono<Void>> work) {
    return move.servers()
        .on(
            turn.from().shard(),
            holder -> {
              holder.hurry(true);
              return holder
                  .inTransaction(
                      turn.each(transfer -> holder.used(transfer.capture().table()))
                          .then(Mono.defer(work)))
                  .thenReturn(true);
            })
        .then();
  }

  /**
   * Takes a failed switch back, unless the keys have arrived or it was published after all. While
   * that is not known all stays as it is.
   *
   * @param opening whether the other side's fence may have been opened
   */
  private Mono<Boolean> given(Turn turn, boolean opening, Throwable error) {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () ->
                    phase(turn) == turn.way().after
                        ? Mono.just(true)
                        // The other side may be the one that is gone.
                        : opening ? turn.arrived() : Mono.just(false)))
        .flatMap(
            arrived ->
                arrived
                    ? ended(turn)
                    : takenBack(turn, "the switch failed").then(Mono.<Boolean>error(error)))
        .onErrorMap(other -> other == error ? error : withSuppressed(error, other));
  }

  private static Throwable withSuppressed(Throwable error, Throwable other) {
    error.addSuppressed(other);
    return error;
  }
}
