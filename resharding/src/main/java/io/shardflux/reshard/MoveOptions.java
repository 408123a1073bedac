package io.shardflux.reshard;

import io.shardflux.r2dbc.settings.Bounds;
import java.time.Duration;

/**
 * How a move is done. Immutable; made by a {@link #builder()}.
 *
 * @param rowsPerSecond the most rows that it copies, and later deletes, in a second (default 0: no
 *     limit)
 * @param rollbackWindow the time for which the old place is kept after keys have moved (default 10
 *     min, from 0: not at all, to 365 days)
 */
public record MoveOptions(int rowsPerSecond, Duration rollbackWindow) {

  private static final MoveOptions DEFAULTS = builder().build();

  /**
   * Checks every bound.
   *
   * @param rowsPerSecond see {@link #rowsPerSecond()}
   * @param rollbackWindow see {@link #rollbackWindow()}
   * @throws IllegalArgumentException if a number or a time is out of its bounds
   */
  public MoveOptions {
    if (rowsPerSecond < 0) {
      throw new IllegalArgumentException(
          "resharding.rows-per-second: "
              + rowsPerSecond
              + " (expected: 1 or more, or 0 for no limit)");
    }
    if (!rollbackWindow.isZero()) {
      Bounds.checkTime("resharding.rollback-window", rollbackWindow);
    }
  }

  /** {@return the defaults stated above} */
  public static MoveOptions defaults() {
    return DEFAULTS;
  }

  /** {@return a builder of the defaults} */
  public static Builder builder() {
    return new Builder();
  }

  /** {@return a builder of these options} */
  public Builder toBuilder() {
    return new Builder().rowsPerSecond(rowsPerSecond).rollbackWindow(rollbackWindow);
  }

  /** Sets what differs from the defaults; {@link #build()} checks it. Not thread-safe. */
  public static final class Builder {

    private int rowsPerSecond;
    private Duration rollbackWindow = Duration.ofMinutes(10);

    private Builder() {}

    /**
     * Sets {@link MoveOptions#rowsPerSecond()}.
     *
     * @param rows as {@link MoveOptions#rowsPerSecond()} says
     * @return this builder
     */
    public Builder rowsPerSecond(int rows) {
      rowsPerSecond = rows;
      return this;
    }

    /**
     * Sets {@link MoveOptions#rollbackWindow()}.
     *
     * @param time as {@link MoveOptions#rollbackWindow()} says
     * @return this builder
     */
    public Builder rollbackWindow(Duration time) {
      rollbackWindow = time;
      return this;
    }

    /**
     * {@return the options}
     *
     * @throws IllegalArgumentException if a number or a time is out of its bounds
     */
    public MoveOptions build() {
      return new MoveOptions(rowsPerSecond, rollbackWindow);
    }
  }
}
