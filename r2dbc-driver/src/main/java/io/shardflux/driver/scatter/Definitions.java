package io.shardflux.driver.scatter;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.Prepared;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A definition of tables on its shards, one after the other. No transaction can undo it, so the
 * first shard that fails ends it, and the error tells which shards have it.
 *
 * @param statement the statement of a shard
 * @param moving the tables whose rows are moved by then
 * @param redefined what follows where a shard may have it
 */
@Internal
public record Definitions(
    Plan.Definitions plan,
    Function<Plan.Part, Mono<Long>> statement,
    Supplier<Set<String>> moving,
    Supplier<Mono<Void>> redefined) {

  /**
   * Refuses what can't be told from its outcome.
   *
   * @param inTransaction whether the connection is in a transaction
   */
  public static void check(Snapshot snapshot, Prepared prepared, boolean inTransaction) {
    if (inTransaction) {
      throw new RefusedSqlException(
          RefusalCode.STATEMENT,
          "a definition of tables in a transaction, which it would commit; outside of"
              + " one it is run");
    }
    checkMoving(snapshot.movingOf(prepared.tables()), "");
  }

  private static void checkMoving(Set<String> moving, String where) {
    if (!moving.isEmpty()) {
      throw new RefusedSqlException(
          RefusalCode.TABLE_MOVING, "a definition of " + moving + ", whose rows are moved" + where);
    }
  }

  /**
   * The failure of a definition that some shards may have by then, so that it is never run again
   * from the first one.
   */
  public static final class Ended extends RuntimeException {

    private final Throwable told;

    Ended(Throwable told) {
      super(null, told, false, false);
      this.told = told;
    }

    /** What is told of it. */
    public Throwable told() {
      return told;
    }
  }

  /**
   * Runs it, and gives the rows that a server counts; fails with {@link Ended}. Whoever cancels it
   * is told nothing, but the tables' columns are read anew.
   */
  public Mono<Long> run() {
    return Flux.range(0, plan.parts().size())
        .concatMap(at -> defined(at), 1)
        .reduce(0L, Long::sum)
        .onErrorMap(Ended::new)
        // Columns that can't be read now are read with the next look; the outcome is told as it is.
        .onErrorResume(error -> redefined.get().onErrorComplete().then(Mono.error(error)))
        .doOnCancel(() -> redefined.get().onErrorComplete().subscribe())
        .delayUntil(rows -> redefined.get().onErrorComplete());
  }

  private Mono<Long> defined(int at) {
    return Mono.defer(
            () -> {
              checkMoving(moving.get(), "; " + places(at));
              return statement.apply(plan.parts().get(at));
            })
        .defaultIfEmpty(0L)
        .onErrorMap(Snapshot::told)
        .onErrorMap(R2dbcException.class, error -> told(error, at));
  }

  private R2dbcException told(R2dbcException error, int at) {
    return ShardScatter.like(error, error.getMessage() + "; " + places(at));
  }

  private String places(int failed) {
    List<ShardId> shards = plan.parts().stream().map(Plan.Part::shard).toList();
    return "failed on "
        + shards.get(failed)
        + ", done on "
        + shards.subList(0, failed)
        + ", not sent to "
        + shards.subList(failed + 1, shards.size());
  }
}
