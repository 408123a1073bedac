/**
 * Counts, events and observations of what the router does. Start at {@link ShardStatistics}, then
 * {@link ShardObservation}. This package may use {@code failure} and {@code settings}.
 */
@NullMarked
package io.shardflux.r2dbc.observe;

import org.jspecify.annotations.NullMarked;
