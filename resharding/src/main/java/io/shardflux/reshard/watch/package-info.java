/**
 * What makes a copy wait: load, lag and transactions on the servers. Start at {@link Throttle}.
 * This package may use {@code progress} and what stands below it.
 */
@NullMarked
package io.shardflux.reshard.watch;

import org.jspecify.annotations.NullMarked;
