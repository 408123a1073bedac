package io.shardflux.reshard.transfer;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One of the mover's connections to a shard. Its texts hold all their values, as literals that a
 * server made. Statements run one at a time.
 */
@Internal
public final class Session {

  /** ER_QUERY_INTERRUPTED, ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK. */
  private static final Set<Integer> GIVEN = Set.of(1317, 1205, 1213);

  /** The least that both servers take, in whole seconds: for a mover that dies and ends nothing. */
  private static final String SHORT_WAITS =
      "SET lock_wait_timeout = 1, innodb_lock_wait_timeout = 1";

  private static final String LONG_WAITS =
      "SET lock_wait_timeout = DEFAULT, innodb_lock_wait_timeout = " + Servers.LOCK_WAIT;

  /**
   * The other side of the connection.
   *
   * @param id the connection's id on the server
   * @param database the shard's database
   * @param mariaDb whether the server is MariaDB, and not MySQL
   * @param packet the bytes that a statement, or a value of a row, may have
   */
  public record Place(ShardId shard, long id, String database, boolean mariaDb, long packet) {}

  /** The time for a statement for which writers wait; then the server counts as gone. */
  private static final Duration HURRY = Duration.ofSeconds(5);

  private final ShardRouter servers;
  private final Connection connection;
  private final Place place;
  private final Set<Taken> taken;
  private volatile Delays delays = Delays.NONE;
  private volatile boolean hurried;
  private volatile boolean late;

  /**
   * A shard of which an owner knows that former owners change no definition there.
   *
   * @param shard the shard
   * @param owned the job, as its owner has it
   */
  public record Taken(ShardId shard, Owned owned) {}

  /**
   * A connection's session.
   *
   * @param taken what all sessions of a mover know
   */
  public Session(ShardRouter servers, Connection connection, Place place, Set<Taken> taken) {
    this.servers = servers;
    this.connection = connection;
    this.place = place;
    this.taken = taken;
  }

  public Place place() {
    return place;
  }

  public ShardId shard() {
    return place.shard();
  }

  /** Waits once for former owners; a session waits for itself while another one does so, too. */
  Mono<Void> taken(Owned owned, Mono<Void> awaited) {
    Taken shard = new Taken(shard(), owned);
    return Mono.defer(
        () ->
            taken.contains(shard)
                ? Mono.empty()
                : awaited.then(Mono.fromRunnable(() -> taken.add(shard))));
  }

  /** Hears of open transactions that hold up a change of a table's definition. */
  public interface Delays {

    Delays NONE =
        new Delays() {
          @Override
          public Mono<Void> heldUp(Session side, String table) {
            return Mono.empty();
          }

          @Override
          public void passed() {}
        };

    /** Tells of it after a try in vain; may ask the session. */
    Mono<Void> heldUp(Session side, String table);

    void passed();
  }

  /** Has delays be told from now on. */
  public Session telling(Delays listener) {
    delays = listener;
    return this;
  }

  Delays delays() {
    return delays;
  }

  /** Bounds each statement from now on, or does no longer. A late one costs the connection. */
  public void hurry(boolean hurry) {
    hurried = hurry;
  }

  /** The number of rows that a statement changes. */
  public Mono<Long> update(String sql) {
    return sent(sql, result -> Flux.from(result.getRowsUpdated())).reduce(0L, Long::sum);
  }

  public <T> Flux<T> rows(String sql, Function<Readable, T> mapping) {
    return sent(sql, result -> Flux.from(result.map(mapping)));
  }

  /** A server that vanished from the network would hold writers up until TCP gives it up. */
  private <T> Flux<T> sent(String sql, Function<Result, Flux<T>> read) {
    return Flux.defer(
        () -> {
          if (late) {
            // The next answer on this connection is that of the late statement.
            return Flux.error(late());
          }
          Flux<T> all =
              // As a statement, 'isn\'t it?' would have a marker for the driver.
              Flux.from(connection.createBatch().add(sql).execute())
                  .concatMap(read)
                  .onErrorMap(R2dbcException.class, error -> FullDisk.named(shard(), error));
          return hurried ? all.timeout(HURRY, Flux.defer(this::tooLate)) : all;
        });
  }

  private <T> Flux<T> tooLate() {
    late = true;
    return Flux.error(late());
  }

  private R2dbcTransientResourceException late() {
    return new R2dbcTransientResourceException(
        place.shard()
            + ": no answer for "
            + HURRY.toSeconds()
            + " s while writes wait (expected: one; the switch is taken back, or ended later)");
  }

  /** The one number of a query. */
  public Mono<Long> number(String sql) {
    return rows(sql, row -> Objects.requireNonNull(row.get(0, Long.class))).single();
  }

  /** Uses a table in a transaction, until whose end nobody can change the table's definition. */
  public Mono<Void> used(MovedTable table) {
    return rows("SELECT 1 FROM " + table.quoted() + " LIMIT 0", row -> 1).then();
  }

  /** Does the work in a transaction of its own. */
  public Mono<Void> inTransaction(Mono<Void> work) {
    return update("START TRANSACTION")
        .then(work)
        .then(update("COMMIT"))
        .then()
        // The first error is told; a session that is lost rolls back by itself.
        .onErrorResume(error -> update("ROLLBACK").onErrorComplete().then(Mono.error(error)));
  }

  /**
   * Runs a statement that may wait for others' locks and holds up all behind it, so that it is
   * ended after a time. Empty if it was. The server itself ends it soon after a mover that died.
   */
  public Mono<Long> bounded(String sql, Duration bound) {
    Mono<Long> killing =
        Mono.delay(bound)
            .then(servers.on(place.shard()).sql("KILL QUERY " + place.id()).rowsUpdated())
            .onErrorComplete()
            .then(Mono.never());
    return Mono.usingWhen(
        update(SHORT_WAITS),
        set ->
            Mono.firstWithSignal(update(sql), killing)
                .onErrorResume(Session::given, error -> Mono.empty()),
        set -> usual(),
        (set, error) -> usual(),
        set -> Mono.empty());
  }

  /** A late KILL may hit the first try. A session that is lost needs none. */
  private Mono<Void> usual() {
    return update(LONG_WAITS).retry(1).then().onErrorComplete();
  }

  /** Tells whether a statement was ended, or gave way to others, without an effect. */
  private static boolean given(Throwable error) {
    return error instanceof R2dbcTimeoutException
        || (error instanceof R2dbcException said && GIVEN.contains(said.getErrorCode()));
  }
}
