package io.shardflux.r2dbc.insert;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.insert.InsertQueue.Batch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.ServerBound;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Stores streams of rows of one table, many by one statement, and says of each row what became of
 * it. Immutable and thread-safe; see {@link ShardRouter#inserts}.
 *
 * <p>The rows of a shard are stored in the order they came, one statement after the other. There is
 * no timer: what comes for a shard while its statement is under way is its next one, at most 1,000
 * rows, 65,535 values and 1 MiB of text, and always below the server's {@code max_allowed_packet}.
 * A row above 1 MiB goes alone, and one that the server can't take is refused alone.
 *
 * <p>If a server refuses a statement for what may be one row's fault, such as a duplicate key or a
 * value that is too long, half of its rows are tried, and so on until the rows at fault stand
 * alone: each row ends as if it had been sent alone, and in order. Any other error is that of all
 * rows of the statement. No row is sent again once a server may have it.
 *
 * <p>This rests on statements being atomic: sessions are to be in autocommit mode, which they are
 * unless a URL says otherwise, and the table and all that its triggers write in InnoDB or another
 * transactional engine. Elsewhere a row that is refused may be stored all the same.
 *
 * @param <T> a row
 */
public final class RowInserts<T> {

  private final LiveShards live;
  private final String table;
  private final InsertSql sql;
  private final Function<? super T, ShardKey> key;
  private final Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values;

  @Internal
  public RowInserts(
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

  /**
   * Stores rows, and gives one outcome for each: those of one shard in the order of its rows, those
   * of different shards as they come.
   *
   * <p>At most 2,000 rows for each shard, 20,000 in all, are held until their outcomes are taken,
   * and 64 more whose shards are being looked up. While those held make 2 MiB of text for each
   * shard, 32 MiB in all, the source is asked for no more; it may owe 256 then. So a slow consumer
   * slows the source. A slow shard slows it too, but only once as many rows wait for it as may be
   * held for all shards together; one that is known to be down refuses its rows at once and slows
   * nobody.
   *
   * <p>Each statement is held to the router's {@link Timeouts}, waiting for its connection
   * included, and is a write in every other regard. Where a shard leaves the router, the rows that
   * wait for it are located anew, and come behind what already waits for their new shard.
   *
   * <p>Errors only if the source does, once all rows that it gave have their outcomes. A cancel
   * cancels the source and ends the statements under way on their servers; what became of their
   * rows is then told to nobody.
   */
  public Flux<InsertOutcome<T>> store(Publisher<? extends T> rows) {
    return new InsertFlux<>(this, rows);
  }

  InsertSql sql() {
    return sql;
  }

  /** How many shards there are now. */
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
    return where == null
        ? Mono.just(row)
        : live.asked(table, where)
            .map(row::on)
            .onErrorResume(error -> Mono.just(row.refused(error)));
  }

  /**
   * What a server said to some rows.
   *
   * @param affected how many it stored, and for {@code REPLACE} removed; null if they were too long
   *     for it and not sent
   * @param room how long statements for it may be, in bytes
   */
  record Answer(@Nullable Long affected, long room) {}

  /**
   * Sends rows to a shard by one statement.
   *
   * @param decided set by whoever is first: by this right before it sends, or by the caller, after
   *     which nothing is sent
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
                      Mono<Long> affected =
                          sql.affected(
                              connection, ServerBound.behind(timeouts, dialect), batch.rows());
                      return decided.compareAndSet(false, true)
                          ? affected.map(rows -> new Answer(rows, room))
                          : Mono.empty();
                    })));
  }
}
