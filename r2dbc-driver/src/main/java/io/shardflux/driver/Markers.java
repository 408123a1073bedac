package io.shardflux.driver;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.sql.Binds;
import io.shardflux.sql.Prepared;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The places of a statement's values: {@code ?} by index, {@code :name} by name or by the index of
 * the name's first place.
 */
final class Markers {

  private static final int MOST_SHOWN = 100;
  private static final Markers NONE = new Markers(List.of());

  private final List<? extends @Nullable String> names;

  /** Made when the first name is looked for. */
  private @Nullable Map<String, Integer> indexes;

  /**
   * Markers.
   *
   * @param names the names, or nulls
   */
  Markers(List<? extends @Nullable String> names) {
    this.names = names;
  }

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
          "values: "
              + shown(values.keySet())
              + " (expected: one for each of "
              + shown(names)
              + ")");
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
    if (indexes == null) {
      indexes = new HashMap<>();
      for (int i = 0; i < names.size(); i++) {
        if (names.get(i) != null) {
          indexes.putIfAbsent(names.get(i), i);
        }
      }
    }
    Integer index = indexes.get(name);
    if (index == null) {
      throw new NoSuchElementException(
          "bind: " + name + " (expected: one of " + shown(names) + ")");
    }
    return index;
  }

  /** The first of many. */
  private static String shown(Collection<?> names) {
    return names.size() <= MOST_SHOWN
        ? names.toString()
        : names.stream().limit(MOST_SHOWN).toList()
            + " and "
            + (names.size() - MOST_SHOWN)
            + " more";
  }
}
