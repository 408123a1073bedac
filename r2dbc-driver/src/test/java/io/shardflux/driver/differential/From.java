package io.shardflux.driver.differential;

import java.util.List;

/**
 * The sources that a statement reads from.
 *
 * @param sql as it stands after {@code FROM}
 * @param condition what {@code WHERE} has to say, perhaps nothing
 * @param shape what it is, for the count of the refused
 */
record From(String sql, List<Source> sources, String condition, String shape) {

  From(String sql, List<Source> sources, String shape) {
    this(sql, sources, "", shape);
  }
}
