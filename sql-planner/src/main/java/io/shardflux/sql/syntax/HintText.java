package io.shardflux.sql.syntax;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks a hint once, from left to right: {@code name=value, name=value}, where a value is plain,
 * quoted or a list in parentheses. Not thread-safe.
 */
final class HintText {

  private static final int MOST_SHOWN = 60;

  private final String text;
  private int at;
  private int pair;

  HintText(String text) {
    this.text = text;
  }

  /**
   * A value.
   *
   * @param parts the only one, or those in the parentheses; without their quotes
   */
  record Value(boolean isList, List<String> parts) {}

  boolean isOver() {
    return at >= text.length();
  }

  /** The text from the last name on, as messages show it. */
  String pair() {
    return shortened(text.substring(pair).strip());
  }

  static String shortened(String text) {
    return text.length() <= MOST_SHOWN ? text : text.substring(0, MOST_SHOWN) + "…";
  }

  /** The next name and its {@code =}; null if there is none. */
  @Nullable String name() {
    pair = at;
    skipSpace();
    int start = at;
    while (isLetter(charAt()) || charAt() == '-') {
      at++;
    }
    String name = text.substring(start, at);
    skipSpace();
    return !name.isEmpty() && skip('=') ? name : null;
  }

  /** The next value, with the comma behind it; null if there is none. */
  @Nullable Value value() {
    skipSpace();
    Value value = skip('(') ? list() : single();
    skipSpace();
    return skip(',') || isOver() ? value : null;
  }

  private @Nullable Value single() {
    String part = part();
    return part == null ? null : new Value(false, List.of(part));
  }

  private @Nullable Value list() {
    List<String> parts = new ArrayList<>();
    do {
      skipSpace();
      String part = part();
      if (part == null) {
        return null;
      }
      parts.add(part);
      skipSpace();
      skip(',');
      skipSpace();
    } while (!skip(')'));
    return new Value(true, parts);
  }

  private @Nullable String part() {
    return charAt() == '\'' ? quoted() : plain();
  }

  private @Nullable String plain() {
    int start = at;
    while (!isOver() && !isSpace(charAt()) && ",()'".indexOf(charAt()) < 0) {
      at++;
    }
    return at == start ? null : text.substring(start, at);
  }

  private @Nullable String quoted() {
    StringBuilder value = new StringBuilder();
    for (at++; !isOver(); at++) {
      char c = charAt();
      if (c == '\'') {
        at++;
        if (charAt() != '\'') {
          return value.toString();
        }
      }
      value.append(c);
    }
    return null;
  }

  private boolean skip(char c) {
    if (isOver() || charAt() != c) {
      return false;
    }
    at++;
    return true;
  }

  private void skipSpace() {
    while (!isOver() && isSpace(charAt())) {
      at++;
    }
  }

  private char charAt() {
    return isOver() ? '\0' : text.charAt(at);
  }

  private static boolean isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
  }

  private static boolean isLetter(char c) {
    return c >= 'a' && c <= 'z';
  }
}
