/**
 * The topology in force with the pools of its shards; the only place where an epoch changes. Start
 * at {@link LiveShards}, or at {@link MovingKeys} for keys that are on their way to another shard.
 * This package may use {@code shard} and what stands below it.
 *
 * <p>What moves keys must keep to this. A shard refuses a write to keys that left it by error 45001
 * with a message that begins with {@code shardflux: }, until the last of their rows is gone. It
 * keeps those rows for a lease and for the time that the longest statement may wait for its
 * connection: a statement that was located before its table was on the way is not looked at when
 * its answer comes. A phase that lets writes wait is published only while routers hear of the next
 * one.
 */
@NullMarked
package io.shardflux.r2dbc.live;

import org.jspecify.annotations.NullMarked;
