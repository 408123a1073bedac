package io.shardflux.r2dbc.insert;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Timeouts;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;

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
public interface RowInserts<T> {

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
  Flux<InsertOutcome<T>> store(Publisher<? extends T> rows);
}
