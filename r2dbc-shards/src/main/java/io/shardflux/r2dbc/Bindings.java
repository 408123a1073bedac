package io.shardflux.r2dbc;

import io.r2dbc.spi.Statement;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The values bound to a statement's markers, by name or by position from 0. Immutable. */
final class Bindings {

  static final Bindings NONE = new Bindings(Map.of());

  private final Map<String, @Nullable Object> values;

  private Bindings(Map<String, @Nullable Object> values) {
    this.values = values;
  }

  /** These and one more, for a marker of the statement that has no value yet. */
  Bindings with(SqlTemplate sql, String marker, @Nullable Object value) {
    if (!sql.markers().contains(marker)) {
      throw new IllegalArgumentException(
          "bind: " + marker + " (expected: one of " + sql.markers() + ") in: " + sql.text());
    }
    if (values.containsKey(marker)) {
      throw new IllegalArgumentException("bind: " + marker + ", twice (expected: once)");
    }
    Map<String, @Nullable Object> more = new LinkedHashMap<>(values);
    more.put(marker, value);
    return new Bindings(more);
  }

  /** These and a value for every marker of a statement with {@code ?} alone, in their order. */
  Bindings withAll(SqlTemplate sql, List<? extends @Nullable Object> all) {
    List<String> markers = sql.markers();
    if (sql.named() || !values.isEmpty() || all.size() != markers.size()) {
      throw new IllegalArgumentException(
          "bind: "
              + all.size()
              + " values (expected: one for each ?, of which there are "
              + (sql.named() ? 0 : markers.size() - values.size())
              + ") in: "
              + sql.text());
    }
    Map<String, @Nullable Object> more = new LinkedHashMap<>();
    for (int i = 0; i < all.size(); i++) {
      more.put(markers.get(i), all.get(i));
    }
    return new Bindings(more);
  }

  /** Refuses a statement that has a marker without a value; the marker excepted is filled later. */
  void check(SqlTemplate sql, @Nullable String except) {
    for (String marker : sql.markers()) {
      if (!marker.equals(except) && !values.containsKey(marker)) {
        throw new IllegalArgumentException(
            "bind: no value for "
                + marker
                + " (expected: one for each of "
                + sql.markers()
                + ") in: "
                + sql.text());
      }
    }
  }

  /** Binds every marker in order; the values of the list marker stand for that marker. */
  void apply(
      Statement statement, SqlTemplate sql, @Nullable String listMarker, List<Object> listValues) {
    int index = 0;
    for (String marker : sql.markers()) {
      if (marker.equals(listMarker)) {
        for (Object value : listValues) {
          statement.bind(index++, value);
        }
      } else {
        bind(statement, index++, values.get(marker));
      }
    }
  }

  static void bind(Statement statement, int index, @Nullable Object value) {
    if (value == null) {
      statement.bindNull(index, Object.class);
    } else {
      // Reading moves a buffer on, and other shards and attempts are to find it as it was.
      statement.bind(index, value instanceof ByteBuffer bytes ? bytes.duplicate() : value);
    }
  }
}
