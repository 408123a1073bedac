/**
 * The settings of shards, pools, reads and times, each checked where it is made. Start at {@link
 * Shard}, then {@link Timeouts}. This package uses no other package of the module.
 */
@NullMarked
package io.shardflux.r2dbc.settings;

import org.jspecify.annotations.NullMarked;
