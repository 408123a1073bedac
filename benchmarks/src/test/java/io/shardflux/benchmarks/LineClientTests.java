package io.shardflux.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.benchmarks.LineClient.Lines;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class LineClientTests {

  private final Lines lines = new Lines();

  @Test
  void piecesNeedNotEndWithLines() {
    take("{\"id\":1,\"name\":\"a\"}\n{\"id\"");
    take(":20,\"name\":\"é\"}\n{\"summary\":");
    take("{}}\n");
    assertThat(lines.users()).isEqualTo(2);
    assertThat(lines.last()).isEqualTo("{\"summary\":{}}");
  }

  @Test
  void aLineThatIsCutIsNone() {
    take("{\"id\":1}\n{\"id\":2,\"na");
    assertThat(lines.users()).isEqualTo(1);
  }

  @Test
  void aUserTwiceIsAnError() {
    assertThatThrownBy(() -> take("{\"id\":7}\n{\"id\":8}\n{\"id\":7}\n"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("twice: user 7");
  }

  private void take(String piece) {
    lines.take(piece.getBytes(StandardCharsets.UTF_8));
  }
}
