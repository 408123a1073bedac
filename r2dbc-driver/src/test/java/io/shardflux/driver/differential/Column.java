package io.shardflux.driver.differential;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A column of the differential tests.
 *
 * @param type its type in SQL
 * @param values what it is filled with and compared to; it is nullable if null is among them
 */
record Column(String name, Kind kind, String type, List<@Nullable Object> values) {

  boolean nullable() {
    return values.contains(null);
  }

  String definition() {
    return name
        + " "
        + type
        + (kind.text() ? " COLLATE " + kind.collation() : "")
        + (nullable() ? " NULL" : " NOT NULL");
  }

  /** An expression that tells the column's values apart, byte by byte. */
  String digits() {
    String text = kind == Kind.BYTES || kind == Kind.BITS ? name : "CAST(" + name + " AS CHAR)";
    return "COALESCE(HEX(" + text + "), 'NULL')";
  }
}
