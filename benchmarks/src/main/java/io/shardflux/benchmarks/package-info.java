/** The router side by side with its alternatives. Start at {@link Bench}. */
@NullMarked
package io.shardflux.benchmarks;

import org.jspecify.annotations.NullMarked;
