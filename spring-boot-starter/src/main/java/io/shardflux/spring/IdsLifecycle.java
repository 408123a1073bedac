package io.shardflux.spring;

import io.shardflux.r2dbc.ids.ShardIds;
import reactor.core.publisher.Mono;

/** Gives the node of the ids back when the web server has stopped; there is nothing to start. */
final class IdsLifecycle extends ClosingLifecycle {

  IdsLifecycle(ShardIds ids) {
    super(ids.toString(), Mono.defer(ids::close));
  }
}
