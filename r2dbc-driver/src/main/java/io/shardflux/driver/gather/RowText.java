package io.shardflux.driver.gather;

import java.util.Set;

/**
 * A row as a server wrote it down. A column that is a number is written as it is, so a text that
 * stands in its place since the plan was made would be run as SQL: a row counts only if it is
 * nothing but a list of literals.
 */
final class RowText {

  /** Begin an expression of one argument. */
  private static final Set<String> FUNCTIONS = Set.of("CONVERT", "FROM_UNIXTIME");

  private final String row;
  private int at;

  private RowText(String row) {
    this.row = row;
  }

  static boolean isOfLiterals(String row) {
    return new RowText(row).isOfLiterals();
  }

  private boolean isOfLiterals() {
    if (!took("(")) {
      return false;
    }
    do {
      if (!value()) {
        return false;
      }
    } while (took(","));
    return took(")") && at == row.length();
  }

  private boolean value() {
    if (took("NULL")) {
      return true;
    }
    if (took("x'")) {
      return digits();
    }
    if (took("'")) {
      return quoted();
    }
    for (String function : FUNCTIONS) {
      if (took(function + "(")) {
        return (took("x'") ? digits() && took(" USING utf8mb4") : number()) && took(")");
      }
    }
    return number();
  }

  private boolean took(String word) {
    boolean there = row.startsWith(word, at);
    at += there ? word.length() : 0;
    return there;
  }

  private boolean digits() {
    while (at < row.length() && Character.digit(row.charAt(at), 16) >= 0 && row.charAt(at) < 'g') {
      at++;
    }
    return took("'");
  }

  /** A backslash escapes, as {@code QUOTE} gives it; a doubled quote is one of the text. */
  private boolean quoted() {
    do {
      while (at < row.length() && row.charAt(at) != '\'') {
        at += row.charAt(at) == '\\' ? 2 : 1;
      }
      if (!took("'")) {
        return false;
      }
    } while (took("'"));
    return true;
  }

  private boolean number() {
    int from = at;
    took("-");
    digitsOfTen();
    if (took(".")) {
      digitsOfTen();
    }
    boolean number = at > from && Character.isDigit(row.charAt(at - 1));
    if (number && (took("e") || took("E"))) {
      if (!took("-")) {
        took("+");
      }
      int exponent = at;
      digitsOfTen();
      number = at > exponent;
    }
    return number;
  }

  private void digitsOfTen() {
    while (at < row.length() && row.charAt(at) >= '0' && row.charAt(at) <= '9') {
      at++;
    }
  }
}
