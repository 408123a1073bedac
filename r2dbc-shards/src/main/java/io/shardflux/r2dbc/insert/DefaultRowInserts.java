package io.shardflux.r2dbc.insert;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.LocateAnew;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.insert.InsertQueue.Batch;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Patience;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.KeyPlace;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Rows of a statement to the live shards. */
final class DefaultRowInserts<T> implements RowInserts<T> {

  static final int LOOKUPS_AT_ONCE = 64;

  private final LiveShards live;
  private final String table;
  private final InsertSql sql;
  private final Function<? super T, ShardKey> key;
  private final Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values;

  DefaultRowInserts(
      LiveShards live,
      String table,
      InsertSql sql,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values) {
    this.live = live;
    this.table = table;
    this.sql = sql;
    this.key = key;
    this.values = values;
  }

  @Override
  public Flux<InsertOutcome<T>> store(Publisher<? extends T> rows) {
    return new InsertFlux<>(this, rows);
  }

  InsertSql sql() {
    return sql;
  }

  /** The current number of shards. */
  int shards() {
    return live.topology().shards().size();
  }

  /** A row with its values, or with why it has none. */
  InsertRow<T> read(T row) {
    try {
      @Nullable Object[] bound =
          sql.values(
              Objects.requireNonNull(
                  values.apply(row), "values: null (expected: one for each marker)"));
      ShardKey where =
          Objects.requireNonNull(key.apply(row), "key: null (expected: where the row lies)");
      return InsertRow.of(row, where, bound, sql.bytes(bound));
    } catch (Throwable e) {
      Exceptions.throwIfFatal(e);
      return InsertRow.refused(row, e);
    }
  }

  /** The row with its shard, or with why it has none. Never errors. */
  Mono<InsertRow<T>> place(InsertRow<T> row) {
    ShardKey where = row.key();
    return where == null ? Mono.just(row) : Mono.defer(() -> place(row, where));
  }

  private Mono<InsertRow<T>> place(InsertRow<T> row, ShardKey where) {
    // A row may wait for long, and its key leave that shard meanwhile.
    long epoch = live.topology().epoch();
    return live.asked(table, where, live.timeouts(), true)
        .map(shard -> row.on(shard, epoch))
        .onErrorResume(error -> Mono.just(row.refused(error)));
  }

  /**
   * Some rows with their shards once more, in their order, because a shard did not take them as
   * their keys move. Never errors.
   */
  Mono<List<InsertRow<T>>> placedAnew(List<InsertRow<T>> rows) {
    Duration pause = Duration.ofMillis(rows.get(0).moves() == 1 ? 0 : 5L << rows.get(0).moves());
    Duration acquire = live.timeouts().acquire();
    return (live.followed() ? live.confirm(acquire) : live.know(table, acquire))
        // Where it does not answer, the rows' own places say so.
        .onErrorComplete()
        .then(Mono.delay(pause))
        .thenMany(Flux.fromIterable(rows))
        .flatMapSequential(this::place, LOOKUPS_AT_ONCE, 1)
        .collectList();
  }

  /** Tells whether all rows may still be sent to that shard. */
  private Mono<Boolean> stay(ShardId shard, Batch<T> batch) {
    return Mono.defer(
        () -> {
          // Before the look at the epoch: what is confirmed later may be a later one.
          boolean sure = live.confirmed();
          boolean followed = live.followed();
          Epoch epoch = live.epoch();
          List<ShardKey> keys = new ArrayList<>(batch.size());
          batch.rows().forEach(row -> keys.add(Objects.requireNonNull(row.key())));
          return epoch
              .places(table, keys)
              .map(
                  places ->
                      followed
                          && places.stream()
                              .allMatch(
                                  place -> place.shard().equals(shard) && takes(place, sure)));
        });
  }

  /** Tells whether all rows lie as they did when they were located, and none of them moves. */
  private boolean rest(Batch<T> batch) {
    boolean followed = live.followed();
    Epoch epoch = live.epoch();
    return followed
        && epoch.moving(table) == null
        && batch.rows().stream().allMatch(row -> row.located() == epoch.topology().epoch());
  }

  private static boolean takes(KeyPlace place, boolean sure) {
    Step step = place.step();
    return step == null || (sure && !step.phase().waits());
  }

  /**
   * A server's answer to some rows.
   *
   * @param affected the number of rows that it stored, and for {@code REPLACE} removed; null if
   *     they were too long for it and not sent
   * @param room the length that statements for it may have, in bytes
   */
  record Answer(@Nullable Long affected, long room) {}

  /**
   * Sends rows to a shard by one statement.
   *
   * @param decided set by the first of two: by this method right before it sends, or by the caller,
   *     after which nothing is sent
   */
  Flux<Answer> send(ShardId shard, Batch<T> batch, AtomicBoolean decided) {
    Timeouts timeouts = live.timeouts();
    return live.onLocated(
        shard,
        servers ->
            servers.run(
                Work.of(
                    sql.template(),
                    Work.Terms.of(timeouts).asWrite(),
                    (connection, dialect) -> {
                      long room = servers.maxPacket(connection) - 1;
                      if (batch.bytes() > room) {
                        return Mono.just(new Answer(null, room));
                      }
                      return rest(batch)
                          ? sent(connection, dialect, batch, room, decided)
                          : stay(shard, batch)
                              .flatMap(
                                  all ->
                                      all
                                          ? sent(connection, dialect, batch, room, decided)
                                          : Mono.error(anew()));
                    })));
  }

  private LocateAnew anew() {
    return new LocateAnew(live.followed() ? LocateAnew.After.NOTHING : LocateAnew.After.FOLLOWING);
  }

  /** The error of a row that was located again and again, and never sent. */
  Throwable neverSent(ShardId shard, LocateAnew error) {
    return error.after() == LocateAnew.After.FOLLOWING
        ? Patience.unfollowed(table, shard, live.timeouts().acquire(), error)
        : TopologyChangedException.of(
            shard, "its key moves again and again (expected: one that stays; try again)");
  }

  private Mono<Answer> sent(
      Connection connection, Dialect dialect, Batch<T> batch, long room, AtomicBoolean decided) {
    Mono<Long> affected = sql.affected(connection, dialect, live.timeouts(), batch.rows());
    return decided.compareAndSet(false, true)
        ? affected.map(rows -> new Answer(rows, room))
        : Mono.empty();
  }
}
