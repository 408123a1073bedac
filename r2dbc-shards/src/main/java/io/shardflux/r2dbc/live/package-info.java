/**
 * The topology in force with the pools of its shards; the only place where an epoch changes. Start
 * at {@link LiveShards}, or at {@link MovingKeys} for keys that are on their way to another shard.
 * This package may use {@code shard} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.live;

import org.jspecify.annotations.NullMarked;
