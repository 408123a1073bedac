/**
 * The conditions of a statement on shard keys, and the shards' rows that they reach. Start at
 * {@link Rows}, then {@link KeyCondition} and {@link KeyRouter}. This package may use {@code
 * schema} and what stands below it.
 */
@NullMarked
package io.shardflux.sql.keys;

import org.jspecify.annotations.NullMarked;
