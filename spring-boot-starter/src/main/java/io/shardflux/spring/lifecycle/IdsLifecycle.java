package io.shardflux.spring.lifecycle;

import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.router.Internal;
import reactor.core.publisher.Mono;

/** Gives the node of the ids back when the web server has stopped; there is nothing to start. */
@Internal
public final class IdsLifecycle extends ClosingLifecycle {

  public IdsLifecycle(ShardIds ids) {
    super(ids.toString(), Mono.defer(ids::close));
  }
}
