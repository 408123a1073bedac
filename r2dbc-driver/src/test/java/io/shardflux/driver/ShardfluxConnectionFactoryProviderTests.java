package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Wrapped;
import io.shardflux.r2dbc.ScatterReads;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardfluxConnectionFactoryProviderTests {

  private static final String DOCUMENT =
      """
      shards:
        shard_0: {url: "r2dbc:mysql://127.0.0.1:1/a", username: app, password: secret}
      strategies:
        all: {type: fixed, shard: shard_0}
      tables:
        users: {key: {id: integer}, strategy: all}
      """;

  @TempDir
  @SuppressWarnings("NullAway.Init")
  private Path folder;

  @Test
  void aUrlNamesTheDocument() throws IOException {
    Path document = Files.writeString(folder.resolve("shards.yaml"), DOCUMENT);
    ConnectionFactory factory = ConnectionFactories.get("r2dbc:shardflux:file://" + document);
    assertThat(factory.getMetadata().getName()).contains("MySQL");
    assertThat(unwrapped(factory)).isInstanceOf(ShardfluxConnectionFactory.class);
    assertThat(((ShardfluxConnectionFactory) unwrapped(factory)).router().topology().tables())
        .containsOnlyKeys("users");
  }

  @Test
  void theDocumentSaysWhetherReadsMayScatter() throws IOException {
    Path document =
        Files.writeString(
            folder.resolve("shards.yaml"), DOCUMENT + "sql: {allow-scatter: false}\n");
    ConnectionFactory factory = ConnectionFactories.get("r2dbc:shardflux:file://" + document);
    assertThat(((ShardfluxConnectionFactory) unwrapped(factory)).router().scatterReads())
        .isEqualTo(ScatterReads.REFUSED);
  }

  @Test
  void whatIsNotThereIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectionFactories.get("r2dbc:shardflux:file:///nowhere/shards.yaml"))
        .withMessageContaining("file:///nowhere/shards.yaml");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectionFactories.get("r2dbc:shardflux:classpath:///nowhere.yaml"))
        .withMessageContaining("classpath:///nowhere.yaml");
  }

  private static Object unwrapped(ConnectionFactory factory) {
    return factory instanceof Wrapped<?> wrapped ? wrapped.unwrap() : factory;
  }
}
