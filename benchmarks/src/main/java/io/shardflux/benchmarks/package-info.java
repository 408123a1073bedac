/** The router side by side with what one would take instead. */
@NullMarked
package io.shardflux.benchmarks;

import org.jspecify.annotations.NullMarked;
