/**
 * One read of many shards: how far each is read ahead, what a failed shard means, and which shards
 * answered. Start at {@link Scatter}, then {@link FailurePolicy}. This package may use {@code
 * statement} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.scatter;

import org.jspecify.annotations.NullMarked;
