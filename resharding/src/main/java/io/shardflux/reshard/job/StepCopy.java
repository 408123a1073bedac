package io.shardflux.reshard.job;

import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.KeptFence;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.OwnersTurn;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Makes the moving rows of a step the same on its target, and compares them. */
final class StepCopy {

  /** Rows that differ are compared again, as their changes may have been on their way. */
  private static final int COMPARISONS = 20;

  private static final Duration COMPARE_GAP = Duration.ofMillis(100);

  private final OwnedMove move;

  StepCopy(OwnedMove move) {
    this.move = move;
  }

  /** Makes the tables on the target, and has changes noted on both sides from now on. */
  Mono<Void> prepared(OpenStep step) {
    Map<String, String> marks = new LinkedHashMap<>();
    return step.fence()
        .made(step.source(), step.target())
        .then(step.each(transfer -> prepared(step, transfer.capture(), marks)))
        // A statement that was planned while no key moved must not find a row twice.
        .then(Mono.defer(() -> step.number() == 0 ? move.settled(Step::from) : Mono.<Void>empty()))
        .then(Mono.defer(() -> move.at(move.state().marked(marks).at(Phase.COPY))));
  }

  private Mono<Void> prepared(OpenStep step, Capture capture, Map<String, String> marks) {
    return created(step, capture.table())
        .then(installed(step, capture, step.source(), marks))
        .then(marked(step, capture, step.target(), marks));
  }

  Mono<Void> installed(OpenStep step, Capture capture, Session session, Map<String, String> marks) {
    return installed(step, capture, session).then(marked(step, capture, session, marks));
  }

  private Mono<Void> installed(OpenStep step, Capture capture, Session session) {
    return move.guards()
        .before("install")
        .then(capture.install(session, move.owned()))
        .then(Mono.defer(() -> step.move().watch().preparedPassed(step, session)));
  }

  private static Mono<Void> marked(
      OpenStep step, Capture capture, Session session, Map<String, String> marks) {
    return capture
        .mark(session)
        .doOnNext(mark -> marks.put(step.mark(capture, session), mark))
        .then();
  }

  /**
   * Has the target refuse writes of rows that do not belong there yet, and note them later. Its
   * triggers come behind the copying, as they cost a third of it, and before rows are compared.
   */
  private Mono<Void> guarded(OpenStep step) {
    return step.each(
        transfer ->
            installed(step, transfer.capture(), step.target())
                // From here on this step's triggers refuse what a former move's did.
                .then(KeptFence.of(transfer.capture()).shut(step.target(), move.owned(), false)));
  }

  /** Makes a table that the target does not have yet. */
  static Mono<Void> created(OpenStep step, MovedTable table) {
    return step.source()
        .rows(
            "SHOW CREATE TABLE " + table.quoted(),
            row -> Objects.requireNonNull(row.get(1, String.class)))
        .single()
        .map(sql -> sql.replaceFirst("^CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "))
        // A table that goes whole counts on where it was.
        .map(
            sql ->
                step.move().passage().kind() == MovePlan.Kind.PINNED
                    ? sql
                    : sql.replaceFirst(" AUTO_INCREMENT=\\d+", ""))
        .flatMap(
            sql -> OwnersTurn.of(step.target(), step.move().owned(), step.target().update(sql)))
        .then();
  }

  /** Copies rows, and has the target refuse and note writes of them from then on. */
  Mono<Void> copiedAndGuarded(OpenStep step) {
    return copied(step, Mono.defer(() -> guarded(step)));
  }

  /** Copies rows to where routers write them, too, and nothing refuses them. */
  Mono<Void> copied(OpenStep step) {
    return copied(step, Mono.empty());
  }

  private Mono<Void> copied(OpenStep step, Mono<Void> behind) {
    return move.ranges(
            step.transfers(),
            (transfer, after) -> transfer.bound(after, move.pace().rows(transfer.rows())),
            (transfer, range) -> copied(step, transfer, range))
        .then(behind)
        .then(Mono.defer(() -> move.at(move.state().at(Phase.VERIFY))));
  }

  /**
   * A former owner may have copied more than was noted, and this one has forgotten changes of such
   * rows. They keep unique values that others have by now, until they are copied anew.
   */
  private Mono<Void> copied(OpenStep step, Transfer transfer, KeyRange range) {
    Mono<Void> piece = piece(step, transfer, range);
    return piece.onErrorResume(
        Transfer::isDuplicate, duplicate -> transfer.emptied(from(range.after())).then(piece));
  }

  /** Changes of all tables are applied behind each piece, and while the copying waits. */
  private Mono<Void> piece(OpenStep step, Transfer transfer, KeyRange range) {
    return move.watch()
        .clear(step, applied(step, from(range.after())))
        .then(move.guards().before("copy"))
        .then(move.pace().kept(transfer.copy(range)))
        .doOnNext(move::copied)
        .then(Mono.defer(() -> applied(step, range.upTo().isEmpty() ? null : from(range.upTo()))));
  }

  private static KeyRange from(List<String> after) {
    return new KeyRange(after, List.of());
  }

  /**
   * Applies changes of the rows that were copied, and forgets the others.
   *
   * @param left those of the table at work that are still to be copied; null at its end
   */
  private Mono<Void> applied(OpenStep step, @Nullable KeyRange left) {
    int table = move.state().table();
    return move.guards()
        .before("apply")
        .thenMany(Flux.range(0, step.transfers().size()))
        .concatMap(
            number -> {
              Transfer each = step.transfers().get(number);
              if (number > table) {
                return each.keptUp(from(List.of()));
              }
              return number < table || left == null ? each.keptUp() : each.keptUp(left);
            })
        .then();
  }

  Mono<Void> verified(OpenStep step) {
    return move.ranges(
            step.transfers(),
            (transfer, after) -> transfer.bound(after, transfer.rows()),
            this::verified)
        .then(Mono.defer(() -> move.at(move.state().at(Phase.SWITCH))));
  }

  private Mono<Void> verified(Transfer transfer, KeyRange range) {
    int rows = transfer.rows();
    return move.guards()
        .before("verify")
        .then(transfer.different(range))
        .doOnNext(keys -> move.watch().rows(rows))
        .flatMap(keys -> settled(transfer, keys, COMPARISONS));
  }

  /** Looks at rows that differ again and again, as their changes may have been on their way. */
  private static Mono<Void> settled(Transfer transfer, List<List<String>> keys, int tries) {
    if (keys.isEmpty()) {
      return Mono.empty();
    }
    if (tries == 0) {
      return Mono.error(transfer.unlike(keys, "the same after their changes were applied"));
    }
    return Mono.delay(COMPARE_GAP)
        .then(Mono.defer(() -> transfer.different(keys)))
        .flatMap(left -> settled(transfer, left, tries - 1));
  }
}
