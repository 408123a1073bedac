package io.shardflux.driver;

import io.shardflux.sql.Prepared;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.syntax.MarkerScan;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The places of a statement's values: {@code ?} by index, {@code :name} by name or by the index of
 * the name's first place. A text that was not analysed yet is read only as far as its markers are
 * asked for, so that no event loop reads a long text at once.
 */
final class Markers {

  private static final int MOST_SHOWN = 100;

  /** The characters in which a marker without a value is looked for before a text is planned. */
  static final int SHORT_LOOK = 4_096;

  private final List<@Nullable String> names;

  /** The scan of the unread text; null if all is read. */
  private final @Nullable MarkerScan scan;

  /** Made when the first name is looked for. */
  private @Nullable Map<String, Integer> indexes;

  private Markers(List<? extends @Nullable String> names, @Nullable MarkerScan scan) {
    this.names = new ArrayList<>(names);
    this.scan = scan;
  }

  /** The markers of a text that was analysed. */
  static Markers of(Prepared known) {
    return new Markers(known.markers(), null);
  }

  /** The markers of a text that may not have been analysed yet. */
  static Markers of(String sql, @Nullable Prepared known) {
    return known == null ? new Markers(List.of(), new MarkerScan(sql)) : of(known);
  }

  /** Values by name. There must be one for each marker and no other. */
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

  /** The number of the text's characters that were read here. */
  int read() {
    return scan == null ? 0 : scan.at();
  }

  /** Tells whether there are more than that many markers, as far as a short look tells. */
  boolean exceed(int count) {
    return names.size() > count || (scan != null && readNew(scan.at() + SHORT_LOOK));
  }

  /** Reads up to the next marker that is not known yet. */
  private boolean readNew(int end) {
    while (scan != null && scan.next(end)) {
      String name = scan.name();
      if (name == null || indexes().putIfAbsent(name, names.size()) == null) {
        names.add(name);
        return true;
      }
    }
    return false;
  }

  private boolean readNew() {
    return readNew(Integer.MAX_VALUE);
  }

  int index(int index) {
    while (index >= names.size() && readNew()) {
      // As far as it stands.
    }
    if (index < 0 || index >= names.size()) {
      throw new IndexOutOfBoundsException(
          "bind: " + index + " (expected: below " + names.size() + ", the number of markers)");
    }
    return index;
  }

  int index(String name) {
    Integer index = indexes().get(name);
    while (index == null && readNew()) {
      index = indexes().get(name);
    }
    if (index == null) {
      throw new NoSuchElementException(
          "bind: " + name + " (expected: one of " + shown(names) + ")");
    }
    return index;
  }

  private Map<String, Integer> indexes() {
    if (indexes == null) {
      indexes = new HashMap<>();
      for (int i = 0; i < names.size(); i++) {
        if (names.get(i) != null) {
          indexes.putIfAbsent(names.get(i), i);
        }
      }
    }
    return indexes;
  }

  /** The first of many names. */
  private static String shown(Collection<?> names) {
    return names.size() <= MOST_SHOWN
        ? names.toString()
        : names.stream().limit(MOST_SHOWN).toList()
            + " and "
            + (names.size() - MOST_SHOWN)
            + " more";
  }
}
