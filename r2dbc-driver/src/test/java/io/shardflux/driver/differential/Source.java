package io.shardflux.driver.differential;

/**
 * A table as a statement names it.
 *
 * @param prefix what stands before its columns
 */
record Source(Table table, String alias, String prefix) {

  Source(Table table, String alias) {
    this(table, alias, alias + ".");
  }

  String name(Column column) {
    return prefix + column.name();
  }
}
