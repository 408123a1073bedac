package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardId;
import java.time.Instant;

/**
 * A shard's change of status. Carries no credential and no key.
 *
 * @param shard the shard
 * @param before its status before
 * @param now its status now
 * @param at the time of the change
 * @param reason the cause
 */
public record ShardEvent(
    ShardId shard,
    ShardStatistics.Status before,
    ShardStatistics.Status now,
    Instant at,
    String reason) {}
