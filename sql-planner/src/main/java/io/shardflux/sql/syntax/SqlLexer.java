package io.shardflux.sql.syntax;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a text as MySQL's lexer does, with the default {@code sql_mode} in what concerns quotes.
 * Not thread-safe.
 */
final class SqlLexer {

  private static final String HINT = "shardflux:";
  private static final List<String> OPERATORS =
      List.of("<=>", "->>", "<=", ">=", "<>", "!=", ":=", "<<", ">>", "||", "&&", "->");

  private static final String SINGLE = "()+-*/%,.=<>|&^~!";

  /** A shared string for each character, because a text may have any number of them. */
  private static final List<String> SINGLES = SINGLE.chars().mapToObj(Character::toString).toList();

  private final String text;
  private final int maxNesting;
  private final List<Token> tokens = new ArrayList<>();
  private final List<@Nullable String> markers = new ArrayList<>();
  private final Map<String, Integer> named = new HashMap<>();
  private @Nullable String hint;
  private int at;
  private int open;

  SqlLexer(String text, int maxNesting) {
    this.text = text;
    this.maxNesting = maxNesting;
  }

  SqlText read() {
    readAll();
    return new SqlText(text, tokens, markers, hint);
  }

  private void readAll() {
    while (true) {
      skipSpace();
      if (at >= text.length()) {
        break;
      }
      if (text.charAt(at) == ';') {
        at++;
        skipSpace();
        if (at < text.length()) {
          throw new RefusedSqlException(RefusalCode.SEVERAL_STATEMENTS, "text behind a semicolon");
        }
        break;
      }
      readToken();
    }
    tokens.add(new Token(Token.Kind.END, "", text.length(), text.length(), -1));
  }

  private void skipSpace() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c <= ' ') {
        at++;
      } else if (c == '#' || (c == '-' && startsLineComment(text, at))) {
        int end = text.indexOf('\n', at);
        at = end < 0 ? text.length() : end + 1;
      } else if (c == '/' && text.startsWith("/*", at)) {
        skipComment();
      } else {
        return;
      }
    }
  }

  static boolean startsLineComment(String text, int at) {
    return text.startsWith("--", at) && (at + 2 == text.length() || text.charAt(at + 2) <= ' ');
  }

  private void skipComment() {
    int end = text.indexOf("*/", at + 2);
    if (end < 0) {
      throw SqlText.unexpected(text, at);
    }
    String inside = text.substring(at + 2, end);
    if (inside.startsWith("!") || inside.regionMatches(true, 0, "M!", 0, 2)) {
      throw new RefusedSqlException(RefusalCode.EXECUTABLE_COMMENT, "a comment /*!");
    }
    if (inside.startsWith("+")) {
      checkOptimizerHint(inside);
    }
    if (tokens.isEmpty() && hint == null && inside.strip().startsWith(HINT)) {
      hint = inside.strip().substring(HINT.length());
    }
    at = end + 2;
  }

  /** A name in quotes may go on behind what looks like the comment's end. */
  private static void checkOptimizerHint(String hint) {
    if (hint.toUpperCase(Locale.ROOT).contains("SET_VAR")) {
      throw new RefusedSqlException(RefusalCode.EXECUTABLE_COMMENT, "a hint SET_VAR");
    }
    if (hint.indexOf('`') >= 0 || hint.indexOf('"') >= 0 || hint.indexOf('\'') >= 0) {
      throw new RefusedSqlException(RefusalCode.EXECUTABLE_COMMENT, "quotes in an optimizer hint");
    }
  }

  private void readToken() {
    int start = at;
    char c = text.charAt(at);
    if (c == '\'' || c == '"') {
      add(Token.Kind.STRING, readQuoted(c, true), start);
    } else if (c == '`') {
      add(Token.Kind.QUOTED, readQuoted(c, false), start);
    } else if (isDigit(c) || (c == '.' && isDigit(charAt(at + 1)) && !endsName())) {
      readNumber(start);
    } else if (isWord(c)) {
      readWord(start);
    } else if (c == '?') {
      at++;
      addMarker(null, start);
    } else if (c == ':' && isWord(charAt(at + 1)) && !isDigit(charAt(at + 1))) {
      at++;
      addMarker(word(), start);
    } else if (c == '@') {
      readVariable(start);
    } else {
      readOperator(start, c);
    }
  }

  private void readOperator(int start, char c) {
    for (String operator : OPERATORS) {
      if (text.startsWith(operator, at)) {
        at += operator.length();
        add(Token.Kind.OPERATOR, operator, start);
        return;
      }
    }
    int known = SINGLE.indexOf(c);
    if (known < 0) {
      throw SqlText.unexpected(text, at);
    }
    count(c);
    at++;
    add(Token.Kind.OPERATOR, SINGLES.get(known), start);
  }

  private void count(char c) {
    open += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (open > maxNesting) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + maxNesting + " open parentheses");
    }
  }

  private String readQuoted(char quote, boolean escapes) {
    StringBuilder value = new StringBuilder();
    int start = at++;
    while (at < text.length()) {
      char c = text.charAt(at++);
      if (c == quote) {
        if (charAt(at) != quote) {
          return value.toString();
        }
        at++;
        value.append(quote);
      } else if (c == '\\' && escapes && at < text.length()) {
        unescape(text.charAt(at++), value);
      } else {
        value.append(c);
      }
    }
    throw SqlText.unexpected(text, start);
  }

  private static void unescape(char c, StringBuilder value) {
    switch (c) {
      case '0' -> value.append('\0');
      case 'b' -> value.append('\b');
      case 'n' -> value.append('\n');
      case 'r' -> value.append('\r');
      case 't' -> value.append('\t');
      case 'Z' -> value.append('\u001a');
      case '%', '_' -> value.append('\\').append(c);
      default -> value.append(c);
    }
  }

  private void readNumber(int start) {
    if (text.charAt(at) == '0' && "xXbB".indexOf(charAt(at + 1)) >= 0) {
      String digits = word();
      if (!isBits(digits)) {
        throw SqlText.unexpected(text, start);
      }
      add(Token.Kind.BITS, digits, start);
      return;
    }
    skipDigits();
    if (charAt(at) == '.') {
      at++;
      skipDigits();
    }
    if (charAt(at) == 'e' || charAt(at) == 'E') {
      at++;
      if (charAt(at) == '+' || charAt(at) == '-') {
        at++;
      }
      skipDigits();
    }
    if (isWord(charAt(at)) || (!isDigit(text.charAt(at - 1)) && text.charAt(at - 1) != '.')) {
      throw SqlText.unexpected(text, start);
    }
    add(Token.Kind.NUMBER, text.substring(start, at), start);
  }

  private static boolean isBits(String digits) {
    boolean hexadecimal = digits.charAt(1) == 'x';
    for (int i = 2; i < digits.length(); i++) {
      char c = digits.charAt(i);
      if (hexadecimal ? Character.digit(c, 16) < 0 || c >= 0x80 : c != '0' && c != '1') {
        return false;
      }
    }
    return digits.length() > 2 && (hexadecimal || digits.charAt(1) == 'b');
  }

  private void skipDigits() {
    while (isDigit(charAt(at))) {
      at++;
    }
  }

  private void readWord(int start) {
    String word = word();
    if (charAt(at) == '\'' && word.length() == 1 && "xXbB".contains(word)) {
      readQuotedDigits(word.equalsIgnoreCase("X") ? 16 : 2);
      add(Token.Kind.BITS, text.substring(start, at), start);
    } else if (charAt(at) == '\'' && word.equalsIgnoreCase("N")) {
      add(Token.Kind.STRING, readQuoted('\'', true), start);
    } else {
      add(Token.Kind.WORD, word, start);
    }
  }

  private void readQuotedDigits(int radix) {
    int start = at++;
    while (isWord(charAt(at)) && Character.digit(charAt(at), radix) >= 0) {
      at++;
    }
    if (charAt(at) != '\'') {
      throw SqlText.unexpected(text, start);
    }
    at++;
  }

  private String word() {
    int start = at;
    while (isWord(charAt(at))) {
      at++;
    }
    return text.substring(start, at);
  }

  private void readVariable(int start) {
    at++;
    if (charAt(at) == '@') {
      at++;
    }
    char quote = charAt(at);
    if (quote == '`' || quote == '\'' || quote == '"') {
      readQuoted(quote, quote != '`');
    } else {
      while (isWord(charAt(at)) || charAt(at) == '.') {
        at++;
      }
    }
    add(Token.Kind.VARIABLE, text.substring(start, at), start);
  }

  private void addMarker(@Nullable String name, int start) {
    Integer known = name == null ? null : named.get(name);
    int index = known == null ? markers.size() : known;
    if (known == null) {
      markers.add(name);
    }
    if (name != null) {
      named.put(name, index);
    }
    tokens.add(new Token(Token.Kind.MARKER, "", start, at, index));
  }

  private void add(Token.Kind kind, String value, int start) {
    tokens.add(new Token(kind, value, start, at, -1));
  }

  /** Tells whether a dot here parts a name from the next, as in {@code t.1a}. */
  private boolean endsName() {
    Token last = tokens.isEmpty() ? null : tokens.get(tokens.size() - 1);
    return last != null
        && last.end() == at
        && (last.kind() == Token.Kind.WORD || last.kind() == Token.Kind.QUOTED);
  }

  private char charAt(int index) {
    return index < text.length() ? text.charAt(index) : '\0';
  }

  static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  static boolean isWord(char c) {
    return isDigit(c)
        || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || c == '_'
        || c == '$'
        || c >= '\u0080';
  }
}
