/** Where a row lives: keys, sharding strategies, table rules and the topology that holds them. */
@NullMarked
package io.shardflux.router;

import org.jspecify.annotations.NullMarked;
