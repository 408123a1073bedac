package io.shardflux.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.Statement;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Jobs that outlive the router which does them. A job has one owner at a time. Each owner has a
 * token, one more than the one before, by which a former owner that wakes up again is told apart.
 * Thread-safe.
 */
@Internal
public final class Jobs {

  static final List<String> CREATE =
      List.of(
          """
          CREATE TABLE IF NOT EXISTS shardflux_job (
            job BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
            kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            wanted VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            plan MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
            state MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
            owner VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
            token BIGINT NOT NULL,
            owner_until DATETIME(6) NOT NULL,
            made_at DATETIME(6) NOT NULL,
            ended_at DATETIME(6) NULL,
            error TEXT CHARACTER SET utf8mb4 NULL,
            report TEXT CHARACTER SET ascii COLLATE ascii_bin NULL
          ) ENGINE = InnoDB\
          """);

  /** A line of the state of a job that is about to switch keys: routers look more often then. */
  public static final String SOON = "soon=true";

  /** Whether the newest job's state has that line. */
  static final String SWITCHES_SOON =
      "COALESCE((SELECT state LIKE '%"
          + SOON
          + "%' FROM shardflux_job WHERE ended_at IS NULL ORDER BY job DESC LIMIT 1), 0)";

  private static final int LONGEST_ERROR = 16_000;

  /**
   * A job.
   *
   * @param wanted what the operator wants of it, such as {@code run}
   * @param plan what the job must do, in the words of its kind
   * @param state how far it is
   * @param owner the router that does it, or did it last
   * @param owned whether that one's time is not over
   * @param ended whether it is done or given up
   * @param error why it was given up, or what it met last
   * @param report what its owner told last, in the words of its kind; empty at first
   */
  public record Job(
      long id,
      String kind,
      String wanted,
      String plan,
      String state,
      String owner,
      boolean owned,
      boolean ended,
      @Nullable String error,
      String report) {

    /** The same, as far as a shard knows it to be. */
    public Job with(JobCopies.Copy copy) {
      String itsPlan = copy.plan().isEmpty() ? plan : copy.plan();
      return new Job(id, kind, wanted, itsPlan, copy.state(), owner, owned, ended, error, report);
    }
  }

  /** The right to do a job. */
  public record Owned(long job, long token) {}

  /** By the clock, so that no token comes a second time where an older copy is restored. */
  private static final String NEXT_TOKEN =
      "GREATEST(token + 1, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED))";

  private final ControlTables tables;
  private final Member member;

  Jobs(ControlTables tables, Member member) {
    this.tables = tables;
    this.member = member;
  }

  /**
   * Adds a job that nobody owns yet, unless one of its kind is under way.
   *
   * @return its number; empty if there is one under way
   */
  public Mono<Long> add(String kind, String plan, String state) {
    return tables
        .inTransaction(
            connection ->
                // The one row that all changes of the topology lock, too.
                ControlTables.updated(
                        connection.createStatement(
                            "UPDATE shardflux_control SET orders = orders WHERE id = 1"))
                    .then(anyUnderWay(connection, kind))
                    .filter(any -> !any)
                    .flatMap(none -> ControlTables.updated(insert(connection, kind, plan, state)))
                    .flatMap(rows -> number(connection, "SELECT LAST_INSERT_ID()")))
        .singleOrEmpty();
  }

  private static Mono<Boolean> anyUnderWay(Connection connection, String kind) {
    return Flux.from(
            connection
                .createStatement(
                    "SELECT COUNT(*) FROM shardflux_job WHERE kind = ? AND ended_at IS NULL"
                        + " LOCK IN SHARE MODE")
                .bind(0, kind)
                .execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class)) > 0))
        .single();
  }

  private static Statement insert(Connection connection, String kind, String plan, String state) {
    return connection
        .createStatement(
            "INSERT INTO shardflux_job (kind, wanted, plan, state, owner, token, owner_until,"
                + " made_at) VALUES (?, 'run', ?, ?, '', 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6))")
        .bind(0, kind)
        .bind(1, plan)
        .bind(2, state);
  }

  private static Mono<Long> number(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))))
        .single();
  }

  /** The jobs of a kind, the newest first. */
  public Flux<Job> all(String kind, int most) {
    return tables
        .sql(JOB + " WHERE kind = :kind ORDER BY job DESC LIMIT " + most)
        .bind("kind", kind)
        .map((row, metadata) -> job(row))
        .all();
  }

  /** A job; empty if there is none. */
  public Mono<Job> get(long job) {
    return tables
        .sql(JOB + " WHERE job = :job")
        .bind("job", job)
        .map((row, metadata) -> job(row))
        .one();
  }

  private static final String JOB =
      "SELECT job, kind, wanted, plan, state, owner, owner_until > UTC_TIMESTAMP(6),"
          + " ended_at IS NOT NULL, error, report FROM shardflux_job";

  private static Job job(Row row) {
    return new Job(
        Objects.requireNonNull(row.get(0, Long.class)),
        text(row, 1),
        text(row, 2),
        text(row, 3),
        text(row, 4),
        text(row, 5),
        Objects.requireNonNull(row.get(6, Long.class)) == 1,
        Objects.requireNonNull(row.get(7, Long.class)) == 1,
        row.get(8, String.class),
        Objects.requireNonNullElse(row.get(9, String.class), ""));
  }

  private static String text(Row row, int column) {
    return Objects.requireNonNull(row.get(column, String.class));
  }

  /**
   * Takes a job whose owner's time is over.
   *
   * @param until the time for which this router owns it
   * @return empty if another one owns it, or it has ended
   */
  public Mono<Owned> take(long job, Duration until) {
    return tables
        .inTransaction(
            connection ->
                ControlTables.updated(
                        connection
                            .createStatement(
                                "UPDATE shardflux_job SET owner = ?, token = "
                                    + NEXT_TOKEN
                                    + ","
                                    + " owner_until = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND"
                                    + " WHERE job = ? AND ended_at IS NULL"
                                    + " AND owner_until <= UTC_TIMESTAMP(6)")
                            .bind(0, member.toString())
                            .bind(1, micros(until))
                            .bind(2, job))
                    .filter(rows -> rows == 1)
                    .flatMap(
                        rows ->
                            number(
                                connection, "SELECT token FROM shardflux_job WHERE job = " + job)))
        .singleOrEmpty()
        .map(token -> new Owned(job, token));
  }

  /**
   * Owns a job for longer. Errors with {@link JobLostException} if another one owns it.
   *
   * @param report what other routers show of it, in ASCII, at most 64 kB
   */
  public Mono<Void> renew(Owned owned, Duration until, String report) {
    return update(
        owned,
        "report = :value, owner_until = UTC_TIMESTAMP(6) + INTERVAL "
            + micros(until)
            + " MICROSECOND",
        report);
  }

  /**
   * Notes how far it is, and that it met nothing since. Errors with {@link JobLostException} if
   * another one owns the job.
   */
  public Mono<Void> note(Owned owned, String state) {
    return update(owned, "state = :value, error = NULL", state);
  }

  /**
   * Notes what was met, or that it is over, without an end. Errors with {@link JobLostException} as
   * the others.
   */
  public Mono<Void> met(Owned owned, @Nullable String error) {
    return update(owned, "error = :value", error == null ? null : shortened(error));
  }

  /** Ends a job. Errors with {@link JobLostException} if another one owns it. */
  public Mono<Void> end(Owned owned, @Nullable String error) {
    return update(
        owned,
        "ended_at = UTC_TIMESTAMP(6), error = :value",
        error == null ? null : shortened(error));
  }

  /**
   * Ends a job that is done, and adds the one that follows it, of its kind, both or neither. Errors
   * with {@link JobLostException} if another one owns it, it has ended, or something else is wanted
   * of it by now.
   *
   * @param wanted what is wanted of it, and then of the one that follows
   * @param plan what that one must do
   */
  public Mono<Void> end(Owned owned, String wanted, String plan, String state) {
    return tables
        .inTransaction(
            connection ->
                ControlTables.updated(
                        connection
                            .createStatement(
                                "UPDATE shardflux_job SET ended_at = UTC_TIMESTAMP(6), error = NULL"
                                    + " WHERE job = ? AND token = ? AND ended_at IS NULL"
                                    + " AND wanted = ?")
                            .bind(0, owned.job())
                            .bind(1, owned.token())
                            .bind(2, wanted))
                    .filter(rows -> rows == 1)
                    .switchIfEmpty(Mono.error(() -> new JobLostException(owned.job())))
                    .flatMap(
                        ended -> ControlTables.updated(following(connection, owned, plan, state))))
        .then();
  }

  private static Statement following(
      Connection connection, Owned owned, String plan, String state) {
    return connection
        .createStatement(
            "INSERT INTO shardflux_job (kind, wanted, plan, state, owner, token, owner_until,"
                + " made_at) SELECT kind, wanted, ?, ?, '', 0, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)"
                + " FROM shardflux_job WHERE job = ?")
        .bind(0, plan)
        .bind(1, state)
        .bind(2, owned.job());
  }

  /**
   * Has something else be wanted of a job by its owner, unless the operator wants something else by
   * now, and says why. Does nothing if another one owns it.
   *
   * @param wanted what was wanted
   * @param next what is wanted in place of that, such as {@code run} where that is refused
   * @param plan what it must do from now on
   * @param state how far it is
   */
  public Mono<Void> turn(
      Owned owned, String wanted, String next, String plan, String state, String why) {
    return tables
        .sql(
            "UPDATE shardflux_job SET wanted = IF(wanted = :wanted, :next, wanted), plan = :plan,"
                + " state = :state, error = :why WHERE job = :job AND token = :token")
        .bind("next", next)
        .bind("plan", plan)
        .bind("state", state)
        .bind("why", shortened(why))
        .bind("job", owned.job())
        .bind("token", owned.token())
        .bind("wanted", wanted)
        .rowsUpdated()
        .then();
  }

  /** Lets another router take the job at once. */
  public Mono<Void> leave(Owned owned) {
    return update(owned, "owner_until = UTC_TIMESTAMP(6) + INTERVAL :value MICROSECOND", 0L)
        .onErrorComplete(JobLostException.class);
  }

  private Mono<Void> update(Owned owned, String change, @Nullable Object value) {
    return tables
        .sql("UPDATE shardflux_job SET " + change + " WHERE job = :job AND token = :token")
        .bind("value", value)
        .bind("job", owned.job())
        .bind("token", owned.token())
        .rowsUpdated()
        // A row that was the same before is told as unchanged.
        .flatMap(rows -> rows == 1 ? Mono.empty() : owns(owned))
        .then();
  }

  /** Errors with {@link JobLostException} if the job has another owner. */
  public Mono<Void> owns(Owned owned) {
    return tables
        .sql("SELECT COUNT(*) FROM shardflux_job WHERE job = :job AND token = :token")
        .bind("job", owned.job())
        .bind("token", owned.token())
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .flatMap(rows -> rows == 1 ? Mono.empty() : Mono.error(new JobLostException(owned.job())));
  }

  /** Tells what the operator wants of a job. */
  public Mono<Void> want(long job, String wanted) {
    return tables
        .sql("UPDATE shardflux_job SET wanted = :wanted WHERE job = :job AND ended_at IS NULL")
        .bind("wanted", wanted)
        .bind("job", job)
        .rowsUpdated()
        .then();
  }

  private static long micros(Duration time) {
    return time.toNanos() / 1_000;
  }

  private static String shortened(String error) {
    return error.getBytes(UTF_8).length <= LONGEST_ERROR
        ? error
        : error.substring(0, LONGEST_ERROR / 4) + "…";
  }

  /**
   * Brings back what shards know of a job and a restored copy does not: that there is such a job,
   * or that it has ended. Former owners have lost it. What was wanted of it may be lost, so that it
   * waits for an operator.
   */
  static Mono<Void> restore(Connection connection, JobCopies.Copy copy) {
    Statement insert =
        connection
            .createStatement(
                "INSERT IGNORE INTO shardflux_job (job, kind, wanted, plan, state, owner, token,"
                    + " owner_until, made_at) VALUES (?, ?, 'pause', ?, ?, '', 0, UTC_TIMESTAMP(6),"
                    + " UTC_TIMESTAMP(6))")
            .bind(0, copy.job())
            .bind(1, copy.kind())
            .bind(2, copy.plan())
            .bind(3, copy.state());
    Statement raise =
        connection
            .createStatement(
                "UPDATE shardflux_job SET token = GREATEST(token, ?) + 1, wanted = 'pause',"
                    + " owner_until = UTC_TIMESTAMP(6), error = NULL, ended_at = IF(?,"
                    + " COALESCE(ended_at, UTC_TIMESTAMP(6)), NULL) WHERE job = ?")
            .bind(0, copy.token())
            .bind(1, copy.ended() ? 1 : 0)
            .bind(2, copy.job());
    return ControlTables.updated(insert).then(ControlTables.updated(raise)).then();
  }

  /** Refuses a former owner inside a transaction on the control server. */
  static Mono<Void> check(Connection connection, Owned owned) {
    return Flux.from(
            connection
                .createStatement("SELECT token FROM shardflux_job WHERE job = ? FOR UPDATE")
                .bind(0, owned.job())
                .execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))))
        .single(0L)
        .flatMap(
            token ->
                token == owned.token()
                    ? Mono.empty()
                    : Mono.error(new JobLostException(owned.job())));
  }
}
