/**
 * An R2DBC driver over the shards. A statement in SQL gets the answer that one big database would
 * give; otherwise it is refused with the reason. Start at {@link ShardfluxConnectionFactory}, then
 * {@link VirtualStatement} and {@link Execution}.
 *
 * <p>The packages stand one above the other. Each uses only those before it: {@code failure},
 * {@code row}, {@code result}, {@code catalog}, {@code plan}, {@code transaction}, {@code scatter},
 * {@code gather}, and this one. They may use the API of {@code io.shardflux.sql} and {@code
 * io.shardflux.r2dbc}, and {@code io.shardflux.r2dbc.spi}, which is there for them.
 */
@NullMarked
package io.shardflux.driver;

import org.jspecify.annotations.NullMarked;
