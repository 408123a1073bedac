package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One shard, by a key or by name. Immutable and thread-safe. The key is located anew with each
 * subscription.
 *
 * <p>Every publisher here errors with {@link io.shardflux.router.UnroutableKeyException} if no
 * shard holds the key, and with {@link ShardUnavailableException} or {@link ShardTimeoutException}
 * if the shard doesn't answer. Otherwise it errors with the server's own error, in its R2DBC
 * category and with the shard's name in the message.
 *
 * <p>While a key moves to another shard, a statement for it goes where the key lies. Whatever may
 * write, a lent connection included, waits for the moment of the switch, for 2 s at most and within
 * {@link Timeouts#acquire()}; reads do not. Where the router can't put a statement again by itself,
 * because it belongs to a transaction or has given rows, it errors with {@link
 * TopologyChangedException}: the caller should run the transaction or the read again.
 */
public interface ShardTarget {

  /**
   * {@return a statement for the shard}
   *
   * @param sql one statement; its markers are all {@code ?} or all {@code :name}
   * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
   */
  StatementSpec sql(String sql);

  /**
   * Lends a connection of the shard, outside a transaction. The work must not close it, nor use it
   * after its publisher ended. Statements run one at a time: a second one waits for the end of the
   * first. A cancel takes the connection back, and ends a statement of which the work left rows
   * unread. The wait for the connection is held to the router's {@link Timeouts#acquire()}; the
   * work itself is held to no time.
   *
   * <p>A connection whose session may have changed is closed after its use rather than lent to
   * others. That is so if a setter was called, if it was {@linkplain io.r2dbc.spi.Wrapped
   * unwrapped}, or if a text was run that names a user variable, a lock's function or a routine, or
   * that is no plain {@code SELECT}, {@code INSERT}, {@code REPLACE}, {@code UPDATE} or {@code
   * DELETE}.
   *
   * @param <T> the type that the work gives
   * @param work uses the connection until its publisher ends; called once for each subscription
   * @return what the work gives
   */
  <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work);

  /**
   * Lends a connection of the shard inside a transaction. The transaction is committed when the
   * work completes, and rolled back when the work fails or is cancelled. Rows pass before the
   * commit; only completion says that they are committed. See {@link #inConnection}.
   *
   * @param <T> the type that the work gives
   * @param work uses the connection until its publisher ends; called once for each subscription
   * @return what the work gives
   */
  <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work);

  /**
   * Begins a transaction that the caller must end; see {@link ShardTransaction}. A cancel before it
   * is there leaves none behind.
   *
   * @param definition its isolation level and the like, as R2DBC has them
   * @return the transaction, once it has begun
   */
  Mono<ShardTransaction> begin(TransactionDefinition definition);

  /**
   * Begins a transaction with other times than the router's. They hold for its beginning, its
   * statements and the time for which it may lie idle. Its commit and its rollback are held to the
   * router's times.
   *
   * @param definition its isolation level and the like, as R2DBC has them
   * @param timeouts the times of the transaction
   * @return the transaction, once it has begun
   */
  Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts);
}
