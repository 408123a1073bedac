package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseServerTests {

  @Test
  void theUrlCarriesEveryPartAsItIs() {
    DatabaseServer server = new DatabaseServer("127.0.0.1", 3307, "us@er", "p +/:@?#%ä");
    ConnectionFactoryOptions options =
        ConnectionFactoryOptions.parse(new Database(server, "shard_1").r2dbcUrl());
    assertThat(options.getValue(ConnectionFactoryOptions.HOST)).isEqualTo("127.0.0.1");
    assertThat(options.getValue(ConnectionFactoryOptions.PORT)).isEqualTo(3307);
    assertThat(options.getValue(ConnectionFactoryOptions.USER)).isEqualTo("us@er");
    assertThat(options.getValue(ConnectionFactoryOptions.PASSWORD)).hasToString("p +/:@?#%ä");
    assertThat(options.getValue(ConnectionFactoryOptions.DATABASE)).isEqualTo("shard_1");
  }

  @Test
  void theTextHasNoPassword() {
    DatabaseServer server = new DatabaseServer("a", 1, "root", "secret");
    assertThat(server).hasToString("root@a:1");
    assertThat(new Database(server, "x")).hasToString("root@a:1/x");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "a_b", "a/b", "::1", "a:1"})
  void refusesAHostThatNoUrlCanCarry(String host) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DatabaseServer(host, 1, "root", ""))
        .withMessageContaining("host: '" + host + "' (expected: ");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 65_536})
  void refusesAPortOutOfRange(int port) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new DatabaseServer("a", port, "root", ""))
        .withMessage("port: " + port + " (expected: 1 to 65535)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a-b", "a`b", "a.b", "a b"})
  void refusesADatabaseNameThatWouldNeedQuotes(String name) {
    DatabaseServer server = new DatabaseServer("a", 1, "root", "");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> server.createDatabase(name))
        .withMessageContaining("database: '" + name + "' (expected: ");
  }
}
