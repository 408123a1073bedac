package io.shardflux.reshard.plan;

import io.shardflux.r2dbc.config.ReshardingOptions;
import io.shardflux.r2dbc.config.ReshardingOptions.Clean;
import io.shardflux.r2dbc.config.ReshardingOptions.Switching;
import io.shardflux.r2dbc.config.RouterDocument;
import java.time.Duration;

/**
 * The options of a move. A plan has those of the router's document, in its section {@code
 * resharding}. Immutable; made by a {@link #builder()}.
 *
 * @param rowsPerSecond the most rows that it copies, and later deletes, in a second (default 0: no
 *     limit, to 1,000,000,000)
 * @param rollbackWindow the time for which the old place is kept after keys have moved (default 10
 *     min, from 0: not at all, to 365 days)
 * @param closeBound the time for which writers wait at most for open transactions at a switch,
 *     before they are let go and the switch is tried again later (default 100 ms, from 10 ms to 1
 *     s)
 * @param patience the time after which a switch that waits for open transactions is told to be
 *     stuck; it goes on trying (default 10 min, from 1 s to 7 days)
 * @param maxLag how far a replica of the source or target may be behind before the copying waits
 *     (default 5 s, from 1 s to 1 h)
 * @param giveUpAfter the time for which the application's changes of moving rows may come faster
 *     than they are applied, before the move cancels itself; it goes on all the same once keys have
 *     moved (default 1 h, from 1 s to 7 days)
 * @param switchesWhenTold whether the keys of each step wait, once both sides are alike, until an
 *     operator wants the switch; changes are applied meanwhile (default false)
 * @param keepsFence whether triggers stay where keys have moved away, which refuse rows of other
 *     shards by error 45001 for clients that are no routers (default false)
 */
public record MoveOptions(
    int rowsPerSecond,
    Duration rollbackWindow,
    Duration closeBound,
    Duration patience,
    Duration maxLag,
    Duration giveUpAfter,
    boolean switchesWhenTold,
    boolean keepsFence) {

  private static final MoveOptions DEFAULTS = builder().build();

  /**
   * Checks every bound.
   *
   * @param rowsPerSecond see {@link #rowsPerSecond()}
   * @param rollbackWindow see {@link #rollbackWindow()}
   * @param closeBound see {@link #closeBound()}
   * @param patience see {@link #patience()}
   * @param maxLag see {@link #maxLag()}
   * @param giveUpAfter see {@link #giveUpAfter()}
   * @param switchesWhenTold see {@link #switchesWhenTold()}
   * @param keepsFence see {@link #keepsFence()}
   * @throws IllegalArgumentException if a number or a time is out of its bounds
   */
  public MoveOptions {
    check(
        rowsPerSecond >= 0 && rowsPerSecond <= ReshardingOptions.MOST_ROWS,
        "rows-per-second",
        rowsPerSecond,
        "from 1 to " + ReshardingOptions.MOST_ROWS + ", or 0 for no limit");
    checkTime("rollback-window", rollbackWindow, Duration.ZERO, ReshardingOptions.LONGEST_WINDOW);
    checkTime(
        "close-bound",
        closeBound,
        ReshardingOptions.SHORTEST_CLOSE_BOUND,
        ReshardingOptions.LONGEST_CLOSE_BOUND);
    checkTime(
        "patience",
        patience,
        ReshardingOptions.SHORTEST_PATIENCE,
        ReshardingOptions.LONGEST_PATIENCE);
    checkTime("max-lag", maxLag, ReshardingOptions.SHORTEST_LAG, ReshardingOptions.LONGEST_LAG);
    checkTime(
        "give-up-after",
        giveUpAfter,
        ReshardingOptions.SHORTEST_GIVE_UP,
        ReshardingOptions.LONGEST_GIVE_UP);
  }

  private static void checkTime(String name, Duration time, Duration least, Duration most) {
    check(
        time.compareTo(least) >= 0 && time.compareTo(most) <= 0,
        name,
        time,
        "from " + least + " to " + most);
  }

  private static void check(boolean good, String name, Object value, String expected) {
    if (!good) {
      throw new IllegalArgumentException(
          "resharding." + name + ": " + value + " (expected: " + expected + ")");
    }
  }

  static MoveOptions of(ReshardingOptions settings) {
    return builder().with(settings).build();
  }

  /**
   * {@return these options, but for those that a text has}
   *
   * @param text YAML or JSON with the keys of the section {@code resharding} that are a move's,
   *     such as {@code {rows-per-second: 5000}}; not longer than a document
   * @throws IllegalArgumentException if it is malformed or out of bounds, with the path of the
   *     mistake below {@code options}
   */
  public MoveOptions with(String text) {
    ReshardingOptions own =
        ReshardingOptions.builder()
            .rowsPerSecond(rowsPerSecond)
            .rollbackWindow(rollbackWindow)
            .closeBound(closeBound)
            .patience(patience)
            .maxLag(maxLag)
            .giveUpAfter(giveUpAfter)
            .switching(switchesWhenTold ? Switching.WHEN_TOLD : Switching.AT_ONCE)
            .clean(keepsFence ? Clean.KEEP_FENCE : Clean.REMOVE)
            .build();
    return toBuilder().with(RouterDocument.move(text, own)).build();
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
    return new Builder()
        .rowsPerSecond(rowsPerSecond)
        .rollbackWindow(rollbackWindow)
        .closeBound(closeBound)
        .patience(patience)
        .maxLag(maxLag)
        .giveUpAfter(giveUpAfter)
        .switchesWhenTold(switchesWhenTold)
        .keepsFence(keepsFence);
  }

  /** Sets what differs from the defaults; {@link #build()} checks it. Not thread-safe. */
  public static final class Builder {

    private int rowsPerSecond = ReshardingOptions.DEFAULTS.rowsPerSecond();
    private Duration rollbackWindow = ReshardingOptions.DEFAULTS.rollbackWindow();
    private Duration closeBound = ReshardingOptions.DEFAULTS.closeBound();
    private Duration patience = ReshardingOptions.DEFAULTS.patience();
    private Duration maxLag = ReshardingOptions.DEFAULTS.maxLag();
    private Duration giveUpAfter = ReshardingOptions.DEFAULTS.giveUpAfter();
    private boolean switchesWhenTold =
        ReshardingOptions.DEFAULTS.switching() == Switching.WHEN_TOLD;
    private boolean keepsFence = ReshardingOptions.DEFAULTS.clean() == Clean.KEEP_FENCE;

    private Builder() {}

    private Builder with(ReshardingOptions settings) {
      return rowsPerSecond(settings.rowsPerSecond())
          .rollbackWindow(settings.rollbackWindow())
          .closeBound(settings.closeBound())
          .patience(settings.patience())
          .maxLag(settings.maxLag())
          .giveUpAfter(settings.giveUpAfter())
          .switchesWhenTold(settings.switching() == Switching.WHEN_TOLD)
          .keepsFence(settings.clean() == Clean.KEEP_FENCE);
    }

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
     * Sets {@link MoveOptions#closeBound()}.
     *
     * @param time as {@link MoveOptions#closeBound()} says
     * @return this builder
     */
    public Builder closeBound(Duration time) {
      closeBound = time;
      return this;
    }

    /**
     * Sets {@link MoveOptions#patience()}.
     *
     * @param time as {@link MoveOptions#patience()} says
     * @return this builder
     */
    public Builder patience(Duration time) {
      patience = time;
      return this;
    }

    /**
     * Sets {@link MoveOptions#maxLag()}.
     *
     * @param time as {@link MoveOptions#maxLag()} says
     * @return this builder
     */
    public Builder maxLag(Duration time) {
      maxLag = time;
      return this;
    }

    /**
     * Sets {@link MoveOptions#giveUpAfter()}.
     *
     * @param time as {@link MoveOptions#giveUpAfter()} says
     * @return this builder
     */
    public Builder giveUpAfter(Duration time) {
      giveUpAfter = time;
      return this;
    }

    /**
     * Sets {@link MoveOptions#switchesWhenTold()}.
     *
     * @param waits as {@link MoveOptions#switchesWhenTold()} says
     * @return this builder
     */
    public Builder switchesWhenTold(boolean waits) {
      switchesWhenTold = waits;
      return this;
    }

    /**
     * Sets {@link MoveOptions#keepsFence()}.
     *
     * @param keeps as {@link MoveOptions#keepsFence()} says
     * @return this builder
     */
    public Builder keepsFence(boolean keeps) {
      keepsFence = keeps;
      return this;
    }

    /**
     * {@return the options}
     *
     * @throws IllegalArgumentException if a number or a time is out of its bounds
     */
    public MoveOptions build() {
      return new MoveOptions(
          rowsPerSecond,
          rollbackWindow,
          closeBound,
          patience,
          maxLag,
          giveUpAfter,
          switchesWhenTold,
          keepsFence);
    }
  }
}
