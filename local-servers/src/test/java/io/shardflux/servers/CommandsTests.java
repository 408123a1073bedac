package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.UncheckedIOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

@DisabledOnOs(OS.WINDOWS)
@Timeout(60)
class CommandsTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  @Test
  void aFailureCarriesStatusAndOutput() {
    assertThatIllegalStateException()
        .isThrownBy(() -> Commands.run(BOUND, "sh", "-c", "echo why >&2; exit 3"))
        .withMessageEndingWith(": status 3: why");
  }

  @Test
  void aProgramThatDoesNotEndIsEnded() {
    assertThatIllegalStateException()
        .isThrownBy(() -> Commands.run(Duration.ofMillis(50), "sleep", "600"))
        .withMessageContaining("sleep 600: no end within PT0.05S");
  }

  @Test
  void aProgramMayLeaveAnotherRunning() {
    Commands.run(BOUND, "sh", "-c", "sleep 40 & exit 0");
  }

  @Test
  void aMissingProgramIsNamed() {
    assertThatThrownBy(() -> Commands.run(BOUND, "/no/such/program"))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("/no/such/program");
  }
}
