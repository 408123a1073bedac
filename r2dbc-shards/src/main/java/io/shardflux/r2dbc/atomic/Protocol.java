package io.shardflux.r2dbc.atomic;

import reactor.core.publisher.Mono;

/**
 * The guards of the protocol, each of which a test can take away, and the points between its steps,
 * at which a test can have something happen.
 */
class Protocol {

  /** The protocol as it is. */
  static final Protocol WHOLE = new Protocol();

  /** A point between two steps of a commit. */
  enum Point {
    BEGUN,
    PREPARED,
    DECIDED,
    COMMITTED
  }

  /** Completes when the commit may go on behind that point. */
  Mono<Void> past(Point point, String transaction) {
    return Mono.empty();
  }

  /** Whether the lead's commit has the decision. */
  boolean writesDecision() {
    return true;
  }

  /** Whether a branch is ended only as its lead has it. */
  boolean recoversByDecision() {
    return true;
  }

  /** Whether branches are committed behind the decision alone. */
  boolean decidesFirst() {
    return true;
  }

  /** Whether snapshots are opened behind the barrier. */
  boolean hasBarrier() {
    return true;
  }
}
