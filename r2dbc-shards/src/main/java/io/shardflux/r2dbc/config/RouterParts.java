package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.Internal;
import io.shardflux.router.Topology;
import java.util.List;

/**
 * What a router's own document and application say, before a shared topology takes its place.
 *
 * @param topology the shards, strategies and tables, of epoch 1
 * @param shards the servers of these shards
 * @param options the settings of all shards
 * @param accounts the accounts that a shared topology may name
 */
@Internal
public record RouterParts(
    Topology topology, List<Shard> shards, RouterOptions options, Accounts accounts) {

  /** Copies the shards. */
  public RouterParts {
    shards = List.copyOf(shards);
  }
}
