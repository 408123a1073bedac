package io.shardflux.driver;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.DRIVER;
import static io.r2dbc.spi.ConnectionFactoryOptions.PROTOCOL;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.ConnectionFactoryProvider;
import io.shardflux.r2dbc.ShardRouter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Makes a {@link ShardfluxConnectionFactory} by URL: {@code
 * r2dbc:shardflux:file:///etc/shards.yaml} or {@code r2dbc:shardflux:classpath:///shards.yaml},
 * each the document of {@link ShardRouter#fromYaml}.
 */
public final class ShardfluxConnectionFactoryProvider implements ConnectionFactoryProvider {

  /** The name in URLs. */
  public static final String SHARDFLUX = "shardflux";

  private static final int MAX_BYTES = 1 << 20;

  /** For {@link java.util.ServiceLoader}. */
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
   * @throws IllegalArgumentException if it can't be read or says what can't be
   */
  @Override
  public ShardfluxConnectionFactory create(ConnectionFactoryOptions options) {
    return ShardfluxConnectionFactory.of(ShardRouter.fromYaml(document(options)));
  }

  private static String document(ConnectionFactoryOptions options) {
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
      byte[] bytes = stream.readNBytes(MAX_BYTES + 1);
      return new String(bytes, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "url: " + place + ", " + e + " (expected: a document that can be read)", e);
    }
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
