package io.shardflux.cluster;

/** The control server has an older topology than the one in force, as after a restore. */
final class ControlBehindException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  private final long published;
  private final long inForce;

  ControlBehindException(long published, long inForce) {
    super(
        "control: epoch "
            + published
            + ", an older copy (expected: "
            + inForce
            + ", which routers and shards have; keys that move are not routed, and the topology is"
            + " not changed, until an operator calls ClusterRouter.republish)");
    this.published = published;
    this.inForce = inForce;
  }

  long published() {
    return published;
  }

  long inForce() {
    return inForce;
  }
}
