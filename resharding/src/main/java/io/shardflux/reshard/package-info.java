/**
 * Moves rows between shards while statements go on. A job takes the keys of one strategy to where
 * another has them, one pair of shards after the other: triggers on the source note what changes,
 * chunks are copied as literals that the servers made, the noted changes are applied, both sides
 * are compared, a fence in the writers' own transactions closes, the rest is applied, and the new
 * place of the keys is published to all routers. Then the rows are deleted from the source.
 *
 * <p>Start reading at {@link ShardMoves}. Its packages stand one above the other:
 *
 * <dl>
 *   <dt>{@code transfer}
 *   <dd>how a row gets across, and what stands on the source meanwhile
 *   <dt>{@code plan}
 *   <dd>what is to move, and what is refused
 *   <dt>{@code progress}
 *   <dd>the state of a job, and what is told of it
 *   <dt>{@code watch}
 *   <dd>what makes the copying wait
 *   <dt>{@code job}
 *   <dd>the phases of a step, in their order
 * </dl>
 *
 * <p>A job may be gone on with by any router after a crash at any point. This package may use
 * {@code io.shardflux.cluster} and the API of {@code io.shardflux.r2dbc}, and no SQL planner.
 */
@NullMarked
package io.shardflux.reshard;

import org.jspecify.annotations.NullMarked;
