package io.shardflux.r2dbc.coalesce;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardTarget;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardKey;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Reads of single keys by one statement, joined into batches where many are under way at once: see
 * {@link ShardRouter#coalesced(String, String, BiFunction, BiFunction, Coalescing)}. Immutable and
 * thread-safe; to be kept, as reads of one and the same are joined.
 *
 * <p>A read runs once for each subscription, and a batch is sent only behind the subscriptions of
 * all its reads. Each has its own result, and its own times, from its subscription on: {@link
 * Timeouts#acquire()}, or {@link Timeouts#firstRow()} if that is less, is how long it waits for a
 * batch, and {@link Timeouts#total()} how long it may take in all. {@code firstRow} and {@code gap}
 * hold the batch's statement, to what is left of the times of its last read. A directory's lookup
 * is held to the directory's own time. What a read is told, it is told when the batch's last row is
 * there, on the event loop of the batch.
 *
 * <p>A cancel ends one read and no other; the last one of a batch ends its statement. Callers of
 * equal keys in a batch get the same objects. A caller may take its rows as slowly as it likes:
 * they are kept for it, and nobody waits. Errors are those of {@link ShardTarget}, and {@link
 * ShardUnavailableException} where {@link Coalescing#maxWaiting()} reads wait already. What the
 * server refuses for one key's sake, and a row that can't be mapped, fails the reads of that key
 * alone; a row with a key that was not asked for fails the read that it was found by. Any other
 * error is that of all reads in the batch.
 *
 * @param <T> what a row is mapped to
 */
public interface KeyedReads<T> {

  /** These, joined with them, held to other times than the router's. */
  KeyedReads<T> timeouts(Timeouts other);

  /**
   * These, sent to another server than the router would. Reads in {@link
   * ShardRouter#readYourWrites()} go to primaries all the same.
   */
  KeyedReads<T> prefer(ReadPreference other);

  /** The key's row, or empty; a second one is an error, {@link TooManyRowsException}. */
  Mono<T> one(ShardKey key);

  /** The same with the shard that the row was found on, in one look-up. */
  Mono<ShardSignal.Row<T>> oneLocated(ShardKey key);

  /**
   * All rows of the key, in the order that the statement says; at most {@link
   * Coalescing#maxRows()}.
   */
  Flux<T> all(ShardKey key);
}
