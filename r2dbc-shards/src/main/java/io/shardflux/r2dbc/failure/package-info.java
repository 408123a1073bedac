/**
 * The errors that callers see, and the ladder that sorts a server's errors. Start at {@link
 * ShardErrors}. This package may use {@code settings}.
 */
@NullMarked
package io.shardflux.r2dbc.failure;

import org.jspecify.annotations.NullMarked;
