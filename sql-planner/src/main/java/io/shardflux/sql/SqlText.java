package io.shardflux.sql;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A text as MySQL's lexer takes it, with the default {@code sql_mode} in what concerns quotes: its
 * tokens without the comments, its markers, and the hint in its first comment.
 */
final class SqlText {

  private static final String HINT = "shardflux:";
  private static final List<String> OPERATORS =
      List.of("<=>", "->>", "<=", ">=", "<>", "!=", ":=", "<<", ">>", "||", "&&", "->");

  private final String text;
  private final int maxNesting;
  private final List<Token> tokens = new ArrayList<>();
  private final List<@Nullable String> markers = new ArrayList<>();
  private @Nullable String hint;
  private int at;
  private int open;

  private SqlText(String text, int maxNesting) {
    this.text = text;
    this.maxNesting = maxNesting;
  }

  static SqlText read(String text, PlannerOptions options) {
    if (text.length() > options.maxLength()) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE,
          "text: " + text.length() + " characters (expected: at most " + options.maxLength() + ")");
    }
    SqlText read = new SqlText(text, options.maxNesting());
    read.readAll();
    return read;
  }

  String text() {
    return text;
  }

  /** The tokens, and one more that ends them. */
  List<Token> tokens() {
    return tokens;
  }

  List<@Nullable String> markers() {
    return Collections.unmodifiableList(markers);
  }

  /** What stands behind {@code shardflux:} in the first comment. */
  @Nullable String hint() {
    return hint;
  }

  /** From the first token's start to the last one's end. */
  Span body() {
    int last = tokens.size() - 2;
    return last < 0 ? new Span(0, 0) : new Span(tokens.get(0).start(), tokens.get(last).end());
  }

  static RefusedSqlException unexpected(String text, int at) {
    return new RefusedSqlException(RefusalCode.SYNTAX, "at character " + (at + 1) + " of the text");
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
      } else if (c == '#' || (c == '-' && startsLineComment())) {
        int end = text.indexOf('\n', at);
        at = end < 0 ? text.length() : end + 1;
      } else if (c == '/' && text.startsWith("/*", at)) {
        skipComment();
      } else {
        return;
      }
    }
  }

  private boolean startsLineComment() {
    return text.startsWith("--", at) && (at + 2 == text.length() || text.charAt(at + 2) <= ' ');
  }

  private void skipComment() {
    int end = text.indexOf("*/", at + 2);
    if (end < 0) {
      throw unexpected(text, at);
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
    if ("()+-*/%,.=<>|&^~!".indexOf(c) < 0) {
      throw unexpected(text, at);
    }
    count(c);
    at++;
    add(Token.Kind.OPERATOR, String.valueOf(c), start);
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
    throw unexpected(text, start);
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
      if (!digits.matches("0x[0-9a-fA-F]+|0b[01]+")) {
        throw unexpected(text, start);
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
      throw unexpected(text, start);
    }
    add(Token.Kind.NUMBER, text.substring(start, at), start);
  }

  private void skipDigits() {
    while (isDigit(charAt(at))) {
      at++;
    }
  }

  private void readWord(int start) {
    String word = word();
    if (charAt(at) == '\'' && word.matches("[xXbB]")) {
      readQuoted('\'', false);
      add(Token.Kind.BITS, text.substring(start, at), start);
    } else if (charAt(at) == '\'' && word.equalsIgnoreCase("N")) {
      add(Token.Kind.STRING, readQuoted('\'', true), start);
    } else {
      add(Token.Kind.WORD, word, start);
    }
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
    int index = name == null ? -1 : markers.indexOf(name);
    if (index < 0) {
      index = markers.size();
      markers.add(name);
    }
    tokens.add(new Token(Token.Kind.MARKER, "", start, at, index));
  }

  private void add(Token.Kind kind, String value, int start) {
    tokens.add(new Token(kind, value, start, at, -1));
  }

  /** Whether a dot here parts a name from the next, as in {@code t.1a}. */
  private boolean endsName() {
    Token last = tokens.isEmpty() ? null : tokens.get(tokens.size() - 1);
    return last != null
        && last.end() == at
        && (last.kind() == Token.Kind.WORD || last.kind() == Token.Kind.QUOTED);
  }

  private char charAt(int index) {
    return index < text.length() ? text.charAt(index) : '\0';
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static boolean isWord(char c) {
    return isDigit(c)
        || (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || c == '_'
        || c == '$'
        || c >= '\u0080';
  }
}
