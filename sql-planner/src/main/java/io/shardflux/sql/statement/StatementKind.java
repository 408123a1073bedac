package io.shardflux.sql.statement;

/** Says what a statement does to rows. */
public enum StatementKind {
  /** Gives rows and changes nothing; any server of a shard may answer. */
  READ,
  /** Gives rows and locks them, by {@code FOR UPDATE} or {@code FOR SHARE}. */
  LOCKING_READ,
  /** {@code INSERT} or {@code REPLACE}. */
  INSERT,
  /** {@code UPDATE}. */
  UPDATE,
  /** {@code DELETE}. */
  DELETE,
  /** A statement that isn't analysed, and goes as it is to the shard that a hint names. */
  OTHER
}
