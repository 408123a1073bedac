/**
 * Reads that no shard can answer alone, and that shards' answers can't be merged into: which rows
 * of which tables one server must be given, and what it is asked then. Start at {@link
 * GatherPlanner}, then {@link Gather}. This package may use {@code schema}, {@code syntax} and
 * {@code statement}.
 */
@NullMarked
package io.shardflux.sql.gather;

import org.jspecify.annotations.NullMarked;
