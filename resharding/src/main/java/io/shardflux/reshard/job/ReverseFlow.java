package io.shardflux.reshard.job;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.shardflux.cluster.JobLostException;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.ShardId;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Applies what changes at the new place of keys to their old place, beside all else that the job
 * does. So the old place stays whole, and its rows keep no unique value that others have by now.
 * Nothing else applies changes of a step in that direction meanwhile.
 */
final class ReverseFlow {

  private static final Logger log = LoggerFactory.getLogger(ReverseFlow.class);

  /** The pause where nothing changed. */
  private static final Duration REST = Duration.ofMillis(100);

  /** The time between two looks at what waits. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  /** The pause where it failed, as where a server is down. */
  private static final Duration AGAIN = Duration.ofSeconds(1);

  /** The time for a piece of work; a server that vanished is not waited for. */
  private static final Duration PIECE = Duration.ofMinutes(1);

  private final OwnedMove move;
  private boolean failed;

  ReverseFlow(OwnedMove move) {
    this.move = move;
  }

  /** Goes on until it is over; ends between two pieces of work. A failure ends nothing. */
  Mono<Void> until(BooleanSupplier over) {
    return Mono.firstWithSignal(
        flow(over), Mono.delay(LOOK).then(Mono.defer(this::counted)).repeat().then(Mono.never()));
  }

  /** Tells how many changes wait, beside the work on them. A look that fails stops nothing. */
  private Mono<Void> counted() {
    return Flux.fromIterable(switched())
        .concatMap(this::waiting)
        .reduce(0L, Long::sum)
        .timeout(PIECE)
        .doOnNext(move.watch()::returning)
        .onErrorComplete()
        .then();
  }

  private Flux<Long> waiting(int number) {
    int tables = move.passage().tables().size();
    return move.servers()
        .on(
            move.transition().steps().get(number).to(),
            session ->
                Flux.range(0, tables)
                    .map(table -> Capture.changes(move.owned().job(), number, table))
                    .concatMap(changes -> Capture.waiting(session, changes))
                    .reduce(0L, Long::sum));
  }

  private Mono<Void> flow(BooleanSupplier over) {
    return Mono.defer(() -> switched().isEmpty() ? Mono.delay(REST).then() : connected(over))
        .onErrorResume(
            error -> !(error instanceof JobLostException),
            error -> told(error).then(Mono.delay(AGAIN)).then())
        .repeat(() -> !over.getAsBoolean())
        .then();
  }

  /** The errors of all pieces, where several failed at once. */
  private static Stream<Throwable> all(Throwable error) {
    return Exceptions.isMultiple(error)
        ? Exceptions.unwrapMultiple(error).stream().flatMap(ReverseFlow::all)
        : Stream.of(error);
  }

  /** The positions of the steps whose keys have moved. */
  private List<Integer> switched() {
    List<Step> steps = move.transition().steps();
    return IntStream.range(0, steps.size())
        .filter(number -> steps.get(number).phase().there())
        .boxed()
        .toList();
  }

  private Mono<Void> connected(BooleanSupplier over) {
    Set<ShardId> shards = new LinkedHashSet<>();
    move.transition()
        .steps()
        .forEach(
            step -> {
              shards.add(step.from());
              shards.add(step.to());
            });
    return move.servers().onEach(List.copyOf(shards), sessions -> rounds(sessions, over)).then();
  }

  private Mono<Boolean> rounds(Map<ShardId, Session> sessions, BooleanSupplier over) {
    Map<Integer, List<Transfer>> known = new LinkedHashMap<>();
    return Mono.defer(() -> move.guards().before("flow"))
        .then(Mono.defer(() -> round(sessions, known)))
        .flatMap(applied -> untold().thenReturn(applied))
        .onErrorResume(
            R2dbcDataIntegrityViolationException.class,
            error -> told(error).then(Mono.delay(AGAIN)).thenReturn(1L))
        .flatMap(applied -> applied == 0 ? Mono.delay(REST) : Mono.just(applied))
        .repeat(() -> !over.getAsBoolean())
        .then(Mono.just(true));
  }

  private Mono<Long> round(Map<ShardId, Session> sessions, Map<Integer, List<Transfer>> known) {
    return Flux.fromIterable(switched())
        // One table whose changes are not taken holds up no other.
        .concatMapDelayError(number -> transfers(number, sessions, known))
        .concatMapDelayError(transfer -> transfer.applied().timeout(PIECE))
        .reduce(0L, Long::sum)
        .onErrorMap(ReverseFlow::first);
  }

  private static Throwable first(Throwable error) {
    List<Throwable> all = all(error).toList();
    return all.stream().filter(JobLostException.class::isInstance).findFirst().orElse(all.get(0));
  }

  private Flux<Transfer> transfers(
      int number, Map<ShardId, Session> sessions, Map<Integer, List<Transfer>> known) {
    List<Transfer> ready = known.get(number);
    if (ready != null) {
      return Flux.fromIterable(ready);
    }
    Step step = move.transition().steps().get(number);
    return OpenStep.of(
            move,
            number,
            Objects.requireNonNull(sessions.get(step.from())),
            Objects.requireNonNull(sessions.get(step.to())))
        .timeout(PIECE)
        .map(OpenStep::back)
        .doOnNext(all -> known.put(number, all))
        .flatMapIterable(all -> all);
  }

  private Mono<Void> told(Throwable error) {
    String what = "the old place falls behind: " + error.getMessage();
    if (!failed) {
      log.warn("job {}: {}", move.owned().job(), what);
    }
    failed = true;
    return move.cluster().jobs().met(move.owned(), what).onErrorComplete();
  }

  private Mono<Void> untold() {
    if (!failed) {
      return Mono.empty();
    }
    failed = false;
    return move.cluster().jobs().met(move.owned(), null).onErrorComplete();
  }
}
