package io.shardflux.r2dbc.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ReshardingOptionsTests {

  private static ReshardingOptions read(String keys) {
    return RouterDocument.read(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}}\nresharding: {" + keys + "}")
        .resharding();
  }

  @Test
  void hasDefaults() {
    assertThat(read("")).isEqualTo(ReshardingOptions.DEFAULTS);
    assertThat(RouterDocument.read("shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}}").resharding())
        .isEqualTo(ReshardingOptions.DEFAULTS);
  }

  @Test
  void readsEveryKey() {
    assertThat(
            read(
                "enabled: false, max-connections: 5, rows-per-second: 70, rollback-window: 7m,"
                    + " close-bound: 80ms, patience: 9m, max-lag: 11s, give-up-after: 13m,"
                    + " switch: when-told, clean: keep-fence"))
        .isEqualTo(
            ReshardingOptions.builder()
                .enabled(false)
                .maxConnections(5)
                .rowsPerSecond(70)
                .rollbackWindow(Duration.ofMinutes(7))
                .closeBound(Duration.ofMillis(80))
                .patience(Duration.ofMinutes(9))
                .maxLag(Duration.ofSeconds(11))
                .giveUpAfter(Duration.ofMinutes(13))
                .switching(ReshardingOptions.Switching.WHEN_TOLD)
                .clean(ReshardingOptions.Clean.KEEP_FENCE)
                .build());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "max-connections: 4",
        "max-connections: 64",
        "rows-per-second: 0",
        "rows-per-second: 1000000000",
        "rollback-window: 0s",
        "rollback-window: 365d",
        "close-bound: 10ms",
        "close-bound: 1s",
        "patience: 1s",
        "patience: 7d",
        "max-lag: 1s",
        "max-lag: 1h",
        "give-up-after: 1s",
        "give-up-after: 7d",
        "clean: remove",
        "clean: keep-fence",
        "switch: at-once",
        "switch: when-told"
      })
  void takesEachBound(String key) {
    assertThat(read(key)).isNotNull();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "enabled: 1                  | enabled: 1 (expected: true or false)",
        "max-connections: 3          | max-connections: 3 (expected: a whole number from 4 to 64)",
        "max-connections: 65         | max-connections: 65 (expected: a whole number from 4 to 64)",
        "rows-per-second: -1         | rows-per-second: -1 (expected: a whole number from 0 to",
        "rows-per-second: 1000000001 | rows-per-second: 1000000001 (expected: a whole number from",
        "rollback-window: 366d       | rollback-window: 366d (expected: a time from 0s to 365d)",
        "rollback-window: -3s        | rollback-window: -3s (expected: a time from 0s to 365d)",
        "close-bound: 9ms            | close-bound: 9ms (expected: a time from 10ms to 1s)",
        "close-bound: 1001ms         | close-bound: 1001ms (expected: a time from 10ms to 1s)",
        "patience: 999ms             | patience: 999ms (expected: a time from 1s to 7d)",
        "patience: 8d                | patience: 8d (expected: a time from 1s to 7d)",
        "max-lag: 999ms              | max-lag: 999ms (expected: a time from 1s to 1h)",
        "max-lag: 61m                | max-lag: 61m (expected: a time from 1s to 1h)",
        "give-up-after: 999ms        | give-up-after: 999ms (expected: a time from 1s to 7d)",
        "give-up-after: 8d           | give-up-after: 8d (expected: a time from 1s to 7d)",
        "max-lag: 0                  | max-lag: 0 (expected: a time",
        "switch: later               | switch: later (expected: one of at-once, when-told)",
        "clean: all                  | clean: all (expected: one of remove, keep-fence)",
        "lag: 1s                     | lag: unknown (expected: one of enabled, max-connections,",
      })
  void refusesWhatIsOutOfItsBounds(String key, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> read(key))
        .withMessageStartingWith("resharding." + message);
  }
}
