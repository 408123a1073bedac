/**
 * One shard: its primary and replicas, retries of reads, time limits, and observation of
 * statements. Start at {@link ShardServers}, then {@link Attempt} and {@link TimedFlux}. This
 * package may use {@code server} and what stands below it.
 */
@NullMarked
package io.shardflux.r2dbc.shard;

import org.jspecify.annotations.NullMarked;
