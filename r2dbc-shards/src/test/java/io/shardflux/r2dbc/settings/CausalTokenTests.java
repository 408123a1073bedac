package io.shardflux.r2dbc.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.router.ShardId;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts of causal tokens, which come from outside. */
class CausalTokenTests {

  @Test
  void aTextIsReadAsTheTokenThatGaveIt() {
    CausalToken token =
        CausalToken.of(7, Map.of(ShardId.of("a"), "0-1-5,2-2-9", ShardId.of("b"), "not one!"));
    CausalToken read = CausalToken.parse(token.toString());
    assertThat(read).isEqualTo(token);
    assertThat(read.position(ShardId.of("b"))).isEqualTo(CausalToken.UNKNOWN);
    assertThat(read.position(ShardId.of("c"))).isEqualTo(CausalToken.UNKNOWN);
  }

  @Test
  void manyLongPositionsAreGivenUpUntilTheTextIsRead() {
    Map<ShardId, String> positions =
        IntStream.range(0, 200)
            .mapToObj(i -> ShardId.of("shard_" + i))
            .collect(Collectors.toMap(Function.identity(), shard -> "a".repeat(60)));
    CausalToken token = CausalToken.of(1, positions);
    assertThat(CausalToken.parse(token.toString())).isEqualTo(token);
    assertThat(positions.keySet().stream().map(token::position))
        .contains("a".repeat(60), CausalToken.UNKNOWN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "1",
        "2;1",
        "1;x",
        "1;7;a",
        "1;7;a=",
        "1;7;a='",
        "1;7;a=0'-1-5",
        "1;7;a=-;a=-",
        "1;7;=-"
      })
  void othersAreRefused(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> CausalToken.parse(text))
        .withMessageStartingWith("token: ");
  }
}
