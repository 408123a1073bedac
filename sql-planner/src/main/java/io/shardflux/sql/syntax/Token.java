package io.shardflux.sql.syntax;

import java.util.Locale;

/**
 * A token of the text.
 *
 * @param value a name or string without its quotes, a keyword in upper case, an operator
 * @param index the index of a marker, otherwise -1
 */
record Token(Kind kind, String value, int start, int end, int index) {

  enum Kind {
    WORD,
    QUOTED,
    STRING,
    NUMBER,
    /** Hexadecimal or binary digits. */
    BITS,
    MARKER,
    /** {@code @user} or {@code @@system}. */
    VARIABLE,
    OPERATOR,
    END
  }

  boolean is(String keywordOrOperator) {
    return switch (kind) {
      case WORD -> keywordOrOperator.equals(value.toUpperCase(Locale.ROOT));
      case OPERATOR -> keywordOrOperator.equals(value);
      default -> false;
    };
  }

  boolean isName() {
    return kind == Kind.QUOTED
        || (kind == Kind.WORD && !Keywords.RESERVED.contains(value.toUpperCase(Locale.ROOT)));
  }
}
