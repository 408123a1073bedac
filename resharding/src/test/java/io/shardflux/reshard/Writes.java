package io.shardflux.reshard;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Writes of users that are this writer's own, by lanes that each have users of their own: what a
 * lane was told last is what it must read. A line tells of each write: {@code stored}, {@code
 * refused}, {@code unknown}, {@code unread} or {@code wrong}, with the user's id and version.
 */
final class Writes {

  private static final int USUAL = 6;

  /** Those that write late: some of them must be between the look and the write at each switch. */
  private static final int LATE = 8;

  private static final int LANES = USUAL + LATE;

  private final ShardRouter router;
  private final int first;
  private final int step;
  private final KeyedReads<Integer> coalesced;
  private final RowInserts<Long> inserts;
  private final Map<Long, Integer> versions = new ConcurrentHashMap<>();
  private final AtomicLong fresh;

  private final Consumer<String> told;

  Writes(ShardRouter router, int first, int step, Consumer<String> told) {
    this.router = router;
    this.told = told;
    this.first = first;
    this.step = step;
    this.fresh = new AtomicLong(1_000_000L * (1 + first));
    this.coalesced =
        router.coalesced(
            "users",
            "SELECT id, version FROM users WHERE id IN (:keys)",
            (row, metadata) -> ShardKey.of(Objects.requireNonNull(row.get("id", Long.class))),
            (row, metadata) -> Objects.requireNonNull(row.get("version", Integer.class)));
    this.inserts =
        router.inserts(
            "users",
            "INSERT INTO users (id, name, version) VALUES (:id, :name, 1)",
            ShardKey::of,
            id -> Map.of("id", id, "name", Told.NAME));
  }

  /** Writes until it is over; errors of single writes are told and do not end it. */
  Mono<Void> until(BooleanSupplier over) {
    return Flux.range(0, LANES)
        .flatMap(
            lane -> Mono.defer(() -> one(lane)).then(pause()).repeat(() -> !over.getAsBoolean()),
            LANES)
        .then();
  }

  /** Leaves the machine to the movers, too. */
  private static Mono<Long> pause() {
    return Mono.defer(() -> Mono.delay(Duration.ofMillis(ThreadLocalRandom.current().nextInt(10))));
  }

  private Mono<Void> one(int lane) {
    if (lane >= USUAL) {
      return late(lane);
    }
    return switch (ThreadLocalRandom.current().nextInt(9)) {
      case 0 -> stored();
      case 8 -> counted(lane);
      case 1, 2 -> changed(lane, this::inTransaction);
      default -> changed(lane, this::update);
    };
  }

  /**
   * As a process that stood still in between: only the fence keeps such a write from being lost.
   */
  private Mono<Void> late(int lane) {
    long id = user(lane);
    int before = versions.getOrDefault(id, 0);
    return before < 0
        ? Mono.empty()
        : router
            .locate("users", ShardKey.of(id))
            .delayElement(Duration.ofMillis(ThreadLocalRandom.current().nextInt(800)))
            .flatMap(
                shard ->
                    router
                        .on(shard)
                        .sql(
                            "UPDATE users SET version = :next WHERE id = :id AND version = :before")
                        .bind("next", before + 1)
                        .bind("before", before)
                        .bind("id", id)
                        .rowsUpdated())
            .doOnNext(
                rows -> {
                  if (rows == 1) {
                    versions.put(id, before + 1);
                    told.accept("late " + id + " " + (before + 1));
                  }
                })
            .onErrorResume(
                error -> {
                  if (error instanceof R2dbcException said
                      && said.getErrorCode() == Capture.FENCED) {
                    told.accept("fenced " + id);
                  } else {
                    versions.put(id, -1);
                    told.accept("unknown " + id + " " + (before + 1) + " late: " + error);
                  }
                  return Mono.empty();
                })
            .then();
  }

  /** A key of a table that does not move. */
  private Mono<Void> counted(int lane) {
    if (!router.topology().tables().containsKey("counters")) {
      return Mono.empty();
    }
    long id = 1L + first + (long) step * lane;
    return router
        .on("counters", ShardKey.of(id))
        .sql("INSERT INTO counters VALUES (:id, 1) ON DUPLICATE KEY UPDATE n = n + 1")
        .bind("id", id)
        .timeouts(Timeouts.defaults())
        .rowsUpdated()
        .doOnNext(rows -> told.accept("served " + id))
        .onErrorResume(
            error -> {
              told.accept("unserved " + id + " " + error);
              return Mono.empty();
            })
        .then();
  }

  private long user(int lane) {
    int ofProcess = Told.USERS / step / LANES;
    return 1L
        + first
        + (long) step * (lane + LANES * ThreadLocalRandom.current().nextInt(ofProcess));
  }

  private Mono<Void> stored() {
    return inserts
        .store(Flux.range(0, 3).map(i -> fresh.incrementAndGet()))
        .doOnNext(
            outcome -> {
              if (outcome instanceof InsertOutcome.Stored<Long> stored) {
                told.accept("stored " + stored.row() + " 1");
              } else if (outcome instanceof InsertOutcome.Refused<Long> refused) {
                told.accept("refused " + refused.row() + " 1 " + refused.error());
              } else {
                told.accept("unknown " + outcome.row() + " 1 " + outcome);
              }
            })
        .then();
  }

  private interface Change {
    Mono<Long> of(long id, int next);
  }

  private Mono<Void> changed(int lane, Change change) {
    long id = user(lane);
    int before = versions.getOrDefault(id, 0);
    if (before < 0) {
      // An earlier write of it had no known end.
      return Mono.empty();
    }
    return change
        .of(id, before + 1)
        .doOnNext(
            rows -> {
              versions.put(id, before + 1);
              told.accept(
                  (rows == 1 ? "stored " : "wrong rows " + rows + " ") + id + " " + (before + 1));
            })
        .then(Mono.defer(() -> read(id, before + 1)))
        .onErrorResume(
            error -> {
              if (versions.getOrDefault(id, 0) == before) {
                versions.put(id, -1);
                told.accept("unknown " + id + " " + (before + 1) + " " + error);
              } else {
                told.accept("unread " + id + " " + error);
              }
              return Mono.empty();
            });
  }

  private Mono<Long> update(long id, int next) {
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = :next WHERE id = :id AND version = :next - 1")
        .bind("next", next)
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> inTransaction(long id, int next) {
    return router
        .on("users", ShardKey.of(id))
        .inTransaction(
            connection ->
                run(connection, "UPDATE users SET version = " + next + " WHERE id = " + id)
                    .flatMap(
                        rows ->
                            run(
                                    connection,
                                    "INSERT INTO orders (user_id, no) VALUES ("
                                        + id
                                        + ", "
                                        + next
                                        + ")")
                                .thenReturn(rows)))
        // Only the end of the transaction says that the write is stored.
        .collectList()
        .map(rows -> rows.get(0));
  }

  private static Mono<Long> run(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(result -> result.getRowsUpdated())
        .reduce(0L, Long::sum);
  }

  private Mono<Void> read(long id, int expected) {
    Mono<Integer> read =
        ThreadLocalRandom.current().nextBoolean()
            ? coalesced.one(ShardKey.of(id))
            : router
                .on("users", ShardKey.of(id))
                .sql("SELECT version FROM users WHERE id = :id")
                .bind("id", id)
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, Integer.class)))
                .one();
    return read.defaultIfEmpty(-1)
        .doOnNext(
            found -> {
              if (found != expected) {
                told.accept("wrong read " + id + " " + found + " behind " + expected);
              }
            })
        .then();
  }
}
