/**
 * The rewriting of a select for several shards, and the plan that merges what they answer. Start at
 * {@link ScatterPlanner}, then {@link ShardSelect}. This package may use {@code analysis} and what
 * stands below it.
 */
@NullMarked
package io.shardflux.sql.scatter;

import org.jspecify.annotations.NullMarked;
