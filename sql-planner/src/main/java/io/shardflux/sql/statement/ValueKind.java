package io.shardflux.sql.statement;

/** What a column's values are read as, so that they are the same once they are bound. */
public enum ValueKind {
  /** Integers of any width. */
  WHOLE,
  /** Decimals. */
  DECIMAL,
  /** Texts. */
  TEXT,
  /** Whatever: only whether there is a row counts. */
  ANY
}
