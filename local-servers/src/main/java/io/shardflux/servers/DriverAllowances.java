package io.shardflux.servers;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/** The one thing that the driver itself does on an event loop and that BlockHound reports. */
public final class DriverAllowances implements BlockHoundIntegration {

  /** For the service loader. */
  public DriverAllowances() {}

  @Override
  public void applyTo(BlockHound.Builder builder) {
    // r2dbc-mysql builds its TLS context, which reads /dev/urandom and key stores, when it
    // connects.
    builder.allowBlockingCallsInside(
        "io.asyncer.r2dbc.mysql.client.SslBridgeHandler", "userEventTriggered");
  }
}
