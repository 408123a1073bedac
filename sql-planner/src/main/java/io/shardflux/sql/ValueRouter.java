package io.shardflux.sql;

/** Says what a statement touches with certain values. Immutable, thread-safe. */
interface ValueRouter {
  Routing route(Binds binds);
}
