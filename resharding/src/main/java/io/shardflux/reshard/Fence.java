package io.shardflux.reshard;

import io.shardflux.cluster.Jobs.Owned;
import java.time.Duration;
import java.util.Objects;
import reactor.core.publisher.Mono;

/**
 * The fence of a step. Each change of it is one transaction with the look at who owns the job.
 *
 * @param step the step's position in the plan, from 0
 */
record Fence(Owned owned, int step) {

  /** Closes the fence once all writers under way have ended; empty if that takes too long. */
  Mono<Long> closed(Session source, Duration bound) {
    return changed(source, source.bounded(sql(1), bound));
  }

  /**
   * Opens the fence if it is closed, whatever it takes: writers that meet it closed are refused. An
   * open one is not touched: a change would wait for open transactions, and all writers behind it.
   */
  Mono<Void> reopened(Session source) {
    return source
        .rows(
            "SELECT closed FROM shardflux_fence" + row(),
            row -> Objects.requireNonNull(row.get(0, Long.class)))
        .filter(closed -> closed != 0)
        .concatMap(closed -> changed(source, source.update(sql(0))))
        .then();
  }

  private String sql(int closed) {
    return "UPDATE shardflux_fence SET closed = " + closed + row();
  }

  private String row() {
    return " WHERE job = " + owned.job() + " AND step = " + step;
  }

  private Mono<Long> changed(Session source, Mono<Long> change) {
    return source
        .update("START TRANSACTION")
        .then(Capture.check(source, owned))
        .then(change)
        .flatMap(rows -> source.update("COMMIT").thenReturn(rows))
        .switchIfEmpty(source.update("ROLLBACK").then(Mono.empty()))
        // The first error is told; a session that is lost rolls back by itself.
        .onErrorResume(
            error -> source.update("ROLLBACK").onErrorComplete().then(Mono.error(error)));
  }
}
