/**
 * An R2DBC driver over the shards: SQL goes in, and the answer that one big database would give
 * comes out, or a refusal that says why. Start at {@link ShardfluxConnectionFactory}.
 */
@NullMarked
package io.shardflux.driver;

import org.jspecify.annotations.NullMarked;
