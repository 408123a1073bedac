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
 * @param live whether its lease is not over; a router that was killed is not live, one that was
 *     closed is no longer registered
 * @param statistics its shards' statistics as JSON, at most 16 kB; an empty object if there are
 *     more
 */
public record RouterState(
    UUID id,
    String host,
    String version,
    long epoch,
    Instant seenAt,
    boolean live,
    String statistics) {}
