package io.shardflux.r2dbc;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.router.ShardId;

/**
 * One server of a shard; its text shows neither user nor password.
 *
 * @param shard whose it is
 * @param options the way to it
 * @param primary whether it takes writes
 */
record Server(ShardId shard, ConnectionFactoryOptions options, boolean primary) {

  String host() {
    Object host = options.getValue(ConnectionFactoryOptions.HOST);
    return host == null ? "" : host.toString();
  }

  int port() {
    Object port = options.getValue(ConnectionFactoryOptions.PORT);
    return port == null ? 0 : Integer.parseInt(port.toString());
  }

  String address() {
    return host() + ":" + port();
  }

  String role() {
    return primary ? "primary" : "replica";
  }

  @Override
  public String toString() {
    return shard + "@" + address() + (primary ? "" : " (replica)");
  }
}
