package io.shardflux.reshard.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.r2dbc.config.ReshardingOptions;
import java.time.Duration;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MoveOptionsTests {

  private static final Duration LONG = Duration.ofDays(400);

  @Test
  void hasTheDefaultsOfADocument() {
    assertThat(MoveOptions.of(ReshardingOptions.DEFAULTS)).isEqualTo(MoveOptions.defaults());
  }

  @Test
  void isMadeAnewWithAllThatItHas() {
    MoveOptions options =
        new MoveOptions(
            3,
            Duration.ZERO,
            Duration.ofMillis(30),
            Duration.ofHours(1),
            Duration.ofMinutes(2),
            Duration.ofHours(3),
            true,
            true);

    assertThat(options.toBuilder().build()).isEqualTo(options);
  }

  @Test
  void takesOthersFromAText() {
    MoveOptions options = MoveOptions.builder().rollbackWindow(Duration.ZERO).build();

    assertThat(options.with("{\"rows-per-second\": 5000, \"max-lag\": \"9s\"}"))
        .isEqualTo(options.toBuilder().rowsPerSecond(5_000).maxLag(Duration.ofSeconds(9)).build());
    assertThat(options.with("{}")).isEqualTo(options);
    assertThat(options.with("{switch: when-told}"))
        .isEqualTo(options.toBuilder().switchesWhenTold(true).build());
    assertThat(options.with("{clean: keep-fence}"))
        .isEqualTo(options.toBuilder().keepsFence(true).build());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{max-lag: 1ms}    | options.max-lag: 1ms (expected: a time from 1s to 1h)",
        "{enabled: false}  | options.enabled: unknown (expected: one of rows-per-second,",
        "{rows: 5}         | options.rows: unknown (expected: one of rows-per-second,",
        "fast              | options: a single value (expected: a map)",
        "{                 | document, line",
      })
  void refusesATextThatIsMalformed(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MoveOptions.defaults().with(text))
        .withMessageStartingWith(message);
  }

  @Test
  void refusesWhatIsOutOfItsBounds() {
    Map<String, UnaryOperator<MoveOptions.Builder>> wrong =
        Map.of(
            "rows-per-second", builder -> builder.rowsPerSecond(-1),
            "rollback-window", builder -> builder.rollbackWindow(LONG),
            "close-bound", builder -> builder.closeBound(LONG),
            "patience", builder -> builder.patience(LONG),
            "max-lag", builder -> builder.maxLag(Duration.ZERO),
            "give-up-after", builder -> builder.giveUpAfter(LONG));
    wrong.forEach(
        (name, set) ->
            assertThatIllegalArgumentException()
                .isThrownBy(() -> set.apply(MoveOptions.builder()).build())
                .withMessageStartingWith("resharding." + name + ": "));
  }
}
