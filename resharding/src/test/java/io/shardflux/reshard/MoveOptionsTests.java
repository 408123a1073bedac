package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.r2dbc.config.ReshardingSettings;
import java.time.Duration;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class MoveOptionsTests {

  private static final Duration LONG = Duration.ofDays(400);

  @Test
  void hasTheDefaultsOfADocument() {
    assertThat(MoveOptions.of(ReshardingSettings.DEFAULTS)).isEqualTo(MoveOptions.defaults());
  }

  @Test
  void isMadeAnewWithAllThatItHas() {
    MoveOptions options =
        new MoveOptions(
            3, Duration.ZERO, Duration.ofMillis(30), Duration.ofHours(1), Duration.ofMinutes(2));

    assertThat(options.toBuilder().build()).isEqualTo(options);
  }

  @Test
  void refusesWhatIsOutOfItsBounds() {
    Map<String, UnaryOperator<MoveOptions.Builder>> wrong =
        Map.of(
            "rows-per-second", builder -> builder.rowsPerSecond(-1),
            "rollback-window", builder -> builder.rollbackWindow(LONG),
            "close-bound", builder -> builder.closeBound(LONG),
            "patience", builder -> builder.patience(LONG),
            "max-lag", builder -> builder.maxLag(Duration.ZERO));
    wrong.forEach(
        (name, set) ->
            assertThatIllegalArgumentException()
                .isThrownBy(() -> set.apply(MoveOptions.builder()).build())
                .withMessageStartingWith("resharding." + name + ": "));
  }
}
