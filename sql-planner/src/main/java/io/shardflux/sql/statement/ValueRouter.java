package io.shardflux.sql.statement;

import io.shardflux.router.Internal;

/** Says what a statement touches with certain values. Immutable, thread-safe. */
@Internal
public interface ValueRouter {
  Routing route(Binds binds);
}
