package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.config.ReshardingSettings.Clean;
import java.time.Duration;

/** Reads the section {@code resharding} of a document. */
final class ReshardingReader {

  private ReshardingReader() {}

  static ReshardingSettings read(Setting resharding) {
    resharding.only(
        "enabled",
        "max-connections",
        "rows-per-second",
        "rollback-window",
        "close-bound",
        "patience",
        "max-lag",
        "give-up-after",
        "clean");
    return read(resharding, ReshardingSettings.DEFAULTS);
  }

  /** The settings of one move, where the others are those that it has by default. */
  static ReshardingSettings ofMove(Setting options, ReshardingSettings defaults) {
    options.only(
        "rows-per-second",
        "rollback-window",
        "close-bound",
        "patience",
        "max-lag",
        "give-up-after",
        "clean");
    return read(options, defaults);
  }

  private static ReshardingSettings read(Setting resharding, ReshardingSettings defaults) {
    return new ReshardingSettings(
        resharding.get("enabled").or(defaults.enabled(), Setting::truth),
        resharding
            .get("max-connections")
            .or(
                defaults.maxConnections(),
                it ->
                    it.integer(
                        ReshardingSettings.FEWEST_CONNECTIONS,
                        ReshardingSettings.MOST_CONNECTIONS)),
        resharding
            .get("rows-per-second")
            .or(defaults.rowsPerSecond(), it -> it.integer(0, ReshardingSettings.MOST_ROWS)),
        time(
            resharding.get("rollback-window"),
            defaults.rollbackWindow(),
            Duration.ZERO,
            ReshardingSettings.LONGEST_WINDOW,
            "a time from 0s to 365d"),
        time(
            resharding.get("close-bound"),
            defaults.closeBound(),
            ReshardingSettings.SHORTEST_CLOSE_BOUND,
            ReshardingSettings.LONGEST_CLOSE_BOUND,
            "a time from 10ms to 1s"),
        time(
            resharding.get("patience"),
            defaults.patience(),
            ReshardingSettings.SHORTEST_PATIENCE,
            ReshardingSettings.LONGEST_PATIENCE,
            "a time from 1s to 7d"),
        time(
            resharding.get("max-lag"),
            defaults.maxLag(),
            ReshardingSettings.SHORTEST_LAG,
            ReshardingSettings.LONGEST_LAG,
            "a time from 1s to 1h"),
        time(
            resharding.get("give-up-after"),
            defaults.giveUpAfter(),
            ReshardingSettings.SHORTEST_GIVE_UP,
            ReshardingSettings.LONGEST_GIVE_UP,
            "a time from 1s to 7d"),
        resharding.get("clean").or(defaults.clean(), it -> it.one(Clean.class)));
  }

  private static Duration time(
      Setting setting, Duration other, Duration shortest, Duration longest, String expected) {
    return setting.or(other, it -> it.time(shortest, longest, expected));
  }
}
