package io.shardflux.reshard.transfer;

import io.r2dbc.spi.Readable;
import io.shardflux.cluster.ClusterAccess.Ahead;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * The fence of a step: a row on each of its two shards, of which never more than one is open once
 * the first was closed. Both together say which side has the keys, whatever was published of it:
 * the target, if its row was opened and the source's is closed. Each change of it is one
 * transaction with the look at who owns the job.
 *
 * @param step the step's position in the plan, from 0
 */
@Internal
public record Fence(Owned owned, int step) {

  private static final int OPEN = 0;

  /** As the target's is before it has the keys, and the source's while the target has them. */
  private static final int CLOSED = 1;

  /** As the target's is when the keys leave it again. */
  private static final int LEFT = 2;

  /** As that of a side whose rows are being deleted, so that it can't get the keys again. */
  private static final int EMPTIED = 3;

  /** Makes both rows, if they are not there; only the source's is open. All is copied then. */
  public Mono<Void> made(Session source, Session target) {
    return made(source, OPEN)
        .then(made(target, CLOSED))
        .then(emptied(target))
        .flatMap(emptied -> emptied ? changed(target, target.update(sql(CLOSED))) : Mono.empty())
        .then();
  }

  /** Notes on a side that its rows are being deleted, whatever the control server knows later. */
  public Mono<Void> emptying(Session session) {
    return emptied(session)
        .filter(emptied -> !emptied)
        .flatMap(intact -> changed(session, session.update(sql(EMPTIED))))
        .then();
  }

  /** Tells whether the rows of a side are being deleted, or were. */
  public Mono<Boolean> emptied(Session session) {
    return state(session, OPEN).map(state -> state == EMPTIED);
  }

  /** Makes the row of a source that stays open: its writers are only told apart by it. */
  public Mono<Void> madeOpen(Session source) {
    return made(source, OPEN);
  }

  private Mono<Void> made(Session session, int closed) {
    return session
        .update(
            "INSERT IGNORE INTO shardflux_fence VALUES ("
                + owned.job()
                + ", "
                + step
                + ", "
                + closed
                + ")")
        .then();
  }

  /** Tells whether no side refuses a write, which is so where one of them was given up alone. */
  public Mono<Boolean> bothOpen(Session source, Session target) {
    return Mono.zip(
        state(source, OPEN), state(target, CLOSED), (here, there) -> here == OPEN && there == OPEN);
  }

  /** Tells whether the target has the keys. */
  public Mono<Boolean> crossed(Session source, Session target) {
    return Mono.zip(
        state(source, OPEN),
        state(target, CLOSED),
        (here, there) -> here != OPEN && there != CLOSED);
  }

  private Mono<Integer> state(Session session, int missing) {
    return session
        .rows(
            "SELECT closed FROM shardflux_fence" + row(),
            row -> Objects.requireNonNull(row.get(0, Integer.class)))
        .single(missing);
  }

  /** Closes the source's once all writers under way have ended; empty if that takes too long. */
  public Mono<Long> closed(Session source, Duration bound) {
    return changed(source, source.bounded(sql(CLOSED), bound));
  }

  /** The same on the target, which the keys leave again. */
  public Mono<Long> left(Session target, Duration bound) {
    return changed(target, target.bounded(sql(LEFT), bound));
  }

  /**
   * Opens a side's if it is closed, whatever it takes: writers that meet it closed are refused. An
   * open one is not touched: a change would wait for open transactions, and all writers behind it.
   */
  public Mono<Void> opened(Session session) {
    return state(session, OPEN)
        .filter(state -> state != OPEN)
        .flatMap(state -> changed(session, session.update(sql(OPEN))))
        .then();
  }

  /**
   * Gives a side the keys, and the topology that says so, both or neither. From then on there is no
   * way back but forward.
   *
   * @param committing told right before that may be so; whatever fails earlier has changed nothing
   */
  public Mono<Void> opened(Session session, Ahead ahead, Runnable committing) {
    return changed(
            session,
            knows(session, ahead)
                .then(session.update(sql(OPEN)))
                .doOnSuccess(rows -> committing.run()))
        .then();
  }

  /** Gives a side the topology that says where the keys are. */
  public Mono<Void> told(Session session, Ahead ahead) {
    return changed(session, knows(session, ahead).thenReturn(1L)).then();
  }

  private static Mono<Void> knows(Session session, Ahead ahead) {
    return session
        .update(ahead.note())
        .thenMany(
            session.rows(
                "SELECT epoch, document FROM shardflux_identity",
                row -> known(row, ahead) ? "" : "epoch " + row.get(0, Long.class)))
        .single("no topology")
        .flatMap(
            other ->
                other.isEmpty()
                    ? Mono.empty()
                    : Mono.error(
                        new IllegalStateException(
                            session.shard()
                                + ": its database has "
                                + other
                                + " (expected: epoch "
                                + ahead.epoch()
                                + ", the next one, as this move publishes it; see"
                                + " ClusterRouter.republish)")));
  }

  /** Another topology may have the same number. */
  private static boolean known(Readable row, Ahead ahead) {
    return Objects.requireNonNull(row.get(0, Long.class)) == ahead.epoch()
        && ahead.document().equals(row.get(1, String.class));
  }

  /** The topology that a side knows, if that is later than one. */
  public static Mono<String> later(Session session, long epoch) {
    return session
        .rows(
            "SELECT document FROM shardflux_identity WHERE epoch > " + epoch,
            row -> Objects.requireNonNull(row.get(0, String.class)))
        .singleOrEmpty();
  }

  private String sql(int closed) {
    return "UPDATE shardflux_fence SET closed = " + closed + row();
  }

  private String row() {
    return " WHERE job = " + owned.job() + " AND step = " + step;
  }

  private Mono<Long> changed(Session session, Mono<Long> change) {
    return session
        .update("START TRANSACTION")
        .then(Capture.check(session, owned))
        .then(change)
        .flatMap(rows -> session.update("COMMIT").thenReturn(rows))
        .switchIfEmpty(session.update("ROLLBACK").then(Mono.empty()))
        // The first error is told; a session that is lost rolls back by itself.
        .onErrorResume(
            error -> session.update("ROLLBACK").onErrorComplete().then(Mono.error(error)));
  }
}
