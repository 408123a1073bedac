package io.shardflux.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.Properties;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptionsTests {

  @Test
  void unsetOnesHaveDefaults() {
    assertThat(Options.of(new Properties()))
        .isEqualTo(new Options(EnumSet.allOf(Scenario.class), 3, 3, 1_000_000));
  }

  @Test
  void setOnesAreTaken() {
    Properties properties = new Properties();
    properties.setProperty("bench.scenarios", "lookups, reads");
    properties.setProperty("bench.rounds", "7");
    properties.setProperty("bench.seconds", "");
    properties.setProperty("bench.users", "3000");
    assertThat(Options.of(properties))
        .isEqualTo(new Options(Set.of(Scenario.READS, Scenario.LOOKUPS), 7, 3, 3_000));
  }

  @ParameterizedTest
  @CsvSource({
    "scenarios, 6, 'some of reads,writes,streams,http,moves,joins,transactions,lookups'",
    "scenarios, 'http,', 'some of reads,writes,streams,http,moves,joins,transactions,lookups'",
    "rounds, 0, from 1 to 100",
    "seconds, two, from 1 to 600",
    "users, 1000001, 'from 1000 to 1000000'"
  })
  void othersAreRefused(String name, String value, String expected) {
    Properties properties = new Properties();
    properties.setProperty("bench." + name, value);
    assertThatThrownBy(() -> Options.of(properties))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("bench." + name + ": '" + value + "' (expected: " + expected + ")");
  }
}
