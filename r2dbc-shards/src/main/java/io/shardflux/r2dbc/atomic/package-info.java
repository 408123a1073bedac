/**
 * Transactions over several shards: reads anywhere, and writes of all or none, without a
 * coordinator. Start at {@link io.shardflux.r2dbc.atomic.SpanningTransactions}, which begins a
 * {@link io.shardflux.r2dbc.atomic.SpanningTransaction}. That is what the SQL driver needs, too:
 *
 * <pre>{@code
 * SpanningTransaction transaction = transactions.begin(definition, timeouts);
 * transaction.sql(shard, statement, entrance)  // a statement of a snapshot; the shard joins by it
 * transaction.commit()                         // or rollback(), or a savepoint's methods
 * }</pre>
 *
 * <p>The first shard that joins leads, by a plain transaction; the others begin XA branches. {@code
 * Commit} is the protocol: the branches that wrote are prepared, then the lead commits its own rows
 * and a row of {@code shardflux_decision} at once, then the branches are committed. {@code
 * Recovery} ends what a lost router left behind: for a prepared branch whose transaction has no
 * decision it inserts one to roll back, which the lead's own insert then meets. {@code Admission}
 * keeps transactions from waiting for each other's connections.
 *
 * <p>This package may use {@code transaction} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.atomic;

import org.jspecify.annotations.NullMarked;
