package io.shardflux.r2dbc.settings;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A shard and the way to its server. Immutable; its text shows neither user nor password.
 *
 * @param id the shard's name
 * @param options the R2DBC options of its server; {@code r2dbc:mysql} is what is tested
 * @param pool the bounds of each of its servers' pools, or null for those of the router
 * @param replicas the R2DBC options of servers that have a copy of its rows, kept by the servers'
 *     own replication
 */
public record Shard(
    ShardId id,
    ConnectionFactoryOptions options,
    @Nullable PoolOptions pool,
    List<ConnectionFactoryOptions> replicas) {

  /**
   * Copies the replicas.
   *
   * @param id see {@link #id()}
   * @param options see {@link #options()}
   * @param pool see {@link #pool()}
   * @param replicas see {@link #replicas()}
   */
  public Shard {
    replicas = List.copyOf(replicas);
  }

  /**
   * {@return a shard by R2DBC URL, with the router's pool bounds}
   *
   * @param id the shard's name
   * @param url such as {@code r2dbc:mysql://user:password@host:3306/database}
   * @throws IllegalArgumentException if the URL is malformed; the message does not show it, because
   *     it may hold a password
   */
  public static Shard of(String id, String url) {
    return of(ShardId.of(id), parse(id, url));
  }

  /**
   * {@return a shard by R2DBC options, with the router's pool bounds}
   *
   * @param id the shard's name
   * @param options the driver, the host, the database and the credentials, as R2DBC has them
   */
  public static Shard of(ShardId id, ConnectionFactoryOptions options) {
    return new Shard(id, options, null, List.of());
  }

  /**
   * {@return this shard with pool bounds of its own}
   *
   * @param bounds the bounds of this shard's pools
   */
  public Shard withPool(PoolOptions bounds) {
    return new Shard(id, options, bounds, replicas);
  }

  /**
   * {@return this shard with one replica more, with the shard's credentials if the URL has none;
   * see {@link ReadPreference}}
   *
   * @param url such as {@code r2dbc:mysql://host:3306/database}
   * @throws IllegalArgumentException as {@link #of(String, String)}
   */
  public Shard withReplica(String url) {
    return withReplica(parse(id + ", replica", url));
  }

  /**
   * {@return this shard with one replica more, with the shard's credentials if the options have
   * none}
   *
   * @param replica the driver, the host and the database, as R2DBC has them
   */
  public Shard withReplica(ConnectionFactoryOptions replica) {
    ConnectionFactoryOptions.Builder whole = replica.mutate();
    if (!replica.hasOption(ConnectionFactoryOptions.USER)) {
      inherit(ConnectionFactoryOptions.USER, whole);
      inherit(ConnectionFactoryOptions.PASSWORD, whole);
    }
    List<ConnectionFactoryOptions> more = new ArrayList<>(replicas);
    more.add(whole.build());
    return new Shard(id, options, pool, more);
  }

  @SuppressWarnings("unchecked")
  private <T> void inherit(Option<T> option, ConnectionFactoryOptions.Builder whole) {
    if (options.hasOption(option)) {
      whole.option(option, (T) Objects.requireNonNull(options.getValue(option)));
    }
  }

  /**
   * {@return this shard with credentials, for a URL that has none}
   *
   * @param user the account's name
   * @param password the account's password; it is shown nowhere
   */
  public Shard withCredentials(String user, CharSequence password) {
    return new Shard(
        id,
        options
            .mutate()
            .option(ConnectionFactoryOptions.USER, user)
            .option(ConnectionFactoryOptions.PASSWORD, password)
            .build(),
        pool,
        replicas);
  }

  @Override
  public String toString() {
    return new Server(id, options, true).toString();
  }

  private static ConnectionFactoryOptions parse(String id, String url) {
    ConnectionFactoryOptions options = optionsOf(url);
    if (options == null) {
      throw new IllegalArgumentException(
          "shard " + id + ", url: malformed (expected: r2dbc:mysql://host:port/database)");
    }
    return options;
  }

  /**
   * {@return the options of a URL; null if it is malformed} The parser's own message quotes the
   * URL, and with it passwords.
   *
   * @param url an R2DBC URL
   */
  @Internal
  public static @Nullable ConnectionFactoryOptions optionsOf(String url) {
    Tls.declareSecrets();
    try {
      ConnectionFactoryOptions options = ConnectionFactoryOptions.parse(url);
      return namesHost(options) ? options : null;
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /**
   * Tells whether the options name a host. The parser takes a malformed port, and the text before a
   * stray slash, into the host.
   */
  private static boolean namesHost(ConnectionFactoryOptions options) {
    return options.getValue(ConnectionFactoryOptions.HOST) instanceof String host
        && !host.isEmpty()
        && (host.startsWith("[") || host.indexOf(':') < 0);
  }
}
