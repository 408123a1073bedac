package io.shardflux.driver;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.sql.Binds;
import io.shardflux.sql.Prepared;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The places of a statement's values: {@code ?} by index, {@code :name} by name or by the index of
 * the name's first place.
 *
 * @param names the names, or nulls
 */
record Markers(List<? extends @Nullable String> names) {

  private static final Markers NONE = new Markers(List.of());

  /** Of a text that may not have been analysed yet; costs one walk through it. */
  static Markers of(String sql, @Nullable Prepared known, ShardRouter router) {
    if (known != null) {
      return new Markers(known.markers());
    }
    if (sql.indexOf('?') < 0 && sql.indexOf(':') < 0) {
      return NONE;
    }
    List<@Nullable String> names = new ArrayList<>();
    for (String marker : new LinkedHashSet<>(router.markers(sql))) {
      names.add(Character.isDigit(marker.charAt(0)) ? null : marker);
    }
    return new Markers(names);
  }

  int count() {
    return names.size();
  }

  /** Values by name, of which there has to be one for each marker and no other. */
  Binds binds(Map<String, ? extends @Nullable Object> values) {
    if (!values.keySet().equals(new HashSet<>(names))) {
      throw new IllegalArgumentException(
          "values: " + values.keySet() + " (expected: one for each of " + names + ")");
    }
    List<@Nullable Object> inOrder = new ArrayList<>();
    names.forEach(name -> inOrder.add(values.get(name)));
    return Binds.of(inOrder);
  }

  int index(int index) {
    if (index < 0 || index >= names.size()) {
      throw new IndexOutOfBoundsException(
          "bind: " + index + " (expected: below " + names.size() + ", the number of markers)");
    }
    return index;
  }

  int index(String name) {
    int index = names.indexOf(name);
    if (index < 0) {
      throw new NoSuchElementException("bind: " + name + " (expected: one of " + names + ")");
    }
    return index;
  }
}
