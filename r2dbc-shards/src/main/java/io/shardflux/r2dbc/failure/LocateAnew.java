package io.shardflux.r2dbc.failure;

import io.shardflux.router.Internal;

/**
 * Reports that a statement must be located anew, because nothing of it was done where it was sent
 * to. Never reaches a caller.
 */
@Internal
public class LocateAnew extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** What must come before. */
  public enum After {
    /** Nothing. */
    NOTHING,
    /** A later topology must be looked for, of which the databases of the shards tell, too. */
    FOLLOWING,
    /** The epoch must be read from the control server. */
    CONFIRMATION,
    /** The next topology must be in force. */
    SWITCH
  }

  private final After after;

  public LocateAnew(After after) {
    super(after.name(), null, false, false);
    this.after = after;
  }

  public After after() {
    return after;
  }
}
