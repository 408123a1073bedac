/**
 * Bounds on clients that are slow or silent. Start at {@link SlowReaders}, then {@link
 * SilentBodies}. This package may use {@code failure}.
 */
@NullMarked
package io.shardflux.api.client;

import org.jspecify.annotations.NullMarked;
