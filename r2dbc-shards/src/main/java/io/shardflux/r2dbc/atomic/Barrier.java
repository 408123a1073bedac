package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.atomic.TransactionTables.Located;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.server.ControlConnections;
import io.shardflux.r2dbc.server.LostChannel;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Holds off the decisions of all shards for a moment. Each decision shares its shard's barrier row,
 * and this locks that of each shard alone. Then it waits until what was decided before is committed
 * everywhere: from then until the rows are free, a transaction over shards is stored on all of its
 * shards, or on none.
 *
 * <p>The rows are locked over control connections. A server takes its row back by itself from a
 * router that stands still; whether each was held to the end is known by the answer of its end.
 */
final class Barrier {

  /** The time for all of it. The decisions of all shards may wait so long. */
  static final Duration BOUND = Duration.ofSeconds(2);

  /** The time of that for what was decided to be committed; one that can't be holds up no more. */
  private static final Duration SETTLING = Duration.ofMillis(500);

  private static final Duration PAUSE = Duration.ofMillis(5);

  /** After so many looks a decided branch that is still there is committed from here. */
  private static final int PATIENT_LOOKS = 10;

  /** ER_LOCK_WAIT_TIMEOUT. */
  private static final int LOCK_WAIT = 1205;

  private static final String LOCK =
      "SET @shardflux_idle = @@wait_timeout, @shardflux_lock_wait = @@innodb_lock_wait_timeout;"
          + "SET SESSION wait_timeout = 2, innodb_lock_wait_timeout = 1;START TRANSACTION;"
          + TransactionTables.PLACE
          + " FOR UPDATE";

  private static final String UNLOCK =
      "ROLLBACK;SET SESSION wait_timeout = @shardflux_idle,"
          + " innodb_lock_wait_timeout = @shardflux_lock_wait";

  private final TransactionTables tables;
  private final List<Row> rows;
  private final Sinks.Empty<Void> over = Sinks.empty();

  /** The barrier of some shards, which must be all that may lead a transaction. */
  Barrier(TransactionTables tables, Collection<ShardServers> shards) {
    this.tables = tables;
    this.rows =
        shards.stream().sorted(Comparator.comparing(ShardServers::id)).map(Row::new).toList();
  }

  /** Opens something behind the barrier. Errors if that was not held to the opening's end. */
  Mono<Void> behind(Mono<Void> opening) {
    return Mono.defer(
        () -> {
          Row first = rows.get(0);
          // Behind one lock there is one barrier at a time, whose other locks may come in any
          // order.
          List<Mono<Void>> parts = new ArrayList<>();
          parts.add(first.held());
          rows.stream().skip(1).forEach(row -> parts.add(first.locked().then(row.held())));
          parts.add(
              Flux.fromIterable(rows)
                  .flatMap(Row::locked, rows.size())
                  .collectList()
                  .flatMap(this::settled)
                  .then(opening)
                  .doOnSuccess(opened -> over.tryEmitEmpty()));
          return Mono.when(parts);
        });
  }

  /** A shard's row, locked, with the connection that holds it. */
  private record Lock(ShardServers shard, Connection connection, Located located) {}

  /** The row of a shard. */
  private final class Row {

    private final ShardServers shard;
    private final Sinks.One<Lock> lock = Sinks.one();
    private volatile boolean locked;

    Row(ShardServers shard) {
      this.shard = shard;
    }

    Mono<Lock> locked() {
      return lock.asMono();
    }

    /** Locks the row, and frees it once all is over; completes if it was locked until then. */
    Mono<Void> held() {
      return Mono.defer(
              () -> {
                ControlConnections control = shard.servers().get(0).control();
                return control.use(this::held, BOUND);
              })
          .onErrorMap(this::told)
          .contextWrite(LostChannel::quiet);
    }

    private Mono<Void> held(Connection connection) {
      return Flux.from(connection.createStatement(LOCK).execute())
          .concatMap(result -> result.map(row -> TransactionTables.located(shard.id(), row)))
          .singleOrEmpty()
          .switchIfEmpty(Mono.error(() -> TransactionTables.missing(shard.id())))
          .doOnNext(
              located -> {
                locked = true;
                lock.tryEmitValue(new Lock(shard, connection, located));
              })
          .then(over.asMono())
          .then(Mono.defer(() -> run(connection, UNLOCK)));
    }

    /** The first without its lock, as the bounds of all are met at once. */
    private ShardId slow() {
      return rows.stream()
          .filter(row -> !row.locked)
          .map(row -> row.shard.id())
          .findFirst()
          .orElse(shard.id());
    }

    private Throwable told(Throwable error) {
      if (TransactionTables.isNoTable(error)) {
        return TransactionTables.missing(shard.id());
      }
      return error instanceof TimeoutException
              || (error instanceof R2dbcException said && said.getErrorCode() == LOCK_WAIT)
          ? late(slow(), error)
          : ShardErrors.named(shard.id(), error);
    }
  }

  private static Throwable late(ShardId shard, Throwable error) {
    return new R2dbcTransientResourceException(
        shard
            + ": no snapshot within "
            + BOUND.toMillis()
            + " ms, as it did not answer, or commits or other snapshots were under way (expected: shards that answer"
            + " soon, and few snapshots at once); ask again",
        error);
  }

  private static Mono<Void> run(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then();
  }

  /** Completes when nothing that was decided before is still prepared. */
  private Mono<Void> settled(List<Lock> locks) {
    return Flux.fromIterable(locks)
        .flatMap(lock -> branches(lock).map(xid -> Map.entry(lock, xid)), locks.size())
        .collectList()
        .flatMap(prepared -> prepared.isEmpty() ? Mono.empty() : decided(locks, prepared))
        .flatMap(
            left ->
                left.isEmpty()
                    ? Mono.empty()
                    : committed(left, 1).timeout(SETTLING, Mono.error(() -> unsettled(left))));
  }

  private static Throwable unsettled(Map<Lock, Set<Xid>> left) {
    Map.Entry<Lock, Set<Xid>> one = left.entrySet().iterator().next();
    return new R2dbcTransientResourceException(
        one.getKey().shard().id()
            + ": no snapshot, as transaction "
            + one.getValue().iterator().next().transaction()
            + " is decided and not committed there within "
            + SETTLING.toMillis()
            + " ms (expected: its end, see operations().inDoubt(); on MariaDB a router that stands"
            + " still must go first); ask again later");
  }

  /** The prepared branches of the shard's server, those of others too. */
  private static Flux<Xid> branches(Lock lock) {
    return TransactionTables.branches(lock.shard().id(), lock.connection());
  }

  /** The branches whose leads have decided to commit them; no lead decides meanwhile. */
  private static Mono<Map<Lock, Set<Xid>>> decided(
      List<Lock> locks, List<Map.Entry<Lock, Xid>> prepared) {
    Map<String, Lock> leads = new HashMap<>();
    locks.forEach(lock -> leads.put(lock.located().place().key(), lock));
    Map<Lock, Set<String>> asked = new HashMap<>();
    for (Map.Entry<Lock, Xid> each : prepared) {
      Lock lead = leads.get(each.getValue().lead());
      if (lead == null) {
        if (each.getValue().place().equals(each.getKey().located().place().key())) {
          return Mono.error(unknownLead(each.getKey(), each.getValue()));
        }
        continue;
      }
      asked.computeIfAbsent(lead, any -> new HashSet<>()).add(each.getValue().transaction());
    }
    return Flux.fromIterable(asked.entrySet())
        .flatMap(each -> committing(each.getKey(), each.getValue()), locks.size())
        .collect(HashSet<String>::new, Set::add)
        .map(
            names -> {
              Map<Lock, Set<Xid>> left = new HashMap<>();
              prepared.stream()
                  .filter(each -> names.contains(each.getValue().transaction()))
                  .forEach(
                      each ->
                          left.computeIfAbsent(each.getKey(), any -> new HashSet<>())
                              .add(each.getValue()));
              return left;
            });
  }

  private static Throwable unknownLead(Lock lock, Xid branch) {
    return new R2dbcTransientResourceException(
        lock.shard().id()
            + ": no snapshot, as none of the shards leads transaction "
            + branch.transaction()
            + ", which has a prepared part (expected: a lead; wait for its end, or see"
            + " operations().inDoubt())");
  }

  private static Flux<String> committing(Lock lead, Set<String> transactions) {
    return Flux.from(lead.connection().createStatement(Decisions.committed(transactions)).execute())
        .concatMap(result -> result.map(row -> String.valueOf(row.get(0, String.class))))
        .onErrorMap(error -> ShardErrors.named(lead.shard().id(), error));
  }

  /** Waits until none of the branches is there; some may be left by a router that is lost. */
  private Mono<Void> committed(Map<Lock, Set<Xid>> branches, int look) {
    return Flux.fromIterable(branches.entrySet())
        .flatMap(
            each ->
                branches(each.getKey())
                    .filter(each.getValue()::contains)
                    .map(xid -> Map.entry(each.getKey(), xid)),
            branches.size())
        .collectList()
        .flatMap(
            left ->
                left.isEmpty()
                    ? Mono.empty()
                    : ended(look % PATIENT_LOOKS == 0 ? left : List.of())
                        .then(Mono.delay(PAUSE))
                        .then(Mono.defer(() -> committed(branches, look + 1))));
  }

  private Mono<Void> ended(List<Map.Entry<Lock, Xid>> left) {
    return Flux.fromIterable(left)
        .concatMap(
            each ->
                tables.end(each.getKey().shard(), each.getValue(), TransactionOutcome.COMMITTED))
        .then();
  }
}
