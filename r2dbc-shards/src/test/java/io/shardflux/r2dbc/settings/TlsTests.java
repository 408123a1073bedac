package io.shardflux.r2dbc.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.r2dbc.Certificates;
import io.shardflux.r2dbc.ShardRouter;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TlsTests {

  private static final String PASSWORD = "hunter2";

  private Path folder;

  @BeforeAll
  void sign(@TempDir Path temporary) throws Exception {
    folder = temporary;
    Certificates certificates = new Certificates(folder);
    certificates.writeEncrypted(
        "locked-key.pem", certificates.sign("client").getKeyPair().getPrivate(), PASSWORD);
    certificates.write("empty.pem", "");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          sslMode=hunter2                               | sslMode: not shown (expected: one of DISABLED,
          sslMode=                                      | sslMode: not shown (expected: one of DISABLED,
          sslmode=verify_ca                             | sslmode: unknown (expected: one of ssl, sslMode,
          useSSL=true                                   | useSSL: unknown (expected: one of ssl, sslMode,
          sslCa=@ca.pem                                 | sslCa: without effect (expected: one of the modes VERIFY_CA,
          sslMode=REQUIRED&sslCa=@ca.pem                | REQUIRED accepts any certificate
          ssl=true&sslCa=@ca.pem                        | REQUIRED accepts any certificate
          sslMode=VERIFY_CA&sslCa=@none.pem             | sslCa: @none.pem (expected: a file that can be read)
          sslMode=VERIFY_CA&sslCa=@.                    | sslCa: @. (expected: a file that can be read)
          sslMode=VERIFY_CA&sslCa=@empty.pem            | sslCa: @empty.pem (expected: a file with the certificates
          sslMode=VERIFY_CA&sslCa=@client-key.pem       | sslCa: @client-key.pem (expected: a file with the certificates
          sslCert=@client.pem                           | sslKey: missing (expected: both sslCert and sslKey
          sslKey=@client-key.pem                        | sslCert: missing (expected: both sslCert and sslKey
          sslCert=@none.pem&sslKey=@client-key.pem      | sslCert: @none.pem (expected: a file that can be read)
          sslCert=@client.pem&sslKey=@none.pem          | sslKey: @none.pem (expected: a file that can be read)
          sslCert=@client.pem&sslKey=@client.pem        | sslKey: @client.pem (expected: a file with a private key
          sslCert=@client.pem&sslKey=@locked-key.pem    | sslKey: @locked-key.pem (expected: a file with a private key
          sslCert=@client.pem&sslKey=@locked-key.pem&sslKeyPassword=hunter3 | with its password as sslKeyPassword
          """)
  void aWrongOptionIsRefusedByName(String query, String message) {
    String url = "r2dbc:mysql://app:hunter2@localhost/x?" + here(query);

    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.builder().shard(Shard.of("s0", url)).build())
        .withMessageContaining("shard s0, ")
        .withMessageContaining(here(message))
        .satisfies(error -> assertThat(error).hasMessageNotContaining("hunter"));
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ShardRouter.builder(Map.of("shards", Map.of("s0", Map.of("url", url)))).build())
        .withMessageContaining("shards.s0.url: ")
        .withMessageContaining(here(message))
        .withNoCause()
        .satisfies(error -> assertThat(error).hasMessageNotContaining("hunter"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "[::1]"})
  void identityIsThatOfAName(String host) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> load("r2dbc:mysql://app@" + host + "/x?sslMode=verify_identity"))
        .withMessageStartingWith("host: " + host + " (expected: with sslMode VERIFY_IDENTITY");
  }

  @Test
  void whatIsReadIsNotReadAgain() {
    ConnectionFactoryOptions options =
        load(
            "r2dbc:mysql://app@localhost/x?"
                + here(
                    "sslMode=TUNNEL&sslCa=@ca.pem&sslCert=@client.pem&sslKey=@locked-key.pem"
                        + "&sslKeyPassword="
                        + PASSWORD));

    assertThat(options.hasOption(Option.valueOf("sslContextBuilderCustomizer"))).isTrue();
    assertThat(options.getValue(Option.valueOf("sslMode"))).isEqualTo("TUNNEL");
    for (String file : new String[] {"sslCa", "sslCert", "sslKey", "sslKeyPassword"}) {
      assertThat(options.hasOption(Option.valueOf(file))).as(file).isFalse();
    }
  }

  @Test
  void optionsWithoutFilesStayAsTheyAre() {
    ConnectionFactoryOptions options =
        Shard.of("s0", "r2dbc:mysql://app@127.0.0.1/x?sslMode=VERIFY_CA").options();

    assertThat(Tls.loaded(options)).isSameAs(options);
  }

  @Test
  void theKeysPasswordIsNotShown() {
    Shard shard = Shard.of("s0", "r2dbc:mysql://app@h/x?sslKeyPassword=" + PASSWORD);

    assertThat(shard.options().toString()).doesNotContain(PASSWORD);
  }

  private static ConnectionFactoryOptions load(String url) {
    return Tls.loaded(Objects.requireNonNull(Shard.optionsOf(url)));
  }

  private String here(String text) {
    return text.replace("@", folder + "/");
  }
}
