package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Wrapped;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.spi.ShardAccess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
    assertThat(
            ShardAccess.of(((ShardfluxConnectionFactory) unwrapped(factory)).router())
                .scatterReads())
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

  @Test
  void whatIsTheDocumentsToSayIsRefusedAndNotShown() {
    for (String url :
        List.of(
            "r2dbc:shardflux:file://etc/shards.yaml",
            "r2dbc:shardflux:file://app:hidden@host/shards.yaml",
            "r2dbcs:shardflux:file:///etc/shards.yaml",
            "r2dbc:shardflux:file:///etc/shards.yaml?lockWaitTimeout=PT1S")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> ConnectionFactories.get(url))
          .withMessageContaining("r2dbc:shardflux:file:///etc/shards.yaml")
          .withMessageNotContaining("hidden");
    }
  }

  @Test
  void aDocumentIsReadWholeOrNotAtAll() throws IOException {
    Path large =
        Files.writeString(folder.resolve("large.yaml"), DOCUMENT + "#" + "é".repeat(600_000));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectionFactories.get("r2dbc:shardflux:file://" + large))
        .withMessageContaining("too large (expected: at most 1048576 bytes)");
    Path latin =
        Files.writeString(
            folder.resolve("latin.yaml"), DOCUMENT + "# é", StandardCharsets.ISO_8859_1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectionFactories.get("r2dbc:shardflux:file://" + latin))
        .withMessageContaining("latin.yaml, ");
  }

  @Test
  void aMalformedDocumentIsNotShown() throws IOException {
    Path malformed =
        Files.writeString(folder.resolve("bad.yaml"), DOCUMENT.replace("secret}", "\"secret}"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ConnectionFactories.get("r2dbc:shardflux:file://" + malformed))
        .withMessageNotContaining("secret")
        .withNoCause();
  }

  private static Object unwrapped(ConnectionFactory factory) {
    return factory instanceof Wrapped<?> wrapped ? wrapped.unwrap() : factory;
  }
}
