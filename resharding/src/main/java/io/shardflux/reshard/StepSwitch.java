package io.shardflux.reshard;

import io.shardflux.reshard.JobState.Phase;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Gives the keys of a step to its target: publishes, fences, applies the last changes. */
final class StepSwitch {

  /** The time in which each router must know that writes wait. */
  private static final Duration CONFIRMED = Duration.ofSeconds(1);

  private static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
  private static final Duration MOST_BACKOFF = Duration.ofSeconds(60);

  private final OwnedMove move;
  private final StepClean clean;
  private final AtomicReference<Stage> stage = new AtomicReference<>(Stage.FREE);

  /** Whether the job may be stopped. */
  private enum Stage {
    FREE,
    /** Writers wait for the end of a switch. */
    TURNING,
    STOPPED
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

  /** Tries again and again, with growing pauses. */
  Mono<Void> switched(OpenStep step) {
    return (published(step) ? Mono.<Boolean>empty() : switching(step))
        .doOnSuccess(done -> move.watch().passed())
        .then(Mono.defer(() -> move.at(move.state().at(Phase.CLEAN))));
  }

  private boolean published(OpenStep step) {
    return move.phaseOf(step.step()) == TransitionStrategy.Phase.SWITCHED;
  }

  private Mono<Boolean> switching(OpenStep step) {
    return fence(step)
        .reopened(step.source())
        .then(intactOrAnew(step))
        .then(step.each(Transfer::caughtUp))
        .then(move.cluster().attentive())
        .then(Mono.defer(() -> turned(step)))
        .filter(done -> done)
        .repeatWhenEmpty(this::backingOff);
  }

  private Fence fence(OpenStep step) {
    return new Fence(move.owned(), step.number());
  }

  private Flux<Long> backingOff(Flux<Long> tries) {
    return tries.concatMap(
        failed -> {
          Duration pause = FIRST_BACKOFF.multipliedBy(1L << Math.min(failed, 6));
          return Mono.delay(pause.compareTo(MOST_BACKOFF) < 0 ? pause : MOST_BACKOFF);
        });
  }

  /**
   * Has the step begin anew where a table is not intact and the job can't be cancelled any more.
   */
  private Mono<Void> intactOrAnew(OpenStep step) {
    return intact(step)
        .onErrorResume(
            IllegalStateException.class,
            error ->
                (MoveJob.keysMoved(move.transition()) ? anew(step) : Mono.<Void>empty())
                    .then(Mono.error(error)));
  }

  private Mono<Void> anew(OpenStep step) {
    return clean.undone(step).then(Mono.defer(() -> move.at(move.state().at(Phase.PREPARE))));
  }

  /** Stops where a table lost its triggers or was made anew, as its changes were not noted then. */
  private Mono<Void> intact(OpenStep step) {
    return step.each(transfer -> intact(transfer.capture(), step.source()));
  }

  private Mono<Void> intact(Capture capture, Session source) {
    String name = capture.table().name();
    return Mono.zip(capture.complete(source), capture.mark(source))
        .filter(both -> !both.getT1() || !both.getT2().equals(move.state().marks().get(name)))
        .flatMap(
            both ->
                Mono.error(
                    new IllegalStateException(
                        "table: "
                            + name
                            + ", emptied, made anew or without its triggers on "
                            + source.shard()
                            + " (expected: as when the copy began; cancel the job"
                            + " and start it again; once keys have moved the step"
                            + " begins anew by itself)")));
  }

  private Mono<Boolean> turned(OpenStep step) {
    return Mono.defer(
        () ->
            stage.compareAndSet(Stage.FREE, Stage.TURNING)
                ? turnedNow(step).doFinally(end -> stage.compareAndSet(Stage.TURNING, Stage.FREE))
                // It is about to be cancelled.
                : Mono.never());
  }

  private Mono<Boolean> turnedNow(OpenStep step) {
    return move.guards()
        .before("switching")
        .then(
            move.publish(
                step.step(), TransitionStrategy.Phase.SWITCHING, "writes of moving keys wait"))
        .flatMap(epoch -> move.cluster().awaited(epoch, CONFIRMED))
        .then(move.guards().before("close"))
        .then(move.guards().closesFence() ? closed(step) : Mono.just(1L))
        .flatMap(rows -> definitionsHeld(step, () -> drained(step)).thenReturn(true))
        .switchIfEmpty(
            Mono.defer(
                () ->
                    move.publish(
                            step.step(),
                            TransitionStrategy.Phase.COPYING,
                            "open transactions hold the fence; it is tried again")
                        .then(move.watch().heldUp(step))
                        .thenReturn(false)))
        .onErrorResume(error -> given(step, error));
  }

  private Mono<Long> closed(OpenStep step) {
    return fence(step).closed(step.source(), move.options().closeBound());
  }

  /** Behind the closed fence: applies the last changes, and publishes the new place. */
  private Mono<Void> drained(OpenStep step) {
    return move.guards()
        .before("drain")
        .then(intact(step))
        .then(step.each(Transfer::drained))
        .then(
            move.publish(
                step.step(),
                TransitionStrategy.Phase.SWITCHED,
                "keys moved from " + step.step().from() + " to " + step.step().to()))
        .flatMap(move.cluster()::awaited);
  }

  /** Does the work while nobody can empty or alter the source's tables, which no fence refuses. */
  private Mono<Void> definitionsHeld(OpenStep step, Supplier<Mono<Void>> work) {
    return move.servers()
        .on(
            step.source().shard(),
            holder ->
                holder
                    .inTransaction(
                        step.each(transfer -> holder.used(transfer.capture().table()))
                            .then(Mono.defer(work)))
                    .thenReturn(true))
        .then();
  }

  /**
   * Takes a failed switch back, unless it was published after all. While that is not known the
   * fence stays as it is.
   */
  private Mono<Boolean> given(OpenStep step, Throwable error) {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () ->
                    published(step)
                        ? Mono.just(true)
                        // Published first: a place that was published unseen is met here.
                        : move.publish(
                                step.step(), TransitionStrategy.Phase.COPYING, "the switch failed")
                            .then(fence(step).reopened(step.source()))
                            .then(Mono.<Boolean>error(error))))
        .onErrorMap(other -> other == error ? error : withSuppressed(error, other));
  }

  private static Throwable withSuppressed(Throwable error, Throwable other) {
    error.addSuppressed(other);
    return error;
  }
}
