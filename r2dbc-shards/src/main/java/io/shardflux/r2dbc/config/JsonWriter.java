package io.shardflux.r2dbc.config;

import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * Writes maps, lists, texts, integers and booleans as one line of JSON (RFC 8259) in ASCII, so that
 * no character set changes it. Not thread-safe.
 */
final class JsonWriter {

  static final int MAX_LENGTH = 1 << 20;
  static final int MAX_NESTING = 32;

  private final StringBuilder json = new StringBuilder();
  private int nesting;

  private JsonWriter() {}

  /**
   * The JSON of a tree.
   *
   * @throws IllegalArgumentException if it would have more than 1 MiB or 32 levels
   */
  static String write(Object tree) {
    JsonWriter writer = new JsonWriter();
    writer.value(tree);
    return writer.json.toString();
  }

  private void value(Object value) {
    if (value instanceof Map<?, ?> map) {
      begin('{');
      map(map);
      end('}');
    } else if (value instanceof List<?> list) {
      begin('[');
      list(list);
      end(']');
    } else if (value instanceof String text) {
      text(text);
    } else {
      json.append(value);
    }
    if (json.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "topology: more than "
              + MAX_LENGTH
              + " characters as JSON (expected: at most that; look for slots, ranges or tenants that"
              + " can be fewer)");
    }
  }

  private void begin(char bracket) {
    if (++nesting > MAX_NESTING) {
      throw new IllegalArgumentException(
          "topology: nested too deeply (expected: at most " + MAX_NESTING + " levels as JSON)");
    }
    json.append(bracket);
  }

  private void end(char bracket) {
    nesting--;
    json.append(bracket);
  }

  private void map(Map<?, ?> map) {
    Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<?, ?> entry = entries.next();
      text((String) entry.getKey());
      json.append(':');
      value(entry.getValue());
      separate(entries);
    }
  }

  private void list(List<?> list) {
    Iterator<?> items = list.iterator();
    while (items.hasNext()) {
      value(items.next());
      separate(items);
    }
  }

  private void separate(Iterator<?> rest) {
    if (rest.hasNext()) {
      json.append(',');
    }
  }

  private void text(String text) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      character(text.charAt(i));
    }
    json.append('"');
  }

  private void character(char character) {
    if (character == '"' || character == '\\') {
      json.append('\\').append(character);
    } else if (character < ' ' || character > '~') {
      json.append("\\u").append(Integer.toHexString(0x10000 | character), 1, 5);
    } else {
      json.append(character);
    }
  }
}
