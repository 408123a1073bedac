/**
 * Reads of single keys that are joined into one statement for each shard. Start at {@link
 * KeyedReads}, then {@link ReadQueue}. This package may use {@code live} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.coalesce;

import org.jspecify.annotations.NullMarked;
