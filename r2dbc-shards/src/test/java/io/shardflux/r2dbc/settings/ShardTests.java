package io.shardflux.r2dbc.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardTests {

  @Test
  void itsTextShowsNoCredential() {
    Shard shard = Shard.of("s1", "r2dbc:mysql://app:secret@db.example:3307/x");

    assertThat(shard).hasToString("s1@db.example:3307");
    assertThat(shard.withCredentials("other", "hidden").options().toString())
        .doesNotContain("hidden");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "app:secret@localhost",
        "r2dbc:mysql://app:secret@h_1:3306/x",
        "r2dbc:mysql://app:secret@host:port/x",
        "r2dbc:mysql://app:secret/3@host/x",
        "jdbc:mysql://app:secret@host/x",
      })
  void aMalformedUrlIsRefusedWithoutShowingIt(String url) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Shard.of("s1", url))
        .withMessage("shard s1, url: malformed (expected: r2dbc:mysql://host:port/database)")
        .withNoCause();
  }
}
