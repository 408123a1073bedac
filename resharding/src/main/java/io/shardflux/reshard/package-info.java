/**
 * Moves rows between shards while statements go on. A job takes the keys of one strategy to where
 * another has them, one pair of shards after the other: triggers on the source note what changes,
 * chunks are copied as literals that the servers made, the noted changes are applied, both sides
 * are compared, a fence in the writers' own transactions closes, the rest is applied, and the new
 * place of the keys is published to all routers. Then the rows are deleted from the source.
 *
 * <p>Start reading at {@link io.shardflux.reshard.ShardMoves}. {@code MoveJob} has the phases of a
 * step in their order, {@code Capture} what stands on the source meanwhile, {@code Transfer} how a
 * row gets across, and {@code MovedTable} the SQL. A job may be gone on with by any router after a
 * crash at any point. This package may use {@code io.shardflux.cluster} and the API of {@code
 * io.shardflux.r2dbc}, and no SQL planner.
 */
@NullMarked
package io.shardflux.reshard;

import org.jspecify.annotations.NullMarked;
