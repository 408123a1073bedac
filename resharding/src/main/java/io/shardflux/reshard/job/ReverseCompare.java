package io.shardflux.reshard.job;

import io.shardflux.reshard.progress.JobState.Phase;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.MovedTable.KeyRange;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/**
 * Makes sure that the old place of a step is as its new place, before the keys go back there: both
 * are compared, and rows that differ are copied from the new place. Tables that were altered,
 * emptied or made anew meanwhile are watched again first, as long as they fit each other.
 */
final class ReverseCompare {

  private static final Logger log = LoggerFactory.getLogger(ReverseCompare.class);

  private static final int COMPARED_ROWS = 10_000;

  /** Looks at rows that differ, of which changes may be on their way at the first ones. */
  private static final int LOOKS = 20;

  private static final int LOOKS_BEFORE_MENDING = 2;
  private static final Duration GAP = Duration.ofMillis(100);

  private final OwnedMove move;
  private final StepSwitch turn;

  ReverseCompare(OwnedMove move, StepSwitch turn) {
    this.move = move;
    this.turn = turn;
  }

  /** Does nothing where the keys are back already. */
  Mono<Void> compared(OpenStep step) {
    return step.crossed()
        .filter(crossed -> move.guards().compares())
        .flatMap(
            crossed ->
                crossed
                    // Writes must not wait for this.
                    ? turn.placed(step)
                        .then(fitting(step))
                        .then(watched(step))
                        .then(Mono.defer(() -> rows(step)))
                    : Mono.empty());
  }

  private static Mono<Void> fitting(OpenStep step) {
    return step.each(
        transfer -> {
          MovedTable table = transfer.capture().table();
          return MovedTable.read(step.target(), table.name(), table.key())
              .filter(table::equals)
              .switchIfEmpty(
                  Mono.error(
                      () ->
                          new IllegalStateException(
                              "table: "
                                  + table.name()
                                  + ", other columns on "
                                  + step.source().shard()
                                  + " than on "
                                  + step.target().shard()
                                  + " (expected: the same; make them so, and the keys go back; or"
                                  + " want STAY)")))
              .then();
        });
  }

  /** Has changes noted where they are no longer, and begins anew then. */
  private Mono<Void> watched(OpenStep step) {
    Map<String, String> marks = new LinkedHashMap<>();
    return step.each(
            transfer ->
                watched(step, transfer.capture(), step.target(), marks)
                    .then(watched(step, transfer.capture(), step.source(), marks)))
        .then(
            Mono.defer(
                () ->
                    marks.isEmpty()
                        ? Mono.empty()
                        : move.at(move.state().marked(marks).at(Phase.REVERSE))));
  }

  private Mono<Void> watched(
      OpenStep step, Capture capture, Session side, Map<String, String> marks) {
    String name = step.mark(capture, side);
    String before = move.state().marks().getOrDefault(name, "");
    return Mono.zip(capture.complete(side), capture.mark(side))
        .filter(seen -> !seen.getT1() || !seen.getT2().equals(before))
        .flatMap(
            seen -> {
              log.warn(
                  "job {}: table {} was altered, emptied or made anew on {}; both sides are"
                      + " compared from the beginning",
                  move.owned().job(),
                  capture.table().name(),
                  side.shard());
              boolean fits = seen.getT1() && columns(seen.getT2()).equals(columns(before));
              return (fits ? Mono.<Void>empty() : capture.remove(side, move.owned()))
                  .then(capture.install(side, move.owned()))
                  .then(Mono.defer(() -> step.move().watch().preparedPassed(step, side)))
                  .then(capture.mark(side));
            })
        .doOnNext(mark -> marks.put(name, mark))
        .then();
  }

  private static String columns(String mark) {
    return mark.substring(mark.indexOf(' ') + 1);
  }

  private Mono<Void> rows(OpenStep step) {
    return move.ranges(
        step.back(), (transfer, after) -> transfer.bound(after, COMPARED_ROWS), this::rows);
  }

  private Mono<Void> rows(Transfer back, KeyRange range) {
    return move.guards()
        .before("return verify")
        .then(back.different(range))
        .doOnNext(keys -> move.watch().rows(COMPARED_ROWS))
        .flatMap(keys -> same(back, range, keys, LOOKS));
  }

  private Mono<Void> same(Transfer back, KeyRange range, List<List<String>> keys, int looks) {
    if (keys.isEmpty()) {
      return Mono.empty();
    }
    String where =
        "table: "
            + back.capture().table().name()
            + ", "
            + keys.size()
            + " rows of "
            + back.target().shard()
            + " are not as on "
            + back.source().shard()
            + ", the first of key "
            + keys.get(0);
    if (looks == 0) {
      return Mono.error(
          new IllegalStateException(
              where
                  + " (expected: the same after they were copied; is there a trigger of the"
                  + " application? or want STAY)"));
    }
    boolean mends = looks == LOOKS - LOOKS_BEFORE_MENDING;
    if (mends) {
      log.warn("job {}: {}; they are copied", move.owned().job(), where);
    }
    return (mends ? back.mended(range, keys).then() : Mono.delay(GAP).then())
        .then(Mono.defer(() -> back.different(keys)))
        .flatMap(left -> same(back, range, left, looks - 1));
  }
}
