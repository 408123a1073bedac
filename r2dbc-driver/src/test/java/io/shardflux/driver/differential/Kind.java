package io.shardflux.driver.differential;

/** What a column or an expression of the differential tests holds. */
enum Kind {
  INTEGER,
  /** Up to the largest there is, so nothing is added to it. */
  UNSIGNED,
  DECIMAL,
  DOUBLE,
  /** Text in {@code utf8mb4_general_ci}. */
  GENERAL,
  /** Text in {@code utf8mb4_unicode_ci}. */
  UNICODE,
  /** Text in {@code utf8mb4_bin}. */
  BINARY,
  FLAG,
  /** An {@code ENUM}, whose order is not that of its names. */
  CHOICE,
  DATE,
  DATE_TIME,
  TIME;

  boolean text() {
    return this == GENERAL || this == UNICODE || this == BINARY;
  }

  /** Whether texts that differ can be equal: of such one server gives whichever it meets first. */
  boolean folded() {
    return this == GENERAL || this == UNICODE || this == BINARY;
  }

  boolean number() {
    return this == INTEGER || this == UNSIGNED || this == DECIMAL || this == DOUBLE;
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
