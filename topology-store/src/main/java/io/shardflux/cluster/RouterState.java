package io.shardflux.cluster;

import java.time.Instant;
import java.util.UUID;

/**
 * A router of the cluster, as it registered itself.
 *
 * @param id the router's id, another one with each start
 * @param host the name of its machine, with the process' id
 * @param version the version of Shardflux that it runs
 * @param epoch the epoch of the topology that it routes by
 * @param seenAt when it last told so, by the control server's clock
 * @param leaseUntil when its lease is over unless it renews it, by the same clock; nothing of an
 *     earlier topology is sent by it after that
 * @param live whether its lease is not over; a router that was killed is not live, one that was
 *     closed is no longer registered
 * @param statistics its shards' statistics as JSON, and the ids of its process' connections to each
 *     server, if that is at most 16 kB; without these if there are more, or an empty object
 */
public record RouterState(
    UUID id,
    String host,
    String version,
    long epoch,
    Instant seenAt,
    Instant leaseUntil,
    boolean live,
    String statistics) {}
