package io.shardflux.r2dbc.statement;

import io.r2dbc.spi.Statement;
import io.shardflux.router.Internal;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The values bound to a statement's markers, by name or by position from 0. Immutable.
 *
 * <p>Those that were made one from the other share one map, of which each sees the values up to its
 * own: binding a thousand values one by one copies none of them.
 */
@Internal
public final class Binds {

  public static final Binds NONE = new Binds(new HashMap<>(), 0, null);

  // Guarded by itself.
  private final Map<String, Value> shared;
  private final int seen;

  /** The values of all markers in their order, in place of the map; null if they are in the map. */
  private final @Nullable List<@Nullable Object> all;

  private Binds(Map<String, Value> shared, int seen, @Nullable List<@Nullable Object> all) {
    this.shared = shared;
    this.seen = seen;
    this.all = all;
  }

  /**
   * A value.
   *
   * @param number how many were bound before it
   */
  private record Value(int number, @Nullable Object value) {}

  private @Nullable Value get(String marker) {
    Value value;
    synchronized (shared) {
      value = shared.get(marker);
    }
    return value == null || value.number() >= seen ? null : value;
  }

  /** These values and one more, for a marker of the statement that has no value yet. */
  public Binds with(SqlTemplate sql, String marker, @Nullable Object value) {
    if (!sql.has(marker)) {
      throw new IllegalArgumentException(
          "bind: " + marker + " (expected: one of " + sql.shownMarkers() + ") in: " + sql.shown());
    }
    if (all != null || get(marker) != null) {
      throw new IllegalArgumentException("bind: " + marker + ", twice (expected: once)");
    }
    Map<String, Value> values = shared;
    synchronized (shared) {
      if (this == NONE || shared.size() != seen) {
        values = copy();
      }
      values.put(marker, new Value(seen, value));
    }
    return new Binds(values, seen + 1, null);
  }

  /** Apart from what others bound beyond these. */
  private Map<String, Value> copy() {
    Map<String, Value> own = new HashMap<>();
    shared.forEach(
        (marker, value) -> {
          if (value.number() < seen) {
            own.put(marker, value);
          }
        });
    return own;
  }

  /**
   * These values and a value for every marker of a statement with {@code ?} only, in their order.
   */
  Binds withAll(SqlTemplate sql, List<? extends @Nullable Object> values) {
    int markers = sql.markers().size();
    if (sql.named() || all != null || seen > 0 || values.size() != markers) {
      throw new IllegalArgumentException(
          "bind: "
              + values.size()
              + " values (expected: one for each ?, of which there are "
              + (sql.named() || all != null ? 0 : markers - seen)
              + ") in: "
              + sql.shown());
    }
    return new Binds(NONE.shared, 0, new ArrayList<>(values));
  }

  /** Refuses a statement that has a marker without a value; the marker excepted is filled later. */
  public void check(SqlTemplate sql, @Nullable String except) {
    if (all != null) {
      return;
    }
    for (String marker : sql.markers()) {
      if (!marker.equals(except) && get(marker) == null) {
        throw new IllegalArgumentException(
            "bind: no value for "
                + marker
                + " (expected: one for each of "
                + sql.shownMarkers()
                + ") in: "
                + sql.shown());
      }
    }
  }

  /** Binds every marker in order; the values of the list marker stand for that marker. */
  void apply(
      Statement statement, SqlTemplate sql, @Nullable String listMarker, List<Object> listValues) {
    int index = 0;
    if (all != null) {
      for (Object value : all) {
        bind(statement, index++, value);
      }
      return;
    }
    for (String marker : sql.markers()) {
      if (marker.equals(listMarker)) {
        for (Object value : listValues) {
          statement.bind(index++, value);
        }
      } else {
        Value value = get(marker);
        bind(statement, index++, value == null ? null : value.value());
      }
    }
  }

  public static void bind(Statement statement, int index, @Nullable Object value) {
    if (value == null) {
      statement.bindNull(index, Object.class);
    } else {
      // Reading moves a buffer on, and other shards and attempts are to find it as it was.
      statement.bind(index, value instanceof ByteBuffer bytes ? bytes.duplicate() : value);
    }
  }
}
