package io.shardflux.r2dbc.settings;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;
import static io.r2dbc.spi.ConnectionFactoryOptions.HOST;
import static io.r2dbc.spi.ConnectionFactoryOptions.PASSWORD;
import static io.r2dbc.spi.ConnectionFactoryOptions.PORT;
import static io.r2dbc.spi.ConnectionFactoryOptions.USER;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import java.time.Duration;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ServerUrlTests {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "r2dbc:mysql://u:Zq7@h/d | r2dbc:mysql://h:3306/d",
        "r2dbc:mysql://u:Zq7%40%3A%2F@H.Example:3307/d | r2dbc:mysql://h.example:3307/d",
        "r2dbc:mysql://[::1]:3307/d | r2dbc:mysql://[::1]:3307/d",
        "r2dbc:mysql://h/a%20b%2Fc%3Fd%26%C3%A9 | r2dbc:mysql://h:3306/a%20b%2Fc%3Fd%26%C3%A9",
        "r2dbc:mysql://h/d?tinyInt1isBit=false&sslMode=REQUIRED |"
            + " r2dbc:mysql://h:3306/d?sslMode=REQUIRED&tinyInt1isBit=false",
        "r2dbc:mysql://h/d?sessionVariables=sql_mode%3D'ANSI%2BX',a=b%26c |"
            + " r2dbc:mysql://h:3306/d?sessionVariables=sql_mode%3D%27ANSI%2BX%27%2Ca%3Db%26c",
        "r2dbc:mysql://h/d?sslKeyPassword=Zq7&sslKey=%2Fetc%2Fa%20b |"
            + " r2dbc:mysql://h:3306/d?sslKey=%2Fetc%2Fa%20b",
        "r2dbcs:mysql://h/d | r2dbc:mysql://h:3306/d?ssl=true",
        "r2dbc:mysql://u:p?Zq7=@h/d | r2dbc:mysql://h:3306/d",
        "r2dbc:other:proto://u:Zq7@h/d?a=b | r2dbc:other:proto://h/d?a=b",
        "r2dbc:other://h/d?userPassword=Zq7&authToken=Zq7&x=1&clientSecret=Zq7&trustPwd=Zq7 |"
            + " r2dbc:other://h/d?x=1"
      })
  void hasTheServerAndNoSecret(String url, String open) {
    ConnectionFactoryOptions options = Shard.optionsOf(url);
    if (options == null) {
      assertThat(url).contains("?Zq7");
      return;
    }
    assertThat(ServerUrl.of(options)).isEqualTo(open).doesNotContain("Zq7");
    ConnectionFactoryOptions read = requireNonNull(Shard.optionsOf(ServerUrl.of(options)));
    assertThat(ServerAddress.of(read)).isEqualTo(ServerAddress.of(options));
    assertThat(ServerUrl.of(read)).isEqualTo(open);
  }

  static Iterable<String> optionsOfUrls() {
    return DriverOptions.OF_URLS;
  }

  /** Each option of the driver that a URL may have is there with its value, except its secret. */
  @ParameterizedTest
  @MethodSource("optionsOfUrls")
  void hasEveryOptionThatAUrlMayHave(String option) {
    ConnectionFactoryOptions options =
        requireNonNull(Shard.optionsOf("r2dbc:mysql://h/d?" + option + "=Zq7%20%25%26"));
    if (option.equals("sslKeyPassword")) {
      assertThat(ServerUrl.of(options)).isEqualTo("r2dbc:mysql://h:3306/d");
      return;
    }
    ConnectionFactoryOptions read = requireNonNull(Shard.optionsOf(ServerUrl.of(options)));
    assertThat(read.getValue(Option.valueOf(option))).isEqualTo("Zq7 %&");
  }

  @Test
  void leavesOutWhatOnlyCodeCanSet() {
    ConnectionFactoryOptions options =
        server("h")
            .option(USER, "Zq7")
            .option(PASSWORD, "Zq7")
            .option(PORT, 3_307)
            .option(Option.valueOf("connectTimeout"), Duration.ofSeconds(3))
            .option(Option.valueOf("tcpKeepAlive"), true)
            .option(Option.valueOf("sslMode"), Duration.class)
            .option(Option.valueOf("sslContextBuilderCustomizer"), Function.identity())
            .option(Option.sensitiveValueOf("sslCaOfTests"), "Zq7")
            .build();
    assertThat(ServerUrl.of(options))
        .isEqualTo("r2dbc:mysql://h:3307/d?connectTimeout=PT3S&tcpKeepAlive=true");
  }

  @Test
  void leavesOutWhatADriverSaysIsASecret() {
    ConnectionFactoryOptions options =
        server("h")
            .option(DRIVER, "other")
            .option(Option.sensitiveValueOf("keyOfTests"), "Zq7")
            .option(Option.valueOf("a b&c"), "Zq7")
            .build();
    assertThat(ServerUrl.of(options)).isEqualTo("r2dbc:other://h/d");
  }

  @Test
  void anAddressNeedsNoBracketsInCode() {
    assertThat(ServerUrl.of(server("fe80::1").build())).isEqualTo("r2dbc:mysql://[fe80::1]:3306/d");
  }

  @ParameterizedTest
  @ValueSource(strings = {"under_score", "a b", "a/b", "a@b", "", "h?x"})
  void aHostThatAUrlCanNotNameIsRefused(String host) {
    ConnectionFactoryOptions options = server(host).build();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ServerUrl.of(options))
        .withMessage(
            "url: of a host or database that a URL can't name (expected: "
                + ServerAddress.URL
                + ")");
  }

  private static ConnectionFactoryOptions.Builder server(String host) {
    return ConnectionFactoryOptions.builder()
        .option(DRIVER, "mysql")
        .option(HOST, host)
        .option(DATABASE, "d");
  }
}
