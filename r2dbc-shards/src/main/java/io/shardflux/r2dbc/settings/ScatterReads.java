package io.shardflux.r2dbc.settings;

import io.shardflux.r2dbc.ShardRouter;

/**
 * Whether a read in SQL that names no key may go to several shards, where SQL is planned over all
 * of them; a hint says otherwise for one statement. {@link ShardRouter#onAll} isn't meant.
 */
public enum ScatterReads {
  /** It may; the default. */
  ALLOWED,
  /** It may, and its text is logged as a warning of the logger {@code io.shardflux.scatter}. */
  LOGGED,
  /** It is refused. */
  REFUSED
}
