package io.shardflux.spring.property;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.origin.Origin;

/**
 * The keys that a message of the router begins with, as far as the sources have them: {@code
 * pool.max-size: many (expected: …)}.
 *
 * @param keys from the outermost to the innermost, the root first
 * @param rest of the message
 */
record PropertyPath(List<PropertyNode> keys, String rest) {

  static PropertyPath of(PropertyNode root, String message) {
    List<PropertyNode> keys = new ArrayList<>(List.of(root));
    String rest = message;
    for (PropertyNode key = root; key != null; ) {
      String shown = key == root ? "" : shown(key, rest);
      rest = rest.substring(shown.length());
      rest = rest.startsWith("]") ? rest.substring(1) : rest;
      if (key != root && (rest.startsWith(".") || rest.startsWith("["))) {
        rest = rest.substring(1);
      } else if (key != root) {
        break;
      }
      key = next(key, rest);
      if (key != null) {
        keys.add(key);
      }
    }
    return new PropertyPath(List.copyOf(keys), rest);
  }

  private static @Nullable PropertyNode next(PropertyNode key, String rest) {
    PropertyNode next = null;
    for (PropertyNode child : key.children()) {
      String shown = shown(child, rest);
      if (!shown.isEmpty() && (next == null || shown.length() > shown(next, rest).length())) {
        next = child;
      }
    }
    return next;
  }

  /**
   * The form in which a key stands at the beginning of a text: that of its source, or the router's
   * spelling.
   */
  private static String shown(PropertyNode key, String text) {
    if (text.startsWith(key.name()) && ends(text, key.name().length())) {
      return key.name();
    }
    int end = 0;
    while (!ends(text, end)) {
      end++;
    }
    String step = text.substring(0, end);
    return key.isLike(step) ? step : "";
  }

  private static boolean ends(String text, int at) {
    return at >= text.length() || ".[]:".indexOf(text.charAt(at)) >= 0;
  }

  PropertyNode last() {
    return keys.get(keys.size() - 1);
  }

  /**
   * The place of the setting, or the place beside which it should stand; null if no source says.
   */
  @Nullable Origin origin() {
    return keys.size() == 1
        ? null
        : last()
            .all()
            .map(PropertyNode.Said::origin)
            .filter(it -> it != null)
            .findFirst()
            .orElse(null);
  }

  /**
   * Tells whether only the environment has the key and it is not a setting, but another program's
   * variable.
   */
  boolean isForeign() {
    boolean noSetting =
        rest.startsWith(": unknown (") || rest.startsWith(": a single value (expected: a map)");
    // A shard without a URL, or a strategy without a type.
    boolean noEntry =
        keys.size() == 3
            && (keys.get(1).isLike("shards") || keys.get(1).isLike("strategies"))
            && (rest.startsWith("url: missing (") || rest.startsWith("type: missing ("));
    return keys.size() > 1
        && (noSetting || noEntry)
        && last().all().allMatch(PropertyNode.Said::environment);
  }

  /** Removes the key, and keys that are empty without it. */
  void remove() {
    for (int i = keys.size() - 1; i > 0; i--) {
      keys.get(i - 1).remove(keys.get(i));
      if (!keys.get(i - 1).isEmpty()) {
        return;
      }
    }
  }
}
