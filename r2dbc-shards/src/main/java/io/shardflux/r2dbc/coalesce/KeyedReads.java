package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardKey;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Reads of single keys by one statement, joined into batches where many are under way at once: see
 * {@code ShardRouter.coalesced}. Immutable and thread-safe. Keep it, because only reads of the same
 * object are joined.
 *
 * <p>A read runs once for each subscription, and a batch is sent only after the subscriptions of
 * all its reads. Each read has its own result, and its own times, from its subscription on. It
 * waits for a batch for {@link Timeouts#acquire()}, or {@link Timeouts#firstRow()} if that is less,
 * and may take {@link Timeouts#total()} in all. {@code firstRow} and {@code gap} hold the batch's
 * statement, to what is left of the times of its last read. A directory's lookup is held to the
 * directory's own time. A read gets its result when the batch's last row is there, on the event
 * loop of the batch.
 *
 * <p>A cancel ends one read and no other. The last cancel of a batch ends its statement. Callers of
 * equal keys in a batch get the same objects. A caller may take its rows as slowly as it likes:
 * they are kept for it, and no other caller waits.
 *
 * <p>Errors are those of {@code ShardTarget}, and {@link
 * io.shardflux.r2dbc.failure.ShardUnavailableException} where {@link
 * CoalescingOptions#maxWaiting()} reads wait already. If the server refuses one key, or a row can't
 * be mapped, only the reads of that key fail. A row with a key that was not asked for fails the
 * read that found it. Any other error is that of all reads in the batch.
 *
 * @param <T> the type of a mapped row
 */
public interface KeyedReads<T> {

  /**
   * {@return these reads, joined with them, held to other times than the router's}
   *
   * @param other the times of each read
   */
  KeyedReads<T> timeouts(Timeouts other);

  /**
   * {@return these reads, sent to another server than the router would} Reads in {@code
   * ShardRouter.readYourWrites()} go to primaries all the same.
   *
   * @param other the server to read from
   */
  KeyedReads<T> prefer(ReadPreference other);

  /**
   * {@return the key's row, or empty} A second row is an error, {@link TooManyRowsException}.
   *
   * @param key the key to read
   */
  Mono<T> one(ShardKey key);

  /**
   * {@return the key's row with the shard that it was found on, in one look-up; empty or an error
   * as {@link #one}}
   *
   * @param key the key to read
   */
  Mono<ShardSignal.Row<T>> oneLocated(ShardKey key);

  /**
   * {@return all rows of the key, in the order of the statement; at most {@link
   * CoalescingOptions#maxRows()}}
   *
   * @param key the key to read
   */
  Flux<T> all(ShardKey key);
}
