package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.config.ReshardingOptions.Clean;
import io.shardflux.r2dbc.config.ReshardingOptions.Switching;
import java.time.Duration;

/** Reads the section {@code resharding} of a document. */
final class ReshardingReader {

  private ReshardingReader() {}

  static ReshardingOptions read(Setting resharding) {
    resharding.only(
        "enabled",
        "max-connections",
        "rows-per-second",
        "rollback-window",
        "close-bound",
        "patience",
        "max-lag",
        "give-up-after",
        "switch",
        "clean");
    return read(resharding, ReshardingOptions.DEFAULTS);
  }

  /** The options of one move, where the others are those that it has by default. */
  static ReshardingOptions ofMove(Setting options, ReshardingOptions defaults) {
    options.only(
        "rows-per-second",
        "rollback-window",
        "close-bound",
        "patience",
        "max-lag",
        "give-up-after",
        "switch",
        "clean");
    return read(options, defaults);
  }

  private static ReshardingOptions read(Setting resharding, ReshardingOptions defaults) {
    return ReshardingOptions.builder()
        .enabled(resharding.get("enabled").or(defaults.enabled(), Setting::truth))
        .maxConnections(
            resharding
                .get("max-connections")
                .or(
                    defaults.maxConnections(),
                    it ->
                        it.integer(
                            ReshardingOptions.FEWEST_CONNECTIONS,
                            ReshardingOptions.MOST_CONNECTIONS)))
        .rowsPerSecond(
            resharding
                .get("rows-per-second")
                .or(defaults.rowsPerSecond(), it -> it.integer(0, ReshardingOptions.MOST_ROWS)))
        .rollbackWindow(
            time(
                resharding.get("rollback-window"),
                defaults.rollbackWindow(),
                Duration.ZERO,
                ReshardingOptions.LONGEST_WINDOW,
                "a time from 0s to 365d"))
        .closeBound(
            time(
                resharding.get("close-bound"),
                defaults.closeBound(),
                ReshardingOptions.SHORTEST_CLOSE_BOUND,
                ReshardingOptions.LONGEST_CLOSE_BOUND,
                "a time from 10ms to 1s"))
        .patience(
            time(
                resharding.get("patience"),
                defaults.patience(),
                ReshardingOptions.SHORTEST_PATIENCE,
                ReshardingOptions.LONGEST_PATIENCE,
                "a time from 1s to 7d"))
        .maxLag(
            time(
                resharding.get("max-lag"),
                defaults.maxLag(),
                ReshardingOptions.SHORTEST_LAG,
                ReshardingOptions.LONGEST_LAG,
                "a time from 1s to 1h"))
        .giveUpAfter(
            time(
                resharding.get("give-up-after"),
                defaults.giveUpAfter(),
                ReshardingOptions.SHORTEST_GIVE_UP,
                ReshardingOptions.LONGEST_GIVE_UP,
                "a time from 1s to 7d"))
        .switching(resharding.get("switch").or(defaults.switching(), it -> it.one(Switching.class)))
        .clean(resharding.get("clean").or(defaults.clean(), it -> it.one(Clean.class)))
        .build();
  }

  private static Duration time(
      Setting setting, Duration other, Duration shortest, Duration longest, String expected) {
    return setting.or(other, it -> it.time(shortest, longest, expected));
  }
}
