package io.shardflux.reshard.job;

import io.shardflux.reshard.progress.Gathered;
import io.shardflux.reshard.progress.JobState;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Holder;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wait;
import io.shardflux.reshard.progress.ReportText;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.Prepared;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.reshard.watch.Backlog;
import io.shardflux.reshard.watch.Holders;
import io.shardflux.reshard.watch.Latencies;
import io.shardflux.reshard.watch.ReplicaLags;
import io.shardflux.reshard.watch.SourceLoad;
import io.shardflux.reshard.watch.Throttle;
import io.shardflux.router.Internal;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.function.Tuples;

/**
 * Looks at a step's servers about each second while it runs: what makes the copying wait, how many
 * changes wait, and who holds a switch up. A look that fails is told, and stops nothing.
 * Thread-safe.
 */
@Internal
public final class MoveWatch {

  private static final Logger log = LoggerFactory.getLogger(MoveWatch.class);

  private static final Duration LOOK = Duration.ofSeconds(1);
  private static final Duration BOUND = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofMillis(500);

  /** A latency may have other causes than the move, which goes on slowly then. */
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(10);

  private static final String UNTOLD = "switch: when-told, and not wanted yet";

  private final OwnedMove move;
  private final Latencies latencies;
  private final Gathered gathered;
  private volatile Throttle throttle = Throttle.NONE;
  private volatile @Nullable Wait waiting;
  private volatile boolean stuck;

  /** Whether an operator is waited for. */
  private volatile boolean untold;

  /** Whether the holders of the source's fence are waited for, and looked for again. */
  private volatile boolean ofFence;

  private final Backlog backlog;

  /** Of what changes at the new place, and is not applied at the old one. */
  private final Backlog returning;

  MoveWatch(OwnedMove move, Latencies latencies, Gathered gathered) {
    this.move = move;
    this.latencies = latencies;
    this.gathered = gathered;
    this.backlog = new Backlog(move.guards().limits(), System::nanoTime);
    this.returning = new Backlog(move.guards().limits(), System::nanoTime);
  }

  /** Does the work of a step, and looks meanwhile. */
  Mono<Void> during(OpenStep step, Mono<Void> work) {
    return Mono.usingWhen(
        ReplicaLags.of(
            move.cluster().opened().shards().stream()
                .filter(
                    shard ->
                        shard.id().equals(step.step().from())
                            || shard.id().equals(step.step().to()))
                .toList()),
        lags ->
            Mono.firstWithSignal(
                look(step, lags).then(work),
                Mono.delay(LOOK).then(look(step, lags)).repeat().then(Mono.never())),
        ReplicaLags::close);
  }

  private Mono<Void> look(OpenStep step, ReplicaLags lags) {
    return Mono.defer(
        () ->
            Mono.zip(
                    onSource(step).onErrorReturn(SourceLoad.UNKNOWN),
                    lags.now(),
                    latencies.of(step.step().from()))
                .timeout(BOUND)
                .doOnNext(all -> seen(step, all.getT1()))
                .doOnNext(
                    all ->
                        throttle =
                            Throttle.of(
                                step.step().from(),
                                all.getT1(),
                                all.getT2(),
                                all.getT3(),
                                move.options().maxLag(),
                                move.guards().limits()))
                // An earlier look must not hold the copying up for longer than it is true.
                .doOnError(error -> throttle = Throttle.unknown(step.step().from(), error))
                .onErrorComplete()
                .then());
  }

  /** Changes are noted on the source until the keys have moved. */
  private void seen(OpenStep step, SourceLoad source) {
    if (source.changes() == SourceLoad.NOT_KNOWN) {
      return;
    }
    if (goesBack()) {
      returning(source.changes());
    } else if (!step.step().phase().there()) {
      noted(backlog, source.changes());
    }
  }

  private boolean goesBack() {
    return move.isAt(Phase.REVERSE);
  }

  /** Notes how many changes of the new place wait for the old one. */
  void returning(long changes) {
    noted(returning, changes);
  }

  private void noted(Backlog changes, long waiting) {
    boolean before = changes.behind() != null;
    changes.seen(waiting);
    if (!before && changes.behind() != null) {
      log.warn("job {}: {}", move.owned().job(), behind());
    } else if (before && changes.behind() == null) {
      log.info("job {}: changes are applied as fast as they come again", move.owned().job());
    }
  }

  private @Nullable String behind() {
    String back = returning.behind();
    return backlog.behind() != null || back == null
        ? backlog.behind()
        : "the old place falls behind: " + back;
  }

  /** Why the move must be given up, where that is still possible; null if it need not. */
  @Nullable String gaveUp() {
    return isLate(backlog) && !move.keysMoved() ? backlog.behind() : null;
  }

  /** Why the way back must be given up; null if it need not. */
  @Nullable String gaveUpReturn() {
    return isLate(returning) ? returning.behind() : null;
  }

  private boolean isLate(Backlog changes) {
    return changes.time().compareTo(move.options().giveUpAfter()) > 0;
  }

  private static final String BEHIND_SINCE = "behind-since";
  private static final String RETURNING_SINCE = "returning-since";

  /** What the next owner goes on from, as further lines of a report. */
  public String since() {
    return ReportText.since(BEHIND_SINCE, backlog.since())
        + ReportText.since(RETURNING_SINCE, returning.since());
  }

  /** Goes on from what a former owner told. */
  public void goesOn(String report) {
    ReportText.since(report, BEHIND_SINCE).ifPresent(backlog::goesOn);
    ReportText.since(report, RETURNING_SINCE).ifPresent(returning::goesOn);
  }

  /** A connection of its own, as the step's are at work. */
  private Mono<SourceLoad> onSource(OpenStep step) {
    return move.servers()
        .on(
            goesBack() ? step.step().to() : step.step().from(),
            session ->
                Mono.zip(changes(step, session), history(session), SourceLoad::new)
                    .flatMap(seen -> refreshed(session).thenReturn(seen)))
        .next();
  }

  private static Mono<Long> changes(OpenStep step, Session session) {
    return Flux.fromIterable(step.transfers())
        .concatMap(transfer -> Capture.waiting(session, transfer.capture().changes()))
        .reduce(0L, Long::sum);
  }

  private static Mono<Long> history(Session session) {
    return session
        .number(
            session.place().mariaDb()
                ? "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS"
                    + " WHERE VARIABLE_NAME = 'INNODB_HISTORY_LIST_LENGTH'"
                : "SELECT COUNT FROM information_schema.INNODB_METRICS"
                    + " WHERE NAME = 'trx_rseg_history_len' AND STATUS = 'enabled'")
        .onErrorReturn(SourceLoad.NOT_KNOWN);
  }

  /** Waits until nothing speaks against copying more; does something else meanwhile. */
  Mono<Void> clear(OpenStep step, Mono<Void> meanwhile) {
    return Mono.defer(
        () -> {
          long until = System.nanoTime() + LONGEST_PAUSE.toNanos();
          if (!throttle.waits(true)) {
            return Mono.empty();
          }
          log.info("{}: the copying waits, {}", named(step), throttle.reason());
          return meanwhile
              .then(Mono.delay(PAUSE))
              .repeat(() -> throttle.waits(System.nanoTime() - until < 0))
              .then();
        });
  }

  /** Applies changes for ever; what is wanted of the job next ends it. */
  Mono<Void> untilTold(OpenStep step) {
    return Mono.defer(
        () -> {
          log.info("{}: both sides are alike; it waits until the switch is wanted", named(step));
          untold = true;
          return Flux.fromIterable(step.transfers())
              .concatMap(Transfer::keptUp)
              .then(Mono.delay(PAUSE))
              .repeat()
              .then()
              .doFinally(end -> untold = false);
        });
  }

  /** Counts rows that were gone through. */
  void rows(long rows) {
    gathered.rows(move.state(), rows);
  }

  /**
   * Notes that transactions on a side hold up the switch of a step.
   *
   * @param prepared whether they are prepared ones, and not open
   */
  Mono<Void> heldUp(OpenStep step, Session side, boolean prepared) {
    return Mono.zip(Holders.of(side), Prepared.named(side))
        .timeout(BOUND, Mono.just(Tuples.of(List.of(), "")))
        .doOnNext(
            found -> {
              ofFence = true;
              heldUp(named(step), found.getT1(), on(side, prepared, found.getT2()));
            })
        .then();
  }

  /** Notes the open transactions that hold up changes of tables' definitions in a step. */
  Session.Delays delays(int number, Step step) {
    return new Session.Delays() {
      @Override
      public Mono<Void> heldUp(Session side, String table) {
        return Mono.zip(Holders.of(side, table), Prepared.named(side))
            .timeout(BOUND, Mono.just(Tuples.of(List.of(), "")))
            .doOnNext(
                found ->
                    MoveWatch.this.heldUp(
                        named(number, step),
                        found.getT1(),
                        "table " + table + ", used by " + on(side, false, found.getT2())))
            .then();
      }

      @Override
      public void passed() {
        MoveWatch.this.passed();
      }
    };
  }

  /**
   * Completes when the transactions have ended that were prepared on a side before its triggers
   * were made, as these note nothing of what they changed. MariaDB makes triggers beside one whose
   * connection has gone, or that a restart has recovered. MySQL does not.
   */
  Mono<Void> preparedPassed(OpenStep step, Session side) {
    return side.place().mariaDb() && move.guards().seesPrepared()
        ? Prepared.recovered(side)
            .flatMap(before -> before.isEmpty() ? Mono.empty() : preparedPassed(step, side, before))
        : Mono.empty();
  }

  private Mono<Void> preparedPassed(OpenStep step, Session side, List<String> before) {
    return Mono.defer(() -> Prepared.recovered(side))
        .filter(now -> before.stream().noneMatch(now::contains))
        .switchIfEmpty(Mono.defer(() -> heldUp(step, side, true).then(Mono.empty())))
        .repeatWhenEmpty(tries -> tries.delayElements(PAUSE))
        .doOnNext(ended -> passed())
        .then();
  }

  /** Notes that replicas of the target hold up that its copy is read; none do no longer. */
  void waitsFor(OpenStep step, List<String> replicas) {
    if (replicas.isEmpty()) {
      passed();
    } else {
      heldUp(
          named(step),
          List.of(),
          "replicas of " + step.step().to() + " without the copy: " + String.join("; ", replicas));
    }
  }

  private static String on(Session side, boolean prepared, String names) {
    if (prepared) {
      return "prepared XA transactions on "
          + side.shard()
          + (names.isEmpty()
              ? ", which the account may not see without XA_RECOVER_ADMIN"
              : ", of " + names);
    }
    return "open transactions on "
        + side.shard()
        + (names.isEmpty() ? "" : ", perhaps prepared ones, of " + names);
  }

  private void heldUp(String named, List<Holder> holders, String on) {
    Wait before = waiting;
    Wait wait = new Wait(before == null ? Instant.now() : before.since(), on, holders);
    waiting = wait;
    boolean patient =
        Duration.between(wait.since(), Instant.now()).compareTo(move.options().patience()) < 0;
    if (before == null) {
      log.info("{}: it waits for {}", named, shown(wait));
    } else if (!patient && !stuck) {
      stuck = true;
      log.warn("{}: it is stuck since {}, on {}", named, wait.since(), shown(wait));
    }
  }

  private Mono<Void> refreshed(Session session) {
    Wait wait = waiting;
    return wait == null || !ofFence
        ? Mono.empty()
        : Holders.of(session)
            .doOnNext(
                holders -> {
                  if (wait.equals(waiting)) {
                    waiting = new Wait(wait.since(), wait.on(), holders);
                  }
                })
            .then();
  }

  private static String shown(Wait wait) {
    return wait.on()
        + wait.holders().stream()
            .map(Holder::toString)
            .collect(Collectors.joining("; ", wait.holders().isEmpty() ? "" : ": ", ""));
  }

  /** Notes that the switch is held up no longer. */
  void passed() {
    ofFence = false;
    waiting = null;
    stuck = false;
  }

  /** Does a phase of a step, and tells of its beginning and end in the log. */
  Mono<Void> told(OpenStep step, Phase phase, Mono<Void> work) {
    return Mono.defer(
        () -> {
          long begun = System.nanoTime();
          long rows = move.state().rows();
          log.info("{}: {} begins", named(step), phase);
          return work.doOnSuccess(
              end ->
                  log.info(
                      "{}: {} ended after {} ms{}",
                      named(step),
                      phase,
                      Duration.ofNanos(System.nanoTime() - begun).toMillis(),
                      phase == Phase.COPY ? ", " + (move.state().rows() - rows) + " rows" : ""));
        });
  }

  private String named(OpenStep step) {
    return named(step.number(), step.step());
  }

  private String named(int number, Step step) {
    return "job "
        + move.owned().job()
        + ", step "
        + (number + 1)
        + " of "
        + move.steps()
        + ", "
        + step.from()
        + " to "
        + step.to();
  }

  /** The report of this moment. */
  Report report() {
    JobState state = move.state();
    int limit = move.options().rowsPerSecond();
    boolean limited = limit > 0 && (state.phase() == Phase.COPY || state.phase() == Phase.CLEAN);
    String reason = state.phase() == Phase.COPY ? throttle.reason() : null;
    return gathered.report(
        state,
        throttle.changes(),
        untold ? UNTOLD : reason == null && limited ? "rows-per-second: " + limit : reason,
        throttle.notKnown(),
        waiting,
        behind());
  }
}
