package io.shardflux.r2dbc.config;

import io.shardflux.router.Internal;
import java.time.Duration;

/**
 * A document's section {@code resharding}: what this router does of moves, and how moves are done
 * that are planned here. The bounds are those of the moves' own options, too.
 *
 * @param enabled whether this router does moves
 * @param maxConnections connections to each server that moves may have, beside the router's own
 * @param rowsPerSecond the most rows that a move copies, and later deletes, in a second; 0 for no
 *     limit
 * @param rollbackWindow the time for which the old place is kept after keys have moved; 0 for none
 * @param closeBound the time for which writers wait at most for open transactions at a switch
 * @param patience the time after which a switch that waits for open transactions is stuck
 * @param maxLag how far a replica may be behind before a move waits for it
 * @param giveUpAfter the time for which a move may fall behind the application's changes before it
 *     cancels itself
 * @param switching whether keys move as soon as they can, or when an operator says so
 * @param clean what is left where keys have moved away
 */
@Internal
public record ReshardingOptions(
    boolean enabled,
    int maxConnections,
    int rowsPerSecond,
    Duration rollbackWindow,
    Duration closeBound,
    Duration patience,
    Duration maxLag,
    Duration giveUpAfter,
    Switching switching,
    Clean clean) {

  /** When the keys of a step change their place. */
  public enum Switching {
    /** As soon as both sides are alike. */
    AT_ONCE,
    /** Once an operator wants it. */
    WHEN_TOLD
  }

  /** What is left of a move at the old place of its keys. */
  public enum Clean {
    /** Nothing. */
    REMOVE,
    /** Triggers that refuse rows of other shards. */
    KEEP_FENCE
  }

  /** A source needs one to read, one to hold definitions, one to end statements, one to look. */
  public static final int FEWEST_CONNECTIONS = 4;

  public static final int MOST_CONNECTIONS = 64;
  public static final int MOST_ROWS = 1_000_000_000;
  public static final Duration LONGEST_WINDOW = Duration.ofDays(365);
  public static final Duration SHORTEST_CLOSE_BOUND = Duration.ofMillis(10);
  public static final Duration LONGEST_CLOSE_BOUND = Duration.ofSeconds(1);
  public static final Duration SHORTEST_PATIENCE = Duration.ofSeconds(1);
  public static final Duration LONGEST_PATIENCE = Duration.ofDays(7);
  public static final Duration SHORTEST_LAG = Duration.ofSeconds(1);
  public static final Duration LONGEST_LAG = Duration.ofHours(1);
  public static final Duration SHORTEST_GIVE_UP = Duration.ofSeconds(1);
  public static final Duration LONGEST_GIVE_UP = Duration.ofDays(7);

  public static final ReshardingOptions DEFAULTS = builder().build();

  /** A builder of the defaults. */
  public static Builder builder() {
    return new Builder();
  }

  /** Sets what differs from the defaults. Not thread-safe. */
  public static final class Builder {

    private boolean enabled = true;
    private int maxConnections = 8;
    private int rowsPerSecond;
    private Duration rollbackWindow = Duration.ofMinutes(10);
    private Duration closeBound = Duration.ofMillis(100);
    private Duration patience = Duration.ofMinutes(10);
    private Duration maxLag = Duration.ofSeconds(5);
    private Duration giveUpAfter = Duration.ofHours(1);
    private Switching switching = Switching.AT_ONCE;
    private Clean clean = Clean.REMOVE;

    private Builder() {}

    public Builder enabled(boolean value) {
      enabled = value;
      return this;
    }

    public Builder maxConnections(int connections) {
      maxConnections = connections;
      return this;
    }

    public Builder rowsPerSecond(int rows) {
      rowsPerSecond = rows;
      return this;
    }

    public Builder rollbackWindow(Duration time) {
      rollbackWindow = time;
      return this;
    }

    public Builder closeBound(Duration time) {
      closeBound = time;
      return this;
    }

    public Builder patience(Duration time) {
      patience = time;
      return this;
    }

    public Builder maxLag(Duration time) {
      maxLag = time;
      return this;
    }

    public Builder giveUpAfter(Duration time) {
      giveUpAfter = time;
      return this;
    }

    public Builder switching(Switching when) {
      switching = when;
      return this;
    }

    public Builder clean(Clean what) {
      clean = what;
      return this;
    }

    public ReshardingOptions build() {
      return new ReshardingOptions(
          enabled,
          maxConnections,
          rowsPerSecond,
          rollbackWindow,
          closeBound,
          patience,
          maxLag,
          giveUpAfter,
          switching,
          clean);
    }
  }
}
