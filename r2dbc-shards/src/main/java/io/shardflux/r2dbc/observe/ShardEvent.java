package io.shardflux.r2dbc.observe;

import io.shardflux.router.ShardId;
import java.time.Instant;

/**
 * A shard's change of status. Carries no credential and no key.
 *
 * @param shard the shard
 * @param before what it was
 * @param now what it is
 * @param at when it changed
 * @param reason what happened
 */
public record ShardEvent(
    ShardId shard,
    ShardStatistics.Status before,
    ShardStatistics.Status now,
    Instant at,
    String reason) {}
