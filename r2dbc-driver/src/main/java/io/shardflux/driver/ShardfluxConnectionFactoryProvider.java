package io.shardflux.driver;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;
import static io.r2dbc.spi.ConnectionFactoryOptions.PROTOCOL;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.ConnectionFactoryProvider;
import io.r2dbc.spi.Option;
import io.shardflux.r2dbc.ShardRouter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes a {@link ShardfluxConnectionFactory} by URL: {@code
 * r2dbc:shardflux:file:///etc/shards.yaml} or {@code r2dbc:shardflux:classpath:///shards.yaml},
 * each the document of {@link ShardRouter#fromYaml}.
 */
public final class ShardfluxConnectionFactoryProvider implements ConnectionFactoryProvider {

  /** The driver's name in URLs. */
  public static final String SHARDFLUX = "shardflux";

  private static final int MAX_BYTES = 1 << 20;

  /** Options that only the document may set. */
  private static final List<Option<?>> NOT_IN_URLS =
      List.of(
          ConnectionFactoryOptions.HOST,
          ConnectionFactoryOptions.PORT,
          ConnectionFactoryOptions.USER,
          ConnectionFactoryOptions.PASSWORD,
          ConnectionFactoryOptions.SSL,
          ConnectionFactoryOptions.CONNECT_TIMEOUT,
          ConnectionFactoryOptions.LOCK_WAIT_TIMEOUT,
          ConnectionFactoryOptions.STATEMENT_TIMEOUT);

  /** Called by {@link java.util.ServiceLoader}. */
  public ShardfluxConnectionFactoryProvider() {}

  @Override
  public boolean supports(ConnectionFactoryOptions options) {
    return SHARDFLUX.equals(options.getValue(DRIVER));
  }

  @Override
  public String getDriver() {
    return SHARDFLUX;
  }

  /**
   * Reads the document, and connects to nothing.
   *
   * @throws IllegalArgumentException if the document can't be read or is wrong
   */
  @Override
  public ShardfluxConnectionFactory create(ConnectionFactoryOptions options) {
    return ShardfluxConnectionFactory.of(ShardRouter.fromYaml(document(options)));
  }

  private static String document(ConnectionFactoryOptions options) {
    for (Option<?> option : NOT_IN_URLS) {
      if (options.hasOption(option)) {
        throw new IllegalArgumentException(
            "url: "
                + option.name()
                + " (expected: three slashes and the document's place, which says all else, as in"
                + " r2dbc:shardflux:file:///etc/shards.yaml)");
      }
    }
    Object protocol = options.getValue(PROTOCOL);
    Object path = options.getValue(DATABASE);
    String place = protocol + ":///" + path;
    try (InputStream stream = open(protocol, path)) {
      if (stream == null) {
        throw new IllegalArgumentException(
            "url: "
                + place
                + " (expected: r2dbc:shardflux:file:///… or"
                + " r2dbc:shardflux:classpath:///… of a document that is there)");
      }
      return text(stream.readNBytes(MAX_BYTES + 1), place);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "url: " + place + ", " + e + " (expected: a document that can be read)", e);
    }
  }

  private static String text(byte[] bytes, String place) throws CharacterCodingException {
    if (bytes.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "url: " + place + ", too large (expected: at most " + MAX_BYTES + " bytes)");
    }
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
  }

  private static @Nullable InputStream open(@Nullable Object protocol, @Nullable Object path)
      throws IOException {
    if (path == null) {
      return null;
    }
    if ("file".equals(protocol)) {
      return Files.newInputStream(Path.of("/" + path));
    }
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    return "classpath".equals(protocol)
        ? (loader == null ? ClassLoader.getSystemClassLoader() : loader)
            .getResourceAsStream(path.toString())
        : null;
  }
}
