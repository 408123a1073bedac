package io.shardflux.r2dbc.directory;

import io.shardflux.router.KeyType;
import io.shardflux.router.ShardKey;
import java.math.BigInteger;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A key as a directory's table holds it. Different keys have different texts.
 *
 * @param types the types of the parts in lower case, with commas between: {@code text,integer}
 * @param text the canonical text of the part; for several parts, with commas between, and a
 *     backslash before each comma or backslash within
 */
record KeyText(String types, String text) {

  static KeyText of(ShardKey key) {
    String types =
        IntStream.range(0, key.size())
            .mapToObj(i -> key.type(i).name().toLowerCase(Locale.ROOT))
            .collect(Collectors.joining(","));
    String text =
        key.size() == 1
            ? key.text(0)
            : IntStream.range(0, key.size())
                .mapToObj(i -> key.text(i).replace("\\", "\\\\").replace(",", "\\,"))
                .collect(Collectors.joining(","));
    return new KeyText(types, text);
  }

  /**
   * The key.
   *
   * @throws IllegalArgumentException if no key is written so
   */
  ShardKey key() {
    try {
      ShardKey key = ShardKey.of(parts());
      if (of(key).equals(this)) {
        return key;
      }
    } catch (RuntimeException e) {
      // Refused below; what the parsers say adds nothing.
    }
    throw new IllegalArgumentException(
        "key: " + text + ", " + types + " (expected: canonical texts of parts of these types)");
  }

  private Object[] parts() {
    List<String> typed = List.of(types.split(",", -1));
    List<String> texts = typed.size() == 1 ? List.of(text) : split();
    Object[] parts = new Object[texts.size()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = part(KeyType.valueOf(typed.get(i).toUpperCase(Locale.ROOT)), texts.get(i));
    }
    return parts;
  }

  private List<String> split() {
    List<String> texts = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == ',') {
        texts.add(part.toString());
        part.setLength(0);
      } else {
        part.append(c == '\\' ? text.charAt(++i) : c);
      }
    }
    texts.add(part.toString());
    return texts;
  }

  private static Object part(KeyType type, String text) {
    return switch (type) {
      case INTEGER -> new BigInteger(text);
      case TEXT -> text;
      case BINARY -> KeyType.bytes(text);
      case UUID -> UUID.fromString(text);
      case DATE -> LocalDate.parse(text);
      case DATETIME -> dateTime(text);
      case INSTANT -> dateTime(text).toInstant(ZoneOffset.UTC);
    };
  }

  private static LocalDateTime dateTime(String text) {
    return LocalDateTime.parse(text.replace(' ', 'T'));
  }
}
