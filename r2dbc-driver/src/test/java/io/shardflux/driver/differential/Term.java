package io.shardflux.driver.differential;

/** An expression. */
record Term(String sql, Kind kind) {

  boolean isColumn() {
    return sql.matches("[a-z_.]+");
  }
}
