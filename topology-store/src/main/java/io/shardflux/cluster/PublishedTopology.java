package io.shardflux.cluster;

import java.time.Instant;

/**
 * One line of the history of a cluster's topology, which only grows.
 *
 * @param epoch the number of the topology; each has a later one than the one before
 * @param document the topology as JSON, by the keys of a router's document; it has no credentials
 * @param origin what the topology was made from
 * @param madeBy the router that published it, as host and id
 * @param madeAt the time of that, by the control server's clock
 * @param why the reason, in the words of whoever published it; at most 255 characters
 */
public record PublishedTopology(
    long epoch, String document, Origin origin, String madeBy, Instant madeAt, String why) {

  /** The source from which a topology was made. */
  public enum Origin {
    /** The document of a router. */
    DOCUMENT,
    /** An operation, such as {@link ClusterRouter#addShard}. */
    OPERATION,
    /** A step of a job that moves data. */
    MOVE
  }
}
