package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.server.LostChannel;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The tables of a shard's database that transactions over shards need, and what is asked there by
 * connections that are no user's. Thread-safe.
 */
@Internal
public final class TransactionTables {

  /** The statements that make them, the same as in {@code src/sql/transactions.sql}. */
  static final List<String> CREATE =
      List.of(
          """
          CREATE TABLE IF NOT EXISTS shardflux_decision (
            gtrid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
            outcome TINYINT NOT NULL,
            barrier TINYINT NOT NULL,
            shards TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
            decided_at DATETIME(6) NOT NULL,
            KEY (decided_at)
          ) ENGINE = InnoDB\
          """,
          """
          CREATE TABLE IF NOT EXISTS shardflux_barrier (
            id TINYINT NOT NULL PRIMARY KEY,
            version INT NOT NULL,
            place CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
          ) ENGINE = InnoDB\
          """,
          "INSERT IGNORE INTO shardflux_barrier VALUES (1, 1, UUID())");

  /** The shard's row of the barrier. */
  static final String PLACE =
      "SELECT version, place, DATABASE(), @@wait_timeout FROM shardflux_barrier WHERE id = 1";

  /** The settings by which a server keeps less than it acknowledged; empty if there is none. */
  private static final String KEPT =
      "SELECT CONCAT_WS(', ', IF(@@GLOBAL.innodb_flush_log_at_trx_commit <> 1,"
          + " CONCAT('innodb_flush_log_at_trx_commit = ',"
          + " @@GLOBAL.innodb_flush_log_at_trx_commit), NULL),"
          + " IF(@@GLOBAL.log_bin AND @@GLOBAL.sync_binlog <> 1,"
          + " CONCAT('sync_binlog = ', @@GLOBAL.sync_binlog), NULL))";

  private static final Logger log = LoggerFactory.getLogger(TransactionTables.class);

  private static final int VERSION = 1;

  private static final Pattern ID = Pattern.compile("[0-9a-f-]{36}");

  /** The time for one question on a connection that is no user's, the wait for it included. */
  private static final Duration BOUND = Duration.ofSeconds(5);

  /** ER_NO_SUCH_TABLE, ER_DUP_ENTRY and ER_XAER_NOTA. */
  private static final int NO_SUCH_TABLE = 1146;

  private static final int DUPLICATE = 1062;
  private static final int UNKNOWN_XID = 1397;

  /** ER_XAER_RMERR, and ER_SPECIFIC_ACCESS_DENIED_ERROR. */
  private static final List<Integer> NO_RIGHT = List.of(1401, 1227);

  private static final int COMMIT = 1;

  private final Map<ShardServers, Located> known = new ConcurrentHashMap<>();

  /** A place with the id that it is a hash of. */
  record Located(Place place, String id) {}

  /** Makes the tables that are not there. */
  Mono<Void> create(ShardServers shard) {
    return Flux.fromIterable(CREATE).concatMap(sql -> run(shard, sql)).then();
  }

  /**
   * The shard's place; errors if transactions over shards can't be done there. It is asked once,
   * unless it errors.
   */
  Mono<Located> located(ShardServers shard) {
    return Mono.defer(
        () -> {
          Located found = known.get(shard);
          return found != null ? Mono.just(found) : asked(shard);
        });
  }

  /** The shard's place if it was asked for before. */
  @Nullable Located knownPlace(ShardServers shard) {
    return known.get(shard);
  }

  /** Forgets all shards but these. */
  void keep(Collection<ShardServers> shards) {
    known.keySet().retainAll(shards);
  }

  /** Has the shard's place asked for anew. */
  void forget(ShardServers shard) {
    known.remove(shard);
  }

  private Mono<Located> asked(ShardServers shard) {
    return place(shard)
        .delayUntil(found -> branches(shard).then())
        .delayUntil(found -> warned(shard))
        .doOnNext(found -> known.put(shard, found));
  }

  /** Tells of a server that may lose what it acknowledged, once; it is used all the same. */
  private Mono<Void> warned(ShardServers shard) {
    return rows(shard, KEPT, row -> String.valueOf(row.get(0, String.class)))
        .filter(lax -> !lax.isEmpty())
        .doOnNext(
            lax ->
                log.atWarn()
                    .addKeyValue("shard", shard.id())
                    .log(
                        "{}: {} (expected: 1 each; a server that loses an acknowledged commit or"
                            + " prepared part loses its part of a transaction that others have"
                            + " stored)",
                        shard.id(),
                        lax))
        .then()
        // A server that does not tell its settings is used without a word.
        .onErrorComplete();
  }

  /** The shard's place as it is now. */
  Mono<Located> place(ShardServers shard) {
    return rows(shard, PLACE, row -> located(shard.id(), row))
        .singleOrEmpty()
        .switchIfEmpty(Mono.error(() -> missing(shard.id())))
        .onErrorMap(TransactionTables::isNoTable, error -> missing(shard.id()));
  }

  static boolean isNoTable(Throwable error) {
    return isCode(error, NO_SUCH_TABLE);
  }

  static Located located(ShardId shard, Readable row) {
    int version = Objects.requireNonNull(row.get(0, Integer.class));
    if (version != VERSION) {
      throw new IllegalStateException(
          shard
              + ": tables of transactions of version "
              + version
              + " (expected: version "
              + VERSION
              + ", the one that this Shardflux knows)");
    }
    long idle = Objects.requireNonNull(row.get(3, Long.class));
    if (idle >= Decisions.ROLLBACKS_KEPT.toSeconds()) {
      throw new IllegalStateException(
          shard
              + ": wait_timeout of "
              + idle
              + " s (expected: below "
              + Decisions.ROLLBACKS_KEPT.toSeconds()
              + " s, for which the end of an abandoned transaction is kept)");
    }
    String id = Objects.requireNonNull(row.get(1, String.class));
    if (!ID.matcher(id).matches()) {
      throw new IllegalStateException(
          shard + ": place in shardflux_barrier: " + id + " (expected: what UUID() gives)");
    }
    return new Located(Place.of(shard, id, Objects.requireNonNull(row.get(2, String.class))), id);
  }

  /** A shard has no tables of transactions, so it leads none and has no part of one. */
  static final class MissingException extends IllegalStateException {

    private static final long serialVersionUID = 1L;

    private MissingException(String message) {
      super(message);
    }
  }

  static IllegalStateException missing(ShardId shard) {
    return new MissingException(
        shard
            + ": no tables of transactions (expected: those of src/sql/transactions.sql; or call"
            + " operations().createTransactionTables())");
  }

  /** The prepared branches of the shard's server that are of our kind, those of others too. */
  Flux<Xid> branches(ShardServers shard) {
    return use(shard, connection -> branches(shard.id(), connection).collectList())
        .flatMapIterable(all -> all);
  }

  /** The same over a connection that may be in a transaction. */
  static Flux<Xid> branches(ShardId shard, Connection connection) {
    return Flux.from(connection.createStatement("XA RECOVER").execute())
        .concatMap(result -> result.map(row -> Optional.ofNullable(Xid.of(row))))
        .onErrorMap(
            error -> error instanceof R2dbcException said && NO_RIGHT.contains(said.getErrorCode()),
            error ->
                new IllegalStateException(
                    shard
                        + ": the account may not ask for prepared transactions (expected: GRANT"
                        + " XA_RECOVER_ADMIN ON *.* TO it; transactions.mode atomic needs that to"
                        + " end what a lost router left behind)",
                    error))
        .flatMap(Mono::justOrEmpty);
  }

  /**
   * Commits or rolls back a prepared branch. Gives false if it is not known there, because it is
   * over, or its own connection is still there on MariaDB.
   */
  Mono<Boolean> end(ShardServers shard, Xid branch, TransactionOutcome outcome) {
    String sql =
        (outcome == TransactionOutcome.COMMITTED ? "XA COMMIT " : "XA ROLLBACK ") + branch.sql();
    return run(shard, sql)
        .thenReturn(true)
        .onErrorResume(error -> isCode(error, UNKNOWN_XID), error -> Mono.just(false));
  }

  /**
   * The outcome of a transaction, which is rolled back for ever if nothing was decided. While it is
   * being decided that waits.
   */
  Mono<TransactionOutcome> outcome(ShardServers lead, String transaction) {
    return run(lead, Decisions.rollback(transaction))
        .thenReturn(TransactionOutcome.ROLLED_BACK)
        .onErrorResume(error -> isCode(error, DUPLICATE), error -> met(lead, transaction));
  }

  private Mono<TransactionOutcome> met(ShardServers lead, String transaction) {
    return decided(lead, transaction)
        .switchIfEmpty(
            Mono.error(
                () ->
                    new IllegalStateException(
                        lead.id()
                            + ": the decision of transaction "
                            + transaction
                            + " was there, and is gone (expected: one that stays)")));
  }

  /** The outcome as it was decided; empty if nothing was. */
  Mono<TransactionOutcome> decided(ShardServers lead, String transaction) {
    return rows(
            lead,
            Decisions.outcome(transaction),
            row ->
                Objects.requireNonNull(row.get(0, Integer.class)) == COMMIT
                    ? TransactionOutcome.COMMITTED
                    : TransactionOutcome.ROLLED_BACK)
        .singleOrEmpty();
  }

  <T> Flux<T> rows(ShardServers shard, String sql, Function<Readable, T> mapping) {
    return use(
            shard,
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(result -> result.map(mapping))
                    .collectList())
        .flatMapIterable(rows -> rows);
  }

  Mono<Long> run(ShardServers shard, String sql) {
    return use(
        shard,
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(Result::getRowsUpdated)
                .reduce(0L, Long::sum));
  }

  private static <T> Mono<T> use(ShardServers shard, Function<Connection, Mono<T>> work) {
    return Mono.defer(
            () -> {
              ServerPool primary = shard.servers().get(0);
              return primary.control().use(work, BOUND);
            })
        .onErrorMap(error -> ShardErrors.named(shard.id(), error))
        .contextWrite(LostChannel::quiet);
  }

  private static boolean isCode(Throwable error, int code) {
    return error instanceof R2dbcException said && said.getErrorCode() == code;
  }
}
