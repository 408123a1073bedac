package io.shardflux.cluster;

import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.Objects;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The copies of jobs in the shards' own databases, for the time behind a restore of an older copy
 * of the control server. A copy is written before the control server is told the same. Thread-safe.
 */
@Internal
public final class JobCopies {

  private static final String CREATE =
      """
      CREATE TABLE IF NOT EXISTS shardflux_job_copy (
        job BIGINT NOT NULL PRIMARY KEY,
        kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        plan MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
        state MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
        ended TINYINT NOT NULL,
        number BIGINT NOT NULL,
        token BIGINT NOT NULL
      ) ENGINE = InnoDB\
      """;

  /** A former owner that wakes up changes nothing, and neither does a write that was late. */
  private static final String WRITE =
      """
      INSERT INTO shardflux_job_copy
      VALUES (:job, :kind, :plan, :state, :ended, :number, :token)
      ON DUPLICATE KEY UPDATE
        plan = IF(%1$s, plan, VALUES(plan)),
        state = IF(%1$s, state, VALUES(state)),
        ended = IF(%1$s, ended, VALUES(ended)),
        number = IF(%1$s, number, VALUES(number)),
        token = GREATEST(token, VALUES(token))\
      """
          .formatted(
              "VALUES(token) < token OR (VALUES(token) = token AND VALUES(number) < number)");

  private static final String READ =
      "SELECT job, kind, plan, state, ended, number, token FROM shardflux_job_copy";

  private static final Timeouts BOUND = Timeouts.of(Duration.ofSeconds(2));

  /**
   * A job as a shard knows it.
   *
   * @param ended whether it is done or given up
   * @param number one more with each copy
   * @param token the token of the owner that wrote it
   */
  public record Copy(
      long job, String kind, String plan, String state, boolean ended, long number, long token) {}

  private static final Comparator<Copy> AGE =
      Comparator.comparingLong(Copy::token).thenComparingLong(Copy::number);

  private final ShardRouter router;

  JobCopies(ShardRouter router) {
    this.router = router;
  }

  /** Gives some shards a copy. Errors if none of them has it then. */
  public Mono<Void> write(Copy copy, Set<ShardId> shards) {
    return Flux.fromIterable(shards)
        .flatMapDelayError(
            shard -> write(copy, shard).thenReturn(shard), Math.max(1, shards.size()), 1)
        .collectList()
        .then()
        .onErrorResume(error -> written(copy, shards).switchIfEmpty(Mono.error(error)).then());
  }

  private Mono<Long> write(Copy copy, ShardId shard) {
    Mono<Long> written =
        Mono.defer(
            () ->
                router
                    .on(shard)
                    .sql(WRITE)
                    .timeouts(BOUND)
                    .bind("job", copy.job())
                    .bind("kind", copy.kind())
                    .bind("plan", copy.plan())
                    .bind("state", copy.state())
                    .bind("ended", copy.ended() ? 1 : 0)
                    .bind("number", copy.number())
                    .bind("token", copy.token())
                    .rowsUpdated());
    return written.onErrorResume(
        ControlTables::noTable,
        missing -> router.on(shard).sql(CREATE).timeouts(BOUND).rowsUpdated().then(written));
  }

  /** The newest copy, if any shard has this one or a later one. */
  private Mono<Copy> written(Copy copy, Set<ShardId> shards) {
    return newest(copy.job(), shards).filter(found -> AGE.compare(found, copy) >= 0);
  }

  /** The newest copy that some shards have of a job; those that do not answer are left out. */
  public Mono<Copy> newest(long job, Collection<ShardId> shards) {
    return Flux.fromIterable(shards)
        .flatMap(
            shard ->
                router
                    .on(shard)
                    .sql(READ + " WHERE job = :job")
                    .timeouts(BOUND)
                    .bind("job", job)
                    .map((row, metadata) -> copy(row))
                    .one()
                    .onErrorResume(error -> Mono.empty()),
            Math.max(1, shards.size()))
        .reduce(JobCopies::newer);
  }

  /** The newest copies of all jobs. Errors if a shard does not answer. */
  Flux<Copy> all() {
    return Flux.fromIterable(router.topology().shards())
        .flatMap(
            shard ->
                router
                    .on(shard)
                    .sql(READ)
                    .map((row, metadata) -> copy(row))
                    .all()
                    .onErrorResume(ControlTables::noTable, error -> Flux.empty()))
        .groupBy(Copy::job)
        .flatMap(ofJob -> ofJob.reduce(JobCopies::newer), Integer.MAX_VALUE)
        .sort(Comparator.comparingLong(Copy::job));
  }

  private static Copy newer(Copy one, Copy other) {
    return AGE.compare(one, other) >= 0 ? one : other;
  }

  private static Copy copy(Row row) {
    return new Copy(
        number(row, 0),
        text(row, 1),
        text(row, 2),
        text(row, 3),
        number(row, 4) == 1,
        number(row, 5),
        number(row, 6));
  }

  private static Long number(Row row, int column) {
    return Objects.requireNonNull(row.get(column, Long.class));
  }

  private static String text(Row row, int column) {
    return Objects.requireNonNull(row.get(column, String.class));
  }
}
