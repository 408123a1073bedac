/**
 * Says where a row lives: keys, sharding strategies, table rules and the topology that holds them.
 * This package does no I/O. Start at {@link Topology}, then {@link ShardingStrategy}. This package
 * may use no other module.
 */
@NullMarked
package io.shardflux.router;

import org.jspecify.annotations.NullMarked;
