/**
 * Streams of rows, inserted in batches on the shards that they belong to. Start at {@link
 * RowInserts}, then {@link InsertFlux}. This package may use {@code live} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.insert;

import org.jspecify.annotations.NullMarked;
