package io.shardflux.r2dbc.settings;

/**
 * Says whether a read in SQL that names no key may go to several shards, where SQL is planned over
 * all of them. A hint overrides it for one statement. It does not concern {@code
 * ShardRouter.onAll}.
 */
public enum ScatterReads {
  /** The read may; the default. */
  ALLOWED,
  /**
   * The read may, and its text is logged as a warning of the logger {@code io.shardflux.scatter}.
   */
  LOGGED,
  /** The read is refused. */
  REFUSED
}
