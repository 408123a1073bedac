package io.shardflux.r2dbc.atomic;

import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import reactor.core.publisher.Mono;

/**
 * A transaction over the shards of a router. A shard joins at its first statement, in a transaction
 * there: each shard has its own view of its rows, at the isolation that was asked for, begun at its
 * first statement. {@link TransactionMode} says which shards may be written. A refused statement
 * was not sent, and leaves the transaction open.
 *
 * <p>What it wrote is committed on all shards or on none. It is not isolated over shards: another
 * reader may see one shard's part a moment before the other's. Locks are held to the end on every
 * shard. No server sees two transactions that wait for each other on two shards; such a wait ends
 * by the statement's {@link Timeouts}, with a transient error, and so does a wait for a connection
 * by {@link Timeouts#acquire()}.
 *
 * <p>A connection that is lost before the commit has all rolled back. So has a transaction that is
 * not used for {@link Timeouts#total()}. Thread-safe. Statements on one shard run one after the
 * other, those on several shards at once if they are subscribed to at once.
 */
public interface RouterTransaction {

  /**
   * {@return the shard of a key, inside the transaction} The key is located with each subscription.
   *
   * @param table the name of a sharded or pinned table, as its rule has it
   * @param key the key
   */
  TransactionTarget on(String table, ShardKey key);

  /**
   * {@return a shard by name, inside the transaction}
   *
   * @param shard the shard's name
   */
  TransactionTarget on(ShardId shard);

  /**
   * Sets a savepoint on all shards, those too that join later.
   *
   * @param name the savepoint's name, from 1 to 64 characters
   * @return completes when the savepoint is there
   */
  Mono<Void> createSavepoint(String name);

  /**
   * Releases a savepoint on all shards.
   *
   * @param name the savepoint's name
   * @return completes when the savepoint is gone
   */
  Mono<Void> releaseSavepoint(String name);

  /**
   * Undoes the changes since a savepoint on all shards. A shard that joined later is rolled back to
   * its beginning.
   *
   * @param name the savepoint's name
   * @return completes when the changes are undone
   */
  Mono<Void> rollbackToSavepoint(String name);

  /** A shard inside a transaction. */
  interface TransactionTarget {

    /**
     * {@return a statement inside the transaction} Reads go to the primary, and once. A statement
     * that looks like a read and writes all the same, by a function, must be marked by {@link
     * StatementSpec#write()}: what is not marked may be committed apart from the rest.
     *
     * @param sql one statement; its markers are all {@code ?} or all {@code :name}
     * @throws IllegalArgumentException if it is empty, above 1 MiB, or mixes both kinds of marker
     */
    StatementSpec sql(String sql);
  }
}
