/**
 * An R2DBC driver over the shards. A statement in SQL gets the answer that one big database would
 * give; otherwise it is refused with the reason. Start at {@link ShardfluxConnectionFactory}, then
 * {@link VirtualStatement} and {@link Execution}.
 */
@NullMarked
package io.shardflux.driver;

import org.jspecify.annotations.NullMarked;
