package io.shardflux.reshard.job;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.plan.Passage;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.reshard.progress.Shown;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.Joined;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.reshard.watch.ReplicaLags;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Gives a shard its copy of reference tables. They are copied and compared as keys that move are.
 * Then it is published that the copy joins: routers write it with all others, and read it not yet,
 * while the rest of what one of the others got before is applied. No writer waits for that. Once
 * both are the same it is published that the copy is there.
 */
@Internal
public final class CopyJob implements MoveWork {

  private static final Logger log = LoggerFactory.getLogger(CopyJob.class);

  private static final String THERE =
      "the copies are there, and all routers write them (expected: before that; nothing is taken"
          + " back, as no row has left its place)";

  private static final Duration PAUSE = Duration.ofMillis(50);

  /** Servers show their transactions as they were a tenth of a second ago. */
  private static final Duration SHOWN = Duration.ofMillis(150);

  private static final int MOST_DOUBLINGS = 5;
  private static final int COMPARED_ROWS = 10_000;

  /** Rows that differ are put again, and compared again. */
  private static final int COMPARISONS = 50;

  private final OwnedMove move;
  private final StepCopy copy;
  private final Origins origins;

  /** Why there is nothing to copy from, or to; null while there is. */
  private volatile @Nullable String lost;

  public CopyJob(OwnedMove move) {
    this.move = move;
    this.copy = new StepCopy(move);
    this.origins = new Origins(move);
  }

  /** No writer ever waits for it. */
  @Override
  public boolean stopped() {
    return true;
  }

  @Override
  public OwnedMove move() {
    return move;
  }

  /** Rows of a copy that nobody brings up to date refuse what the others take. */
  @Override
  public Mono<Void> rested() {
    return move.cluster()
        .look()
        .then(Mono.defer(() -> move.guards().before("rest")))
        .then(Mono.defer(() -> absent("wait")));
  }

  /** Has routers no longer write the copy, if they do. */
  private Mono<Void> absent(String what) {
    return move.onItsWay()
        ? move.publish(now -> move.passage().cancelled(now, move.passage().old()), named(what))
            .then()
        : Mono.empty();
  }

  @Override
  public @Nullable GivenUp givenUp(Wanted wanted, boolean back) {
    String why =
        back || lost != null || !move.isBefore(Phase.CLEAN) || isThere()
            ? lost
            : move.watch().gaveUp();
    return back || why == null ? null : new GivenUp(Wanted.CANCEL, Shown.GAVE_UP + why);
  }

  /** No key has left its place. */
  @Override
  public Mono<String> stayed() {
    return undone(/* moved= */ true);
  }

  @Override
  public Mono<Void> run(Wanted wanted) {
    return move.cluster().look().then(Mono.defer(this::held)).then(Mono.defer(this::goesOn));
  }

  private Mono<Void> goesOn() {
    if (lost != null) {
      // Whoever owns the job gives it up by that.
      return Mono.never();
    }
    return move.isAt(Phase.CLEAN) && !move.now().shards().contains(move.passage().source())
        // The triggers went with it.
        ? Mono.empty()
        : OpenStep.onCopies(
            move, open -> open.onLanes(step -> move.watch().during(step, phases(step))));
  }

  /** Copies from another shard where the one that it is copied from has gone. */
  private Mono<Void> held() {
    Passage passage = move.passage();
    if (!move.isBefore(Phase.CLEAN) || isThere()) {
      return Mono.empty();
    }
    if (!move.now().shards().contains(passage.target())) {
      lost = "shard: " + passage.target() + ", which was removed (expected: there)";
      return Mono.empty();
    }
    Optional<ShardId> holder = passage.holder(move.now());
    if (holder.isEmpty()) {
      lost =
          "tables: "
              + passage.tables()
              + ", and no shard that has all of them since "
              + passage.source()
              + " was removed (expected: one; copy them one by one)";
      return Mono.empty();
    }
    return holder.get().equals(passage.source()) ? Mono.empty() : from(holder.get());
  }

  private Mono<Void> from(ShardId other) {
    log.warn(
        "job {}: {} has gone, the tables are copied from {}",
        move.owned().job(),
        move.passage().source(),
        other);
    return absent("wait")
        // Nothing is written there but by the mover while it copies.
        .then(Mono.defer(() -> move.settledOn(this::writers)))
        .then(Mono.defer(() -> move.at(move.state().from(other))));
  }

  private Mono<Void> phases(OpenStep step) {
    return Mono.defer(() -> move.watch().told(step, move.state().phase(), phase(step)))
        .repeat(() -> move.isBefore(Phase.HOLD))
        .then(Mono.defer(() -> move.isAt(Phase.CLEAN) ? cleaned(step) : Mono.empty()));
  }

  private Mono<Void> phase(OpenStep step) {
    return switch (move.state().phase()) {
      case PREPARE -> prepared(step);
      case COPY -> copy.copied(step);
      case VERIFY -> copy.verified(step);
      case SWITCH -> isThere() ? move.at(move.state().at(Phase.CLEAN)) : joined(step.joined());
      default -> Mono.empty();
    };
  }

  private boolean isThere() {
    List<TableRule.Reference> rules = move.passage().copies(move.now());
    return !rules.isEmpty()
        && move.now().shards().contains(move.passage().target())
        && rules.stream().allMatch(rule -> rule.isReadOn(move.passage().target()));
  }

  /** Makes the tables on the target, and has changes noted on the source from now on. */
  private Mono<Void> prepared(OpenStep step) {
    Map<String, String> marks = new LinkedHashMap<>();
    return origins
        .noted(step)
        .then(step.fence().madeOpen(step.source()))
        .then(
            step.each(
                transfer ->
                    StepCopy.created(step, transfer.capture().table())
                        .then(copy.installed(step, transfer.capture(), step.source(), marks))))
        .then(Mono.defer(() -> move.at(move.state().marked(marks).at(Phase.COPY))));
  }

  /** Has routers write the copy, makes it the same, and has them read it. */
  private Mono<Void> joined(OpenStep step) {
    return step.sourceIntact()
        .then(Mono.defer(() -> move.at(move.state().at(Phase.SWITCH))))
        .then(Joined.begun(step.source(), step.target()))
        .then(Mono.defer(this::published))
        .then(Mono.defer(() -> move.guards().appliesWhileJoining() ? same(step) : settled()))
        .then(Mono.defer(() -> followed(step)))
        .then(move.guards().before("there"))
        .then(Mono.defer(() -> move.publish(move.passage()::finished, named("are there"))))
        .flatMap(move.cluster()::awaited)
        .then(Mono.defer(() -> move.at(move.state().at(Phase.CLEAN))));
  }

  private Mono<Long> published() {
    return move.onItsWay()
        ? Mono.just(move.now().epoch())
        : move.guards()
            .before("join")
            .then(Mono.defer(() -> move.publish(move.passage()::begun, named("are written"))));
  }

  private String named(String what) {
    return "copies of " + move.passage().tables() + " on " + move.passage().target() + " " + what;
  }

  /** Completes when no router writes by a topology that has not the copy. */
  private Mono<Void> settled() {
    return move.guards().before("settle").then(Mono.defer(() -> move.settledOn(this::writers)));
  }

  /** The shards whose databases a router follows that writes the tables. */
  private Stream<ShardId> writers() {
    return move.now().shards().stream()
        .filter(
            shard ->
                move.passage().copies(move.now()).stream().anyMatch(rule -> rule.isReadOn(shard)));
  }

  private Mono<Void> same(OpenStep step) {
    AtomicBoolean over = new AtomicBoolean();
    return Mono.when(
            settled().doFinally(end -> over.set(true)),
            Mono.defer(() -> caughtUp(step).then(Mono.delay(PAUSE))).repeat(() -> !over.get()))
        .then(Mono.defer(() -> passed(step)))
        // What is noted later was written on both sides.
        .then(step.each(Transfer::appliedUntilNow))
        .then(Mono.defer(() -> compared(step)))
        // A row whose change waits counts as the same.
        .then(step.each(Transfer::appliedUntilNow))
        .then(Mono.defer(step::sourceIntact));
  }

  /** Completes when each replica of the target has the rows: any of them may be read then. */
  private Mono<Void> followed(OpenStep step) {
    List<Shard> target =
        move.cluster().opened().shards().stream()
            .filter(shard -> shard.id().equals(move.passage().target()))
            .filter(shard -> !shard.replicas().isEmpty())
            .toList();
    return target.isEmpty() || !move.guards().awaitsReplicas()
        ? Mono.empty()
        : Capture.noted(step.target(), move.owned())
            .then(
                Mono.usingWhen(
                    ReplicaLags.of(target),
                    replicas -> followed(step, replicas),
                    ReplicaLags::close))
            .doOnSuccess(followed -> move.watch().passed());
  }

  private Mono<Void> followed(OpenStep step, ReplicaLags replicas) {
    return Mono.defer(() -> replicas.without(Capture.noted(move.owned())))
        .doOnNext(without -> move.watch().waitsFor(step, without))
        .filter(List::isEmpty)
        .switchIfEmpty(Mono.defer(() -> caughtUp(step).then(Mono.empty())))
        .repeatWhenEmpty(CopyJob::backingOff)
        .then();
  }

  private Mono<Void> caughtUp(OpenStep step) {
    return move.guards().before("apply joined").then(step.each(Transfer::caughtUp));
  }

  /**
   * Completes when each transaction on the source has ended that changes rows now, as one may have
   * been written by a topology without the copy. No lock is taken for that.
   */
  private Mono<Void> passed(OpenStep step) {
    return Mono.delay(SHOWN)
        .thenMany(
            step.source()
                .rows(
                    "SELECT CAST(trx_id AS CHAR) FROM information_schema.INNODB_TRX WHERE"
                        + " trx_rows_modified > 0 AND trx_mysql_thread_id <> CONNECTION_ID()",
                    row -> Objects.requireNonNull(row.get(0, String.class))))
        .collectList()
        .flatMap(open -> open.isEmpty() ? Mono.empty() : passed(step, open))
        .doOnSuccess(passed -> move.watch().passed());
  }

  private Mono<Void> passed(OpenStep step, List<String> open) {
    String left =
        "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_id IN ("
            + String.join(", ", open)
            + ")";
    return Mono.defer(() -> step.source().number(left))
        .filter(count -> count == 0)
        .switchIfEmpty(
            Mono.defer(
                () ->
                    step.each(Transfer::caughtUp)
                        .then(move.watch().heldUp(step, step.source(), false))
                        .then(Mono.empty())))
        .repeatWhenEmpty(CopyJob::backingOff)
        .then();
  }

  private static Flux<Long> backingOff(Flux<Long> tries) {
    return tries.concatMap(
        failed -> Mono.delay(SHOWN.multipliedBy(1L << Math.min(failed, (long) MOST_DOUBLINGS))));
  }

  private Mono<Void> compared(OpenStep step) {
    return move.ranges(
        step.transfers(),
        (transfer, after) -> transfer.bound(after, COMPARED_ROWS),
        this::compared);
  }

  private Mono<Void> compared(Transfer transfer, KeyRange range) {
    return move.guards()
        .before("compare")
        .then(transfer.different(range))
        .flatMap(keys -> repaired(transfer, keys, COMPARISONS));
  }

  /** A write that was committed on one side alone is told its caller, and noted nowhere. */
  private static Mono<Void> repaired(Transfer transfer, List<List<String>> keys, int tries) {
    if (keys.isEmpty()) {
      return Mono.empty();
    }
    if (tries == 0) {
      return Mono.error(transfer.unlike(keys, "the same once they were put again"));
    }
    return transfer
        .repaired(keys)
        .then(Mono.delay(PAUSE))
        .then(Mono.defer(() -> transfer.different(keys)))
        .flatMap(left -> repaired(transfer, left, tries - 1));
  }

  /** A statement that was sent before, and waited for a lock until now, is noted all the same. */
  private Mono<Void> cleaned(OpenStep step) {
    OpenStep joined = step.joined();
    Mono<Void> swept =
        Joined.begun(joined.source(), joined.target())
            .then(Mono.defer(() -> passed(joined)))
            .then(joined.each(Transfer::appliedUntilNow))
            .then(removed(joined, transfer -> transfer.drained(() -> false)));
    Mono<Void> work =
        move.guards().appliesWhileJoining() ? swept : removed(step, transfer -> Mono.empty());
    return move.watch().told(step, Phase.CLEAN, work);
  }

  private Mono<Void> removed(OpenStep step, Function<Transfer, Mono<Void>> last) {
    return step.each(
        transfer ->
            move.guards()
                .before("remove")
                .then(
                    transfer
                        .capture()
                        .remove(
                            step.source(), move.owned(), Mono.defer(() -> last.apply(transfer)))));
  }

  @Override
  public Mono<String> undone(boolean moved) {
    return move.cluster()
        .look()
        .then(
            Mono.defer(
                () -> {
                  if (move.isAt(Phase.REVERSED)) {
                    return Mono.empty();
                  }
                  if (move.isAt(Phase.CLEAN) || isThere()) {
                    return Mono.just((moved ? "reverse: " : "cancel: ") + THERE);
                  }
                  return back().then(Mono.empty());
                }));
  }

  /** Takes the copy away, once no router writes it any more. */
  private Mono<Void> back() {
    return Mono.defer(
            () -> move.isAt(Phase.UNDO) ? Mono.empty() : move.at(move.state().at(Phase.UNDO)))
        .then(Mono.defer(() -> absent("are given up")))
        .then(Mono.defer(() -> move.settledOn(this::writers)))
        .then(Mono.defer(() -> OpenStep.onCopiesLeft(move, this::takenAway)))
        .then(Mono.defer(() -> move.at(move.state().at(Phase.REVERSED))));
  }

  private Mono<Void> takenAway(OpenStep step) {
    return removed(step, transfer -> Mono.empty())
        .then(
            step.target().shard().equals(move.passage().target())
                ? origins.restored(step)
                : Mono.empty());
  }

  /** The state of each table on the target before, which a copy that is given up leaves. */
  private record Origins(OwnedMove move) {

    private static final String NOTHING = "no table";
    private static final String EMPTY = "no row";
    private static final String SAME = "the same rows";

    /** Notes it before anything is made; what was noted stays. */
    Mono<Void> noted(OpenStep step) {
      Map<String, String> found = new LinkedHashMap<>();
      return step.each(
              transfer ->
                  move.state().marks().containsKey(name(transfer))
                      ? Mono.empty()
                      : origin(transfer)
                          .doOnNext(origin -> found.put(name(transfer), origin))
                          .then())
          .then(Mono.defer(() -> move.at(move.state().marked(found))));
    }

    private static String name(Transfer transfer) {
      return "origin " + transfer.capture().table().name();
    }

    private static Mono<String> origin(Transfer transfer) {
      String table = transfer.capture().table().quoted();
      return transfer
          .capture()
          .there(transfer.target())
          .flatMap(
              there ->
                  there
                      ? transfer
                          .target()
                          .number("SELECT COUNT(*) FROM (SELECT 1 FROM " + table + " LIMIT 1) AS r")
                          .map(rows -> rows == 0 ? EMPTY : SAME)
                      : Mono.just(NOTHING));
    }

    Mono<Void> restored(OpenStep step) {
      return step.each(this::restored);
    }

    /** No other owner can take the job between the look at it and the end of the table. */
    private static Mono<Void> dropped(Session target, String table, Mono<Void> check) {
      Mono<Void> dropped =
          target
              .update("LOCK TABLES shardflux_owner READ, " + table + " WRITE")
              .then(check)
              .then(target.update("DROP TABLE " + table))
              .then();
      return target
          .number(
              "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND"
                  + " TABLE_NAME = "
                  + MovedTable.text(table.substring(1, table.length() - 1)))
          .filter(there -> there > 0)
          .flatMap(there -> dropped)
          .onErrorResume(
              error -> target.update("UNLOCK TABLES").onErrorComplete().then(Mono.error(error)))
          .then(target.update("UNLOCK TABLES"))
          .then();
    }

    private Mono<Void> restored(Transfer transfer) {
      Session target = transfer.target();
      String table = transfer.capture().table().quoted();
      Mono<Void> check = Capture.check(target, move.owned());
      return switch (Objects.requireNonNullElse(move.state().marks().get(name(transfer)), SAME)) {
        case NOTHING -> dropped(target, table, check);
        case EMPTY ->
            target.inTransaction(check.then(target.update("DELETE FROM " + table)).then());
        default -> Mono.empty();
      };
    }
  }
}
