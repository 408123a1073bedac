/**
 * The router over R2DBC: a key or all shards in, {@code Mono} and {@code Flux} out. Start at {@link
 * ShardRouter}.
 */
@NullMarked
package io.shardflux.r2dbc;

import org.jspecify.annotations.NullMarked;
