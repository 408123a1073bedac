package io.shardflux.r2dbc.settings;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import org.jspecify.annotations.Nullable;

/**
 * One server of a shard; its text shows neither user nor password.
 *
 * @param shard the shard
 * @param options the way to it
 * @param primary whether it takes writes
 * @param shared the topology that says which database it must be, or null if any will do
 */
@Internal
public record Server(
    ShardId shard,
    ConnectionFactoryOptions options,
    boolean primary,
    @Nullable SharedTopology shared) {

  /** A server whose database may be any. */
  public Server(ShardId shard, ConnectionFactoryOptions options, boolean primary) {
    this(shard, options, primary, null);
  }

  /** The same server by another way. */
  public Server with(ConnectionFactoryOptions other) {
    return new Server(shard, other, primary, shared);
  }

  public String host() {
    Object host = options.getValue(ConnectionFactoryOptions.HOST);
    return host == null ? "" : host.toString();
  }

  public int port() {
    Object port = options.getValue(ConnectionFactoryOptions.PORT);
    return port == null ? 0 : Integer.parseInt(port.toString());
  }

  public String address() {
    return host() + ":" + port();
  }

  public String role() {
    return primary ? "primary" : "replica";
  }

  @Override
  public String toString() {
    return shard + "@" + address() + (primary ? "" : " (replica)");
  }
}
