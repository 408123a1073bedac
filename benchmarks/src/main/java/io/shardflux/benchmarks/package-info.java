/**
 * The router side by side with its alternatives. Start at {@link Bench}. This package may use the
 * API of all modules, and nothing that they mark as internal.
 */
@NullMarked
package io.shardflux.benchmarks;

import org.jspecify.annotations.NullMarked;
