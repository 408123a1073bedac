package io.shardflux.reshard;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Writes of every kind by lanes that each have users of their own: what a lane was told last is
 * what it must read. {@link Ledger} has the words of the lines that tell of them.
 */
final class EveryWrite {

  private static final int USUAL = 6;

  /** Milliseconds, at most; longer in runs of many moves, of which each copies all rows anew. */
  private static final int PAUSE = ProcessesFixture.KILLS > 1 ? 250 : 30;

  /** Those that write some time after they have looked for the shard. */
  private static final int LATE = 2;

  static final int LANES = USUAL + LATE;

  /** The time before a late write in a process that is about to stand still. */
  private static final Duration STANDING = Duration.ofSeconds(2);

  private final ShardRouter router;
  private final ConnectionFactory sql;
  private final int first;
  private final int step;
  private final KeyedReads<Integer> coalesced;
  private final RowInserts<Long> inserts;
  private final Map<Long, Integer> versions = new ConcurrentHashMap<>();
  private final AtomicLong fresh;
  private final AtomicInteger busy = new AtomicInteger();
  private final AtomicInteger waiting = new AtomicInteger();
  private final Consumer<String> told;
  private volatile Mode mode = Mode.WRITE;

  /** What begins. */
  enum Mode {
    /** Writes of all kinds. */
    WRITE,
    /**
     * Late writes alone. None of their transactions has used a moving table, so that it does not
     * hold the move up if the process stands still.
     */
    CALM,
    REST
  }

  EveryWrite(ShardRouter router, int first, int step, Consumer<String> told) {
    this.router = router;
    this.sql = ShardfluxConnectionFactory.of(router);
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
            "INSERT INTO users (id, version) VALUES (:id, 1)",
            ShardKey::of,
            id -> Map.of("id", id));
  }

  /** Writes until it is over; errors of single writes are told and do not end it. */
  Mono<Void> until(BooleanSupplier over) {
    return Flux.range(0, LANES)
        .flatMap(
            lane -> Mono.defer(() -> one(lane)).then(pause()).repeat(() -> !over.getAsBoolean()),
            LANES)
        .then();
  }

  /** Completes when only such writes are under way, and in calm each lane waits with one. */
  Mono<Void> turn(Mode wanted) {
    mode = wanted;
    return Mono.fromSupplier(
            () ->
                switch (wanted) {
                  case WRITE -> true;
                  case CALM -> waiting.get() == LANES;
                  case REST -> busy.get() == 0;
                })
        .filter(turned -> turned)
        .repeatWhenEmpty(Integer.MAX_VALUE, looks -> looks.delayElements(Duration.ofMillis(5)))
        .then();
  }

  /** Leaves the machine to the movers, too. */
  private static Mono<Long> pause() {
    return Mono.defer(
        () -> Mono.delay(Duration.ofMillis(ThreadLocalRandom.current().nextInt(PAUSE))));
  }

  private Mono<Void> one(int lane) {
    busy.incrementAndGet();
    return some(lane).doFinally(end -> busy.decrementAndGet());
  }

  private Mono<Void> some(int lane) {
    if (mode == Mode.REST) {
      return Mono.empty();
    }
    if (mode == Mode.CALM || lane >= USUAL) {
      return lane % 2 == 0 ? late(lane) : changed("late-transaction", lane, this::lateTransaction);
    }
    return switch (ThreadLocalRandom.current().nextInt(20)) {
      case 0, 1 -> stored();
      case 2, 3 -> counted(lane);
      case 4, 5, 6 -> changed("transaction", lane, this::inTransaction);
      case 7, 8 -> changed("sql", lane, this::bySql);
      case 9, 10 -> changed("sql-transaction", lane, this::inSqlTransaction);
      case 11, 12 -> storedJointly();
      case 13, 14 -> changedJointly(lane);
      default -> changed("single", lane, this::update);
    };
  }

  /** As a process that stood still in between, and a while also in calm. */
  private <T> Mono<T> later(Mono<T> work) {
    Duration time =
        mode == Mode.CALM ? STANDING : Duration.ofMillis(ThreadLocalRandom.current().nextInt(800));
    return Mono.defer(
            () -> {
              waiting.incrementAndGet();
              return Mono.delay(time).doFinally(end -> waiting.decrementAndGet());
            })
        .then(work);
  }

  /** Past the router's look: only the fence keeps such a write from being lost. */
  private Mono<Void> late(int lane) {
    long id = user(lane);
    int before = versions.getOrDefault(id, 0);
    if (before < 0) {
      return Mono.empty();
    }
    String change =
        "UPDATE users SET version = " + (before + 1) + " WHERE id = " + id + " AND version = ";
    return router
        .locate("users", ShardKey.of(id))
        .flatMap(shard -> later(router.on(shard).sql(change + before).rowsUpdated()))
        .doOnNext(
            rows -> {
              if (rows == 1) {
                acknowledged("late", id, before + 1);
              }
            })
        .onErrorResume(
            error -> {
              if (error instanceof R2dbcException said && said.getErrorCode() == Capture.FENCED) {
                told.accept(Ledger.FENCED + " " + id);
              } else {
                unknown("late", id, before + 1, error);
              }
              return Mono.empty();
            })
        .then();
  }

  private void acknowledged(String kind, long id, int version) {
    versions.put(id, version);
    told.accept(Ledger.STORED + " " + kind + " " + id + " " + version);
  }

  private void unknown(String kind, long id, int version, Throwable error) {
    versions.put(id, -1);
    told.accept(Ledger.UNKNOWN + " " + kind + " " + id + " " + version + " " + error);
  }

  /** A key of a table that does not move. */
  private Mono<Void> counted(int lane) {
    long id = 1L + first + (long) step * lane;
    return router
        .on("counters", ShardKey.of(id))
        .sql("INSERT INTO counters VALUES (:id, 1) ON DUPLICATE KEY UPDATE n = n + 1")
        .bind("id", id)
        .rowsUpdated()
        .doOnNext(rows -> told.accept(Ledger.SERVED + " " + id))
        .onErrorResume(
            error -> {
              told.accept(Ledger.UNSERVED + " " + id + " " + error);
              return Mono.empty();
            })
        .then();
  }

  private long user(int lane) {
    int ofLane = Ledger.USERS / step / LANES;
    return 1L + first + (long) step * (lane + LANES * ThreadLocalRandom.current().nextInt(ofLane));
  }

  private List<Long> freshOnes() {
    return LongStream.range(0, 3).mapToObj(i -> fresh.incrementAndGet()).toList();
  }

  private Mono<Void> stored() {
    return inserts
        .store(Flux.fromIterable(freshOnes()))
        .doOnNext(
            outcome -> {
              if (outcome instanceof InsertOutcome.Stored<Long> stored) {
                acknowledged("inserts", stored.row(), 1);
              } else if (outcome instanceof InsertOutcome.Refused<Long> refused) {
                unknown("inserts", refused.row(), 1, refused.error());
              } else {
                unknown("inserts", outcome.row(), 1, new IllegalStateException(outcome.toString()));
              }
            })
        .then();
  }

  /** One statement with rows of several shards. */
  private Mono<Void> storedJointly() {
    List<Long> ids = freshOnes();
    String rows = ids.stream().map(id -> "(" + id + ", 1)").collect(Collectors.joining(", "));
    return CopyFixture.changed(sql, "INSERT INTO users (id, version) VALUES " + rows)
        .doOnNext(count -> joint("joint-insert", ids, 1, count))
        .onErrorResume(
            error -> {
              ids.forEach(id -> unknown("joint-insert", id, 1, error));
              return Mono.empty();
            })
        .then();
  }

  private void joint(String kind, List<Long> ids, int version, long count) {
    if (count == ids.size()) {
      ids.forEach(id -> acknowledged(kind, id, version));
    } else {
      told.accept(Ledger.WRONG + " rows " + count + " of " + ids + " by " + kind);
    }
  }

  /** One statement that changes users of several shards, which have the same version by it. */
  private Mono<Void> changedJointly(int lane) {
    List<Long> ids = List.of(user(lane), user(lane)).stream().distinct().toList();
    if (ids.stream().anyMatch(id -> versions.getOrDefault(id, 0) < 0)) {
      return Mono.empty();
    }
    int next = 1 + ids.stream().mapToInt(id -> versions.getOrDefault(id, 0)).max().orElseThrow();
    String named = ids.stream().map(String::valueOf).collect(Collectors.joining(", "));
    return CopyFixture.changed(
            sql, "UPDATE users SET version = " + next + " WHERE id IN (" + named + ")")
        .doOnNext(count -> joint("joint-update", ids, next, count))
        .thenMany(Flux.fromIterable(ids).concatMap(id -> read(id, next)))
        .then()
        .onErrorResume(
            error -> {
              ids.forEach(id -> failed("joint-update", id, next, error));
              return Mono.empty();
            });
  }

  private interface Change {
    Mono<Long> of(long id, int next);
  }

  private Mono<Void> changed(String kind, int lane, Change change) {
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
              if (rows == 1) {
                acknowledged(kind, id, before + 1);
              } else {
                versions.put(id, before + 1);
                told.accept(Ledger.WRONG + " rows " + rows + " of " + id + " by " + kind);
              }
            })
        .then(Mono.defer(() -> read(id, before + 1)))
        .onErrorResume(
            error -> {
              failed(kind, id, before + 1, error);
              return Mono.empty();
            });
  }

  private void failed(String kind, long id, int next, Throwable error) {
    if (versions.getOrDefault(id, 0) < next) {
      unknown(kind, id, next, error);
    } else {
      told.accept(Ledger.UNREAD + " " + id + " " + error);
    }
  }

  private static String changed(long id, int next) {
    return "UPDATE users SET version = " + next + " WHERE id = " + id + " AND version < " + next;
  }

  private static String ordered(long id, int next) {
    return "INSERT INTO orders (user_id, no) VALUES (" + id + ", " + next + ")";
  }

  private Mono<Long> update(long id, int next) {
    return router
        .on("users", ShardKey.of(id))
        .sql("UPDATE users SET version = :next WHERE id = :id AND version < :next")
        .bind("next", next)
        .bind("id", id)
        .rowsUpdated();
  }

  private Mono<Long> bySql(long id, int next) {
    return CopyFixture.changed(sql, changed(id, next));
  }

  private Mono<Long> inTransaction(long id, int next) {
    return transaction(id, connection -> both(connection, id, next));
  }

  /** It has begun on its shard before, and has used no table whose keys move. */
  private Mono<Long> lateTransaction(long id, int next) {
    return transaction(
        id,
        connection ->
            Flux.from(connection.createStatement("SELECT COUNT(*) FROM counters").execute())
                .concatMap(result -> result.map((row, metadata) -> 1))
                .then(later(both(connection, id, next))));
  }

  private Mono<Long> transaction(long id, Function<Connection, Mono<Long>> work) {
    return router
        .on("users", ShardKey.of(id))
        .inTransaction(work)
        // Only the end of the transaction says that the write is stored.
        .collectList()
        .map(rows -> rows.get(0));
  }

  private static Mono<Long> both(Connection connection, long id, int next) {
    return run(connection, changed(id, next))
        .flatMap(rows -> run(connection, ordered(id, next)).thenReturn(rows));
  }

  private Mono<Long> inSqlTransaction(long id, int next) {
    return Mono.usingWhen(
        sql.create(),
        connection ->
            Mono.from(connection.beginTransaction())
                .then(both(connection, id, next))
                .flatMap(rows -> Mono.from(connection.commitTransaction()).then(Mono.just(rows))),
        Connection::close);
  }

  private static Mono<Long> run(Connection connection, String text) {
    return Flux.from(connection.createStatement(text).execute())
        .concatMap(Result::getRowsUpdated)
        .reduce(0L, Long::sum);
  }

  private Mono<Void> read(long id, int expected) {
    return found(id)
        .defaultIfEmpty(-1)
        .doOnNext(
            found ->
                told.accept(
                    found == expected
                        ? Ledger.READ + " " + id
                        : Ledger.WRONG + " read " + id + " " + found + " behind " + expected))
        .then();
  }

  private Mono<Integer> found(long id) {
    return switch (ThreadLocalRandom.current().nextInt(3)) {
      case 0 -> coalesced.one(ShardKey.of(id));
      case 1 ->
          CopyFixture.read(sql, "SELECT version FROM users WHERE id = " + id)
              .next()
              .map(Integer::valueOf);
      default ->
          router
              .on("users", ShardKey.of(id))
              .sql("SELECT version FROM users WHERE id = :id")
              .bind("id", id)
              .map((row, metadata) -> Objects.requireNonNull(row.get(0, Integer.class)))
              .one();
    };
  }
}
