/**
 * One server: its connections and their sessions, its breaker, and the statements given up on it.
 * Start at {@link ServerPool}, then {@link ServerBreaker} and {@link Settlement}. This package may
 * use {@code scatter} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.server;

import org.jspecify.annotations.NullMarked;
