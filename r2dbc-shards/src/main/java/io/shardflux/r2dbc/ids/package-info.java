/**
 * Ids that are unique over all shards, with the node numbers that they need. Start at {@link
 * ShardIds}. This package may use {@code config} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.ids;

import org.jspecify.annotations.NullMarked;
