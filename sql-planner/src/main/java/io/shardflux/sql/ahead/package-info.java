/**
 * Reads whose subqueries run first, as statements of their own, so that the rest is planned with
 * known values. Start at {@link AheadPlanner}, then {@link Ahead}. This package may use {@code
 * analysis} and what stands below it.
 */
@NullMarked
package io.shardflux.sql.ahead;

import org.jspecify.annotations.NullMarked;
