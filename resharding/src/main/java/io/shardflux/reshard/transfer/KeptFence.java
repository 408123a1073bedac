package io.shardflux.reshard.transfer;

import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.router.Internal;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The triggers that stay on a shard behind a move: they refuse rows which lie on other shards to
 * clients that are no routers. They are shut by a row of the fence that is not a step's, so that a
 * later move which brings keys there opens them without a change of a definition.
 *
 * @param job the move that made it
 * @param table the table that it stands at
 * @param number the table's position in the move, from 0
 */
@Internal
public record KeptFence(long job, MovedTable table, int number) {

  private static final String PREFIX = "shardflux_kept_";

  private static final List<String> EVENTS = List.of("insert", "update");

  /** The kept fence of a step's table. */
  public static KeptFence of(Capture capture) {
    return new KeptFence(capture.job(), capture.table(), capture.number());
  }

  /** The fence's row of the table, in place of a step's. */
  private int step() {
    return -1 - number;
  }

  private String trigger(String event) {
    return "`" + PREFIX + job + "_" + number + "_" + event + "`";
  }

  /**
   * Has the shard refuse such rows from now on; takes the place of what other moves left.
   *
   * @param owned the condition of the shard's own rows; null if it has none
   * @param wanted whether it is made where there was none
   */
  public Mono<Void> replaced(Session session, Owned owner, @Nullable String owned, boolean wanted) {
    return others(session)
        .flatMap(
            jobs ->
                !wanted && jobs.isEmpty()
                    ? Mono.<Void>empty()
                    : made(session, owner, owned)
                        .thenMany(Flux.fromIterable(jobs))
                        .concatMap(other -> removed(session, owner, other))
                        .then());
  }

  private Mono<Void> made(Session session, Owned owner, @Nullable String owned) {
    String row = "INSERT IGNORE INTO shardflux_fence VALUES (" + job + ", " + step() + ", 1)";
    return session
        .update(row)
        .thenMany(Flux.fromIterable(EVENTS))
        .concatMap(event -> patiently(session, owner, create(event, owned)))
        .then();
  }

  private String create(String event, @Nullable String owned) {
    return "CREATE TRIGGER IF NOT EXISTS "
        + trigger(event)
        + " AFTER "
        + event
        + " ON "
        + table.quoted()
        + " FOR EACH ROW BEGIN DECLARE shut INT; IF @shardflux_mover IS NULL AND NOT COALESCE("
        + (owned == null ? "FALSE" : table.of("NEW", owned))
        + ", FALSE) THEN SELECT closed INTO shut FROM shardflux_fence WHERE job = "
        + job
        + " AND step = "
        + step()
        + " LOCK IN SHARE MODE; IF shut <> 0 THEN SIGNAL SQLSTATE '45S01' SET MYSQL_ERRNO = "
        + Capture.FENCED
        + ", MESSAGE_TEXT = 'shardflux: the row lies on another shard, write it by a router';"
        + " END IF; END IF; END";
  }

  /** Lets a shard take all rows, as keys come to it; or no longer, as they have left it again. */
  public Mono<Void> shut(Session session, Owned owner, boolean shut) {
    return others(session)
        .flatMapIterable(jobs -> jobs)
        .concatMap(
            other ->
                session.inTransaction(
                    Capture.check(session, owner).then(session.update(other.closed(shut))).then()))
        .then();
  }

  private String closed(boolean shut) {
    return "UPDATE shardflux_fence SET closed = "
        + (shut ? 1 : 0)
        + " WHERE job = "
        + job
        + " AND step = "
        + step();
  }

  /** Takes away what other moves left, as keys stay that it would refuse. */
  public Mono<Void> dropped(Session session, Owned owner) {
    return others(session)
        .flatMapIterable(jobs -> jobs)
        .concatMap(other -> removed(session, owner, other))
        .then();
  }

  private Mono<Long> patiently(Session session, Owned owner, String change) {
    return Definitions.changed(session, owner, table.name(), change);
  }

  private static Mono<Void> removed(Session session, Owned owner, KeptFence other) {
    return Flux.fromIterable(EVENTS)
        .concatMap(
            event ->
                other.patiently(session, owner, "DROP TRIGGER IF EXISTS " + other.trigger(event)))
        .then();
  }

  /** The fences that other moves left at the table. */
  private Mono<List<KeptFence>> others(Session session) {
    return left(session, table).filter(each -> each.job() != job).collectList();
  }

  /** The fences that moves left at a table. */
  private static Flux<KeptFence> left(Session session, MovedTable table) {
    return session
        .rows(
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA ="
                + " DATABASE() AND EVENT_OBJECT_TABLE = "
                + MovedTable.text(table.name())
                + " AND TRIGGER_NAME REGEXP '^"
                + PREFIX
                + "[0-9]+_[0-9]+_'",
            row -> Objects.requireNonNull(row.get(0, String.class)))
        .map(name -> name.substring(PREFIX.length()).split("_"))
        .map(parts -> new KeptFence(Long.parseLong(parts[0]), table, Integer.parseInt(parts[1])))
        .collectList()
        // The server must not be asked while it is read.
        .flatMapIterable(all -> all.stream().distinct().toList());
  }

  /** Takes away all that moves left at a table, as no move is under way. */
  public static Mono<Void> removed(Session session, MovedTable table) {
    return left(session, table)
        .concatMap(
            kept ->
                Flux.fromIterable(EVENTS)
                    .concatMap(
                        event ->
                            Definitions.changed(
                                session,
                                null,
                                table.name(),
                                "DROP TRIGGER IF EXISTS " + kept.trigger(event))))
        .then();
  }
}
