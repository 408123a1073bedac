package io.shardflux.driver.differential;

/** The kind of value in a column or an expression of the differential tests. */
enum Kind {
  INTEGER,
  /** Up to the largest there is, so nothing is added to it. */
  UNSIGNED,
  DECIMAL,
  DOUBLE,
  /** Holds fewer digits than a number of Java's that it is compared to. */
  FLOAT,
  YEAR,
  BITS,
  /** Text in {@code utf8mb4_general_ci}. */
  GENERAL,
  /** Text in {@code utf8mb4_unicode_ci}. */
  UNICODE,
  /** Text in {@code utf8mb4_bin}. */
  BINARY,
  FLAG,
  /** An {@code ENUM} or {@code SET}, whose order is not that of its names. */
  CHOICE,
  DATE,
  DATE_TIME,
  TIME,
  /** A {@code TIMESTAMP}. */
  INSTANT,
  UUID,
  BYTES;

  boolean text() {
    return this == GENERAL || this == UNICODE || this == BINARY;
  }

  /**
   * Whether values that differ can be equal: of such texts one server gives whichever it meets
   * first, and of bits a number or their bytes.
   */
  boolean folded() {
    return text() || this == BITS;
  }

  boolean number() {
    return switch (this) {
      case INTEGER, UNSIGNED, DECIMAL, DOUBLE, FLOAT, YEAR, BITS -> true;
      default -> false;
    };
  }

  /** The collation of a text. */
  String collation() {
    return switch (this) {
      case GENERAL -> "utf8mb4_general_ci";
      case UNICODE -> "utf8mb4_unicode_ci";
      default -> "utf8mb4_bin";
    };
  }
}
