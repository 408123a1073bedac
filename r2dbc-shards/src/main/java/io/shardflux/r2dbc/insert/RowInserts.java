package io.shardflux.r2dbc.insert;

import io.shardflux.r2dbc.settings.Timeouts;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;

/**
 * Stores streams of rows of one table, many by one statement, and gives an outcome for each row.
 * Immutable and thread-safe; see {@code ShardRouter.inserts}.
 *
 * <p>The rows of a shard are stored in the order in which they came, one statement after the other.
 * There is no timer: the rows that come for a shard while its statement is under way are its next
 * statement. A statement has at most 1,000 rows, 65,535 values and 1 MiB of text, and is always
 * below the server's {@code max_allowed_packet}. A row above 1 MiB goes alone, and a row that the
 * server can't take is refused alone.
 *
 * <p>A server may refuse a statement for an error that one row can cause, such as a duplicate key
 * or a value that is too long. Then half of its rows are tried, and so on until the rows at fault
 * stand alone. Each row ends as if it had been sent alone, and in order. Any other error is that of
 * all rows of the statement. No row is sent again once a server may have it.
 *
 * <p>This requires that statements are atomic. Sessions must be in autocommit mode, which they are
 * unless a URL says otherwise. The table and all that its triggers write must be in InnoDB or
 * another transactional engine. Otherwise a row that is refused may be stored all the same.
 *
 * @param <T> a row
 */
public interface RowInserts<T> {

  /**
   * Stores rows, and gives one outcome for each. Outcomes of one shard come in the order of its
   * rows, those of different shards as they come.
   *
   * <p>At most 2,000 rows for each shard, 20,000 in all, are held until their outcomes are taken,
   * and 64 more whose shards are being looked up. While those held make 2 MiB of text for each
   * shard, 32 MiB in all, the source is asked for no more rows; it may then still owe 256. So a
   * slow consumer slows the source. A slow shard slows the source too, but only once as many rows
   * wait for it as may be held for all shards together. A shard that is known to be down refuses
   * its rows at once and slows nothing.
   *
   * <p>Each statement is held to the router's {@link Timeouts}, waiting for its connection
   * included, and is a write in every other regard. If a shard leaves the router, the rows that
   * wait for it are located anew, and come behind the rows that already wait for their new shard.
   *
   * <p>Errors only if the source does, once all rows that it gave have their outcomes. A cancel
   * cancels the source and ends the statements under way on their servers; the outcomes of their
   * rows are lost.
   *
   * @param rows the rows to store
   * @return one outcome for each row
   */
  Flux<InsertOutcome<T>> store(Publisher<? extends T> rows);
}
