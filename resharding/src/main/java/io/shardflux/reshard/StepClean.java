package io.shardflux.reshard;

import io.shardflux.reshard.MovedTable.KeyRange;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/** Takes away what a step leaves: the rows that moved, or those that were copied in vain. */
final class StepClean {

  private static final Logger log = LoggerFactory.getLogger(StepClean.class);
  private static final int CLEANED_ROWS = 1_000;

  private final OwnedMove move;

  StepClean(OwnedMove move) {
    this.move = move;
  }

  /** Deletes the rows that moved from the source, once no router reads them there any more. */
  Mono<Void> cleaned(OpenStep step) {
    return move.settled(step.source().shard())
        .then(move.ranges(step.transfers(), move.pace().rows(CLEANED_ROWS), this::cleaned))
        .then(step.each(transfer -> transfer.capture().remove(step.source())))
        .then(Mono.defer(() -> move.at(move.state().nextStep())))
        .doOnSuccess(
            done -> log.info("job {}: step {} is done", move.owned().job(), move.state().step()));
  }

  private Mono<Void> cleaned(Transfer transfer, KeyRange range) {
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

  /** Takes the triggers away, and what was copied. */
  Mono<Void> undone(OpenStep step) {
    return new Fence(move.owned(), step.number())
        .reopened(step.source())
        .then(step.each(transfer -> undone(step, transfer)));
  }

  private Mono<Void> undone(OpenStep step, Transfer transfer) {
    Capture capture = transfer.capture();
    return capture
        .remove(step.source())
        .then(deleted(step.target(), capture.table().delete(capture.moving())))
        .then();
  }
}
