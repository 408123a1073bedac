package io.shardflux.r2dbc;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * A shard and the way to its server. Immutable; its text shows neither user nor password.
 *
 * @param id the shard's name
 * @param options the R2DBC options of its server; {@code r2dbc:mysql} is what is tested
 * @param pool the bounds of its pool, or null for those of the router
 */
public record Shard(ShardId id, ConnectionFactoryOptions options, @Nullable PoolBounds pool) {

  /**
   * A shard by R2DBC URL, with the router's pool bounds.
   *
   * @param id the shard's name
   * @param url such as {@code r2dbc:mysql://user:password@host:3306/database}
   * @throws IllegalArgumentException if the URL is malformed; the message does not show it, as it
   *     may hold a password
   */
  public static Shard of(String id, String url) {
    return of(ShardId.of(id), parse(id, url));
  }

  /** A shard by R2DBC options, with the router's pool bounds. */
  public static Shard of(ShardId id, ConnectionFactoryOptions options) {
    return new Shard(id, options, null);
  }

  /** This shard with pool bounds of its own. */
  public Shard withPool(PoolBounds bounds) {
    return new Shard(id, options, bounds);
  }

  /** This shard with credentials, for a URL that has none. */
  public Shard withCredentials(String user, CharSequence password) {
    return new Shard(
        id,
        options
            .mutate()
            .option(ConnectionFactoryOptions.USER, user)
            .option(ConnectionFactoryOptions.PASSWORD, password)
            .build(),
        pool);
  }

  String host() {
    Object host = options.getValue(ConnectionFactoryOptions.HOST);
    return host == null ? "" : host.toString();
  }

  int port() {
    Object port = options.getValue(ConnectionFactoryOptions.PORT);
    return port == null ? 0 : Integer.parseInt(port.toString());
  }

  @Override
  public String toString() {
    return id + "@" + host() + ":" + port();
  }

  private static ConnectionFactoryOptions parse(String id, String url) {
    ConnectionFactoryOptions options = optionsOf(url);
    if (options == null) {
      throw new IllegalArgumentException(
          "shard " + id + ", url: malformed (expected: r2dbc:mysql://host:port/database)");
    }
    return options;
  }

  /** Nothing if the URL is malformed: the parser's own message quotes it, and with it passwords. */
  static @Nullable ConnectionFactoryOptions optionsOf(String url) {
    Tls.declareSecrets();
    try {
      ConnectionFactoryOptions options = ConnectionFactoryOptions.parse(url);
      return namesHost(options) ? options : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** The parser takes a port that is none, and what is before a stray slash, into the host. */
  private static boolean namesHost(ConnectionFactoryOptions options) {
    return options.getValue(ConnectionFactoryOptions.HOST) instanceof String host
        && !host.isEmpty()
        && (host.startsWith("[") || host.indexOf(':') < 0);
  }
}
