/**
 * A transaction on one shard. Start at {@link ShardTransaction}. This package may use {@code live}
 * and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.transaction;

import org.jspecify.annotations.NullMarked;
