package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One shard, by a key or by name. Immutable and thread-safe; where the key lies is asked anew with
 * each subscription.
 *
 * <p>Everything here errors with {@link io.shardflux.router.UnroutableKeyException} where no shard
 * holds the key, with {@link ShardUnavailableException} or {@link ShardTimeoutException} where the
 * shard doesn't answer, and else with what the server says, in its R2DBC category and with the
 * shard's name in the message.
 */
public interface ShardTarget {

  /**
   * A statement for the shard.
   *
   * @param sql one statement, its markers all {@code ?} or all {@code :name}
   * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
   */
  StatementSpec sql(String sql);

  /**
   * Lends a connection of the shard, outside a transaction. The work must not close it, nor use it
   * after its publisher ended. One statement at a time: a second one waits for the end of the
   * first. A cancel takes the connection back, and a statement of which the work left rows unread
   * is ended with it. The wait for the connection is held to the router's {@link
   * Timeouts#acquire()}; the work itself is held to no time.
   *
   * <p>A connection whose session may be other than it was is closed behind its user rather than
   * lent to others: one on which a setter was called, a text was run that is no plain {@code
   * SELECT}, {@code INSERT}, {@code REPLACE}, {@code UPDATE} or {@code DELETE} or that names a user
   * variable, a lock's function or a routine, or that was {@linkplain io.r2dbc.spi.Wrapped
   * unwrapped}.
   */
  <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work);

  /**
   * Lends a connection of the shard inside a transaction: committed when the work completes, rolled
   * back when it fails or is cancelled. Rows pass before the commit; only completion says that they
   * are committed. See {@link #inConnection}.
   */
  <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work);

  /**
   * Begins a transaction whose end is the caller's to say; see {@link ShardTransaction}. A cancel
   * before it is there leaves none behind.
   *
   * @param definition its isolation level and the like, as R2DBC has them
   */
  Mono<ShardTransaction> begin(TransactionDefinition definition);

  /**
   * The same with other times than the router's for its beginning, its statements and how long it
   * may lie idle; its commit and its rollback are held to the router's.
   */
  Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts);
}
