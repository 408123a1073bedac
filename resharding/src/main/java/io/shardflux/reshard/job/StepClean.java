package io.shardflux.reshard.job;

import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.KeptFence;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.ShardingStrategy;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Takes away what a step leaves: the rows that moved, or those that were copied in vain. */
final class StepClean {

  private static final int CLEANED_ROWS = 1_000;

  private final OwnedMove move;

  StepClean(OwnedMove move) {
    this.move = move;
  }

  /** Takes away what stands at the side that does not have the keys, if the tables are there. */
  Mono<Void> otherSide(OpenStep step) {
    boolean there = step.step().phase().there();
    return step.fence()
        .emptying(there ? step.source() : step.target())
        .then(Mono.defer(() -> emptiedWhereThere(there ? step.transfers() : step.back())))
        .then(step.each(transfer -> settledFence(step, KeptFence.of(transfer.capture()))))
        .then(step.each(transfer -> removed(step, transfer.capture())));
  }

  /** Fences that earlier moves left on the target know nothing of keys that came there to stay. */
  private Mono<Void> settledFence(OpenStep step, KeptFence kept) {
    boolean came =
        move.transition().steps().stream()
            .anyMatch(each -> each.phase().there() && each.to().equals(step.step().to()));
    return came
        ? kept.dropped(step.target(), move.owned())
        : kept.shut(step.target(), move.owned(), true);
  }

  /** Deletes the rows that moved from the source, once no router reads them there any more. */
  Mono<Void> cleaned(OpenStep step) {
    if (!step.step().phase().there()) {
      return Mono.error(
          new IllegalStateException(
              "step: " + step.step() + " (expected: SWITCHED before its old place is emptied)"));
    }
    return step.fence()
        .emptying(step.source())
        .then(Mono.defer(() -> emptied(step.transfers())))
        .then(step.each(transfer -> fenced(step, transfer.capture())))
        .then(step.each(transfer -> removed(step, transfer.capture())));
  }

  /** Leaves what refuses rows of other shards, before the step's own triggers go. */
  private Mono<Void> fenced(OpenStep step, Capture capture) {
    return move.guards()
        .before("keep")
        .then(fenced(capture, step.source(), move.options().keepsFence()))
        .then(fenced(capture, step.target(), false));
  }

  private Mono<Void> fenced(Capture capture, Session session, boolean wanted) {
    ShardingStrategy next = move.transition().next();
    KeptFence kept = KeptFence.of(capture);
    return next.shards().contains(session.shard())
        ? next.owns(session.shard(), capture.table().key())
            .flatMap(owned -> kept.replaced(session, move.owned(), owned, wanted))
        : kept.replaced(session, move.owned(), null, wanted);
  }

  /** Deletes the moving rows from the target, once no router reads them there any more. */
  Mono<Void> takenBack(OpenStep step) {
    // A step that has hardly begun may not have made it.
    return step.fence()
        .emptying(step.target())
        .then(Mono.defer(() -> emptiedWhereThere(step.back())))
        .then(
            step.each(
                transfer ->
                    KeptFence.of(transfer.capture()).shut(step.target(), move.owned(), true)))
        .then(step.each(transfer -> removed(step, transfer.capture())));
  }

  private Mono<Void> emptiedWhereThere(List<Transfer> transfers) {
    return Flux.fromIterable(transfers)
        .filterWhen(transfer -> transfer.capture().there(transfer.source()))
        .collectList()
        .flatMap(this::emptied);
  }

  private Mono<Void> emptied(List<Transfer> transfers) {
    return move.ranges(
        transfers,
        (transfer, after) -> transfer.boundOfMoving(after, move.pace().rows(CLEANED_ROWS)),
        this::emptied);
  }

  private Mono<Void> emptied(Transfer transfer, KeyRange range) {
    MovedTable table = transfer.capture().table();
    String moved = range.condition(table) + " AND " + transfer.capture().moving();
    return move.guards()
        .before("clean")
        .then(move.pace().kept(deleted(transfer.source(), table.delete(moved))))
        .doOnNext(move.watch()::rows)
        .then();
  }

  private Mono<Long> deleted(Session session, String delete) {
    AtomicLong rows = new AtomicLong();
    return session
        .inTransaction(
            Capture.check(session, move.owned())
                .then(session.update(delete).doOnNext(rows::set))
                .then())
        .then(Mono.fromSupplier(rows::get));
  }

  private Mono<Void> removed(OpenStep step, Capture capture) {
    return capture
        .remove(step.source(), move.owned())
        .then(capture.remove(step.target(), move.owned()));
  }

  /** Takes the triggers away, and what was copied, so that the step can begin anew. */
  Mono<Void> undone(OpenStep step) {
    return step.fence().opened(step.source()).then(step.each(transfer -> undone(step, transfer)));
  }

  private Mono<Void> undone(OpenStep step, Transfer transfer) {
    return removed(step, transfer.capture()).then(Mono.defer(() -> emptied(transfer.back())));
  }

  /** The same where the job notes nothing of it: whoever begins the step anew does it again. */
  private Mono<Void> emptied(Transfer transfer) {
    return emptied(transfer, List.of())
        .expand(upTo -> upTo.isEmpty() ? Mono.empty() : emptied(transfer, upTo))
        .then();
  }

  private Mono<List<String>> emptied(Transfer transfer, List<String> after) {
    return transfer
        .boundOfMoving(after, move.pace().rows(CLEANED_ROWS))
        .defaultIfEmpty(List.of())
        .flatMap(upTo -> emptied(transfer, new KeyRange(after, upTo)).thenReturn(upTo));
  }
}
