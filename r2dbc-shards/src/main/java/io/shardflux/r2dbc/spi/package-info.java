/**
 * The part of the router that is for the SQL driver alone: the topology in force as one {@link
 * Snapshot} of a statement, and the engine of all reads of many shards. Start at {@link
 * ShardAccess}. This package may use all others but the root. Of the other modules, only the driver
 * may use it.
 */
@NullMarked
package io.shardflux.r2dbc.spi;

import org.jspecify.annotations.NullMarked;
