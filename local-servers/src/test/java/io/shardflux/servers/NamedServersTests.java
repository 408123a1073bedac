package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamedServersTests {

  @Test
  void namesThreeServersInOrder() {
    assertThat(NamedServers.parse("a:1, 127.0.0.1:3307 ,[::1]:65535", "root", "secret"))
        .containsExactly(
            new DatabaseServer("a", 1, "root", "secret"),
            new DatabaseServer("127.0.0.1", 3307, "root", "secret"),
            new DatabaseServer("[::1]", 65_535, "root", "secret"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a", "a:", ":1", "a:b", "a:0", "a:65536", "a:-1", "a b:1", "a_b:1", "a:1:2", "::1:1", ""
      })
  void namesTheWrongServer(String wrong) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NamedServers.parse("a:1," + wrong + ",b:2", "root", ""))
        .withMessage(
            "shardflux.servers: '"
                + wrong
                + "' (expected: 3 different host:port, with commas between)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a:1", "a:1,b:2", "a:1,b:2,c:3,d:4", "a:1,b:2,a:1"})
  void wantsExactlyThreeDifferentServers(String wrong) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NamedServers.parse(wrong, "root", ""))
        .withMessageContaining("shardflux.servers: '" + wrong + "' (expected: 3 different");
  }

  @Test
  void doesNotRepeatCredentialsPutInTheWrongPlace() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> NamedServers.parse("root:secret@a:1,b:2,c:3", "root", ""))
        .withMessageContaining("shardflux.servers.password")
        .withMessageNotContaining("secret");
  }
}
