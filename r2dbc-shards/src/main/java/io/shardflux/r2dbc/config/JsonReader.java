package io.shardflux.r2dbc.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON (RFC 8259) into maps in their order, lists and texts; integers and truths are left as
 * their texts, since a {@link Setting} reads them. A topology has no other numbers. The YAML reader
 * takes a thousand times as long for a large topology, and no key above 1,022 characters. Not
 * thread-safe.
 */
final class JsonReader {

  private static final Pattern INTEGER = Pattern.compile("0|-?[1-9][0-9]{0,19}");
  private static final String ESCAPED = "\"\\/bfnrt";
  private static final String ESCAPES = "\"\\/\b\f\n\r\t";

  private final String json;
  private int at;
  private int nesting;

  private JsonReader(String json) {
    this.json = json;
  }

  /**
   * The tree of a text.
   *
   * @throws IllegalArgumentException if it has more than 1 MiB or 32 levels, or is malformed; the
   *     message shows the place and nothing of the text
   */
  static @Nullable Object read(String json) {
    if (json.length() > JsonWriter.MAX_LENGTH) {
      throw new IllegalArgumentException(
          "topology: "
              + json.length()
              + " characters (expected: at most "
              + JsonWriter.MAX_LENGTH
              + ")");
    }
    JsonReader reader = new JsonReader(json);
    Object tree = reader.value();
    reader.space();
    if (reader.at < json.length()) {
      throw reader.malformed("its end");
    }
    return tree;
  }

  private @Nullable Object value() {
    space();
    return switch (peek()) {
      case '{' -> map();
      case '[' -> list();
      case '"' -> text();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> {
        word("null");
        yield null;
      }
      default -> number();
    };
  }

  private Map<String, @Nullable Object> map() {
    begin();
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    space();
    while (peek() != '}') {
      int start = at;
      String key = text();
      if (map.containsKey(key)) {
        at = start;
        throw malformed("each key once");
      }
      space();
      take(':');
      map.put(key, value());
      more('}');
    }
    end();
    return map;
  }

  private List<@Nullable Object> list() {
    begin();
    List<@Nullable Object> list = new ArrayList<>();
    space();
    while (peek() != ']') {
      list.add(value());
      more(']');
    }
    end();
    return list;
  }

  private void begin() {
    if (++nesting > JsonWriter.MAX_NESTING) {
      throw malformed("at most " + JsonWriter.MAX_NESTING + " levels");
    }
    at++;
  }

  private void end() {
    nesting--;
    at++;
  }

  /** Goes on to the next element, or to the end. */
  private void more(char end) {
    space();
    if (peek() == end) {
      return;
    }
    take(',');
    space();
    if (peek() == end) {
      throw malformed("no ',' before '" + end + "'");
    }
  }

  private String text() {
    take('"');
    StringBuilder text = new StringBuilder();
    while (peek() != '"') {
      char character = peek();
      if (character < ' ') {
        throw malformed("an escape for a control character");
      }
      at++;
      text.append(character == '\\' ? escaped() : character);
    }
    at++;
    return text.toString();
  }

  private char escaped() {
    char character = peek();
    int index = ESCAPED.indexOf(character);
    if (character != 'u' && index < 0) {
      throw malformed("an escape of JSON");
    }
    at++;
    return character == 'u' ? unicode() : ESCAPES.charAt(index);
  }

  private char unicode() {
    int code = 0;
    for (int i = 0; i < 4; i++) {
      char digit = peek();
      if (digit > 'f' || Character.digit(digit, 16) < 0) {
        throw malformed("four hexadecimal digits");
      }
      at++;
      code = code * 16 + Character.digit(digit, 16);
    }
    return (char) code;
  }

  private String number() {
    Matcher number = INTEGER.matcher(json).region(at, json.length());
    if (!number.lookingAt()) {
      throw malformed("a value");
    }
    at = number.end();
    return number.group();
  }

  private String word(String word) {
    if (!json.startsWith(word, at)) {
      throw malformed("a value");
    }
    at += word.length();
    return word;
  }

  private void take(char expected) {
    if (peek() != expected) {
      throw malformed("'" + expected + "'");
    }
    at++;
  }

  private void space() {
    while (at < json.length() && " \t\n\r".indexOf(json.charAt(at)) >= 0) {
      at++;
    }
  }

  /** The next character, which stays; a text that ends too soon is refused. */
  private char peek() {
    if (at == json.length()) {
      throw malformed("more of it");
    }
    return json.charAt(at);
  }

  private IllegalArgumentException malformed(String expected) {
    return new IllegalArgumentException(
        "topology, character "
            + (at + 1)
            + ": malformed (expected: "
            + expected
            + ", in JSON as a router published it)");
  }
}
