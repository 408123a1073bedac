/**
 * The router over R2DBC: a key or all shards in, {@code Mono} and {@code Flux} out. Start at {@link
 * ShardRouter}, or at {@link ShardOperations} for an operator's work.
 *
 * <p>The packages stand one above the other. Each uses only those before it: {@code settings},
 * {@code failure}, {@code observe}, {@code statement}, {@code scatter}, {@code server}, {@code
 * shard}, {@code live}, {@code coalesce}, {@code insert}, {@code directory}, {@code transaction},
 * {@code atomic}, {@code config}, {@code ids}, {@code spi}, and this one. Types marked {@link
 * io.shardflux.router.Internal} are public for these packages alone.
 */
@NullMarked
package io.shardflux.r2dbc;

import org.jspecify.annotations.NullMarked;
