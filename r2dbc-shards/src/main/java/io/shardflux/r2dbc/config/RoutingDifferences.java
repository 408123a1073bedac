package io.shardflux.r2dbc.config;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The places in which two trees of routing differ, in words. Not thread-safe. */
final class RoutingDifferences {

  private static final String BREAKS = "\u2028\u2029";
  private static final int MAX_LINES = 20;
  private static final int MAX_LINE = 200;
  private static final int MAX_VALUE = 60;

  private final List<String> lines = new ArrayList<>();
  private int more;

  private RoutingDifferences() {}

  static List<String> of(Object document, Object published) {
    RoutingDifferences differences = new RoutingDifferences();
    differences.compare("", document, published);
    if (differences.more > 0) {
      differences.lines.set(MAX_LINES - 1, "and " + (differences.more + 1) + " more");
    }
    return Collections.unmodifiableList(differences.lines);
  }

  private void compare(String path, Object document, Object published) {
    if (document.equals(published)) {
      return;
    }
    if (document instanceof Map<?, ?> left && published instanceof Map<?, ?> right) {
      compareMaps(path, left, right);
    } else if (document instanceof List<?> left
        && published instanceof List<?> right
        && Math.max(text(left).length(), text(right).length()) > MAX_VALUE) {
      compareLists(path, left, right);
    } else {
      add(path, brief(document) + " in the document, " + brief(published) + " published");
    }
  }

  private void compareMaps(String path, Map<?, ?> document, Map<?, ?> published) {
    Set<Object> keys = new LinkedHashSet<>(document.keySet());
    keys.addAll(published.keySet());
    for (Object key : keys) {
      String place = path.isEmpty() ? key.toString() : path + "." + key;
      compareOrMissing(place, document.get(key), published.get(key));
    }
  }

  private void compareLists(String path, List<?> document, List<?> published) {
    for (int i = 0; i < Math.max(document.size(), published.size()); i++) {
      compareOrMissing(
          path + "[" + i + "]",
          i < document.size() ? document.get(i) : null,
          i < published.size() ? published.get(i) : null);
    }
  }

  private void compareOrMissing(
      String path, @Nullable Object document, @Nullable Object published) {
    if (document == null) {
      add(path, "only in what is published");
    } else if (published == null) {
      add(path, "only in the document");
    } else {
      compare(path, document, published);
    }
  }

  private void add(String path, String how) {
    if (lines.size() == MAX_LINES) {
      more++;
      return;
    }
    lines.add(shown(clipped(path, MAX_LINE - how.length() - 2) + ": " + how));
  }

  /** A line without the line breaks that a name may hold. */
  private static String shown(String line) {
    StringBuilder shown = new StringBuilder(line);
    for (int i = 0; i < line.length(); i++) {
      if (Character.isISOControl(line.charAt(i)) || BREAKS.indexOf(line.charAt(i)) >= 0) {
        shown.setCharAt(i, '?');
      }
    }
    return shown.toString();
  }

  private static String brief(Object value) {
    return clipped(text(value), MAX_VALUE);
  }

  private static String text(Object value) {
    return value instanceof String text ? text : JsonWriter.write(value);
  }

  private static String clipped(String text, int length) {
    return text.length() <= length ? text : text.substring(0, length - 1) + "…";
  }
}
