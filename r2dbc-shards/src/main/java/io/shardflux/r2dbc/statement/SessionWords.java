package io.shardflux.r2dbc.statement;

import java.util.EnumSet;
import java.util.Set;

/**
 * Tells by a statement's words whether it may change its session: a variable, a lock, a temporary
 * table or a prepared statement, another database. Words that are known to change nothing are
 * listed. All others are taken to change something, because a connection that is closed in vain
 * costs little.
 *
 * <p>It takes a text's tokens in their order. It does not see what triggers and views do.
 */
final class SessionWords {

  private static final Set<String> PLAIN =
      Set.of("SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "DO");

  /** Words of an insert behind which there may be calls; before them are names with columns. */
  private static final Set<String> VALUES =
      Set.of("VALUES", "VALUE", "SELECT", "SET", "WITH", "TABLE");

  /** Words behind which a given name or a type stands. */
  private static final Set<String> NAMING = Set.of("AS", "WITH", "RECURSIVE");

  private static final Set<String> OF_SEQUENCES = Set.of("NEXT", "PREVIOUS");

  /** Read by what stands behind them, or in MariaDB's Oracle mode before them. */
  private static final Set<String> LEAVING =
      Set.of("NEXTVAL", "CURRVAL", "LASTVAL", "SETVAL", "SQL_CALC_FOUND_ROWS");

  private enum Token {
    NOTHING,
    WORD,
    /** A quoted name, or a word that is part of a longer one. */
    NAME,
    POINT,
    CLOSED,
    OTHER
  }

  private final EnumSet<Dialect> touching = EnumSet.noneOf(Dialect.class);
  private Token last = Token.NOTHING;
  private String word = "";
  private boolean qualified;
  private boolean given;
  private String kind = "";
  private boolean inBody;
  private boolean explained;
  private boolean ended;
  private int depth;

  /** The kinds of server on which it may leave something. */
  Set<Dialect> touching() {
    if (!PLAIN.contains(kind)) {
      touch();
    }
    return touching.isEmpty() ? Set.of() : Set.copyOf(touching);
  }

  /** Takes a text of which more is run than is read here. */
  void touch() {
    touching.addAll(EnumSet.allOf(Dialect.class));
  }

  /**
   * A word.
   *
   * @param upper it in capitals
   * @param whole whether the server takes it for one too
   */
  void word(String upper, boolean whole) {
    token();
    boolean first = last == Token.NOTHING;
    if (LEAVING.contains(upper)
        || (upper.equals("VALUE") && last == Token.WORD && OF_SEQUENCES.contains(word))) {
      touch();
    }
    name();
    if (kind.isEmpty()) {
      begin(upper, first);
    } else {
      inBody |= beginsBody(upper);
    }
    word = upper;
    last = whole ? Token.WORD : Token.NAME;
  }

  private void begin(String upper, boolean first) {
    if (upper.equals("EXPLAIN") && first) {
      explained = true;
    } else if (!explained || PLAIN.contains(upper)) {
      kind = upper;
    }
  }

  private boolean beginsBody(String upper) {
    return kind.equals("WITH")
        ? depth == 0 && (PLAIN.contains(upper) || VALUES.contains(upper))
        : VALUES.contains(upper);
  }

  /** A name or a text in quotes. */
  void quoted() {
    token();
    name();
    last = Token.NAME;
  }

  private void name() {
    qualified = last == Token.POINT;
    given = last == Token.CLOSED || (last == Token.WORD && NAMING.contains(word));
  }

  /** Any other character that is no space. */
  void symbol(char c) {
    token();
    switch (c) {
      case '(' -> open();
      case ')' -> depth--;
      case ';' -> ended = true;
      case '@' -> touch();
      default -> {}
    }
    last = behind(c);
  }

  private Token behind(char c) {
    if (c == '(' && kind.isEmpty()) {
      // A parenthesis that a text begins with says nothing of its kind.
      return last;
    }
    // Names may have these, and begin with a digit.
    boolean name = c == '$' || c >= 0x80 || Character.isDigit(c);
    return name ? Token.NAME : c == '.' ? Token.POINT : c == ')' ? Token.CLOSED : Token.OTHER;
  }

  /** A second statement may do anything. */
  private void token() {
    if (ended) {
      touch();
    }
  }

  private void open() {
    depth++;
    if ((last != Token.WORD && last != Token.NAME) || given || inHeader()) {
      return;
    }
    if (last == Token.NAME || qualified) {
      touch();
      return;
    }
    for (Dialect dialect : Dialect.values()) {
      if (!BuiltIns.has(word, dialect)) {
        touching.add(dialect);
      }
    }
  }

  /** Tells whether a name before a parenthesis is a table's, or a common table expression's. */
  private boolean inHeader() {
    boolean insert = kind.equals("INSERT") || kind.equals("REPLACE");
    return !inBody && (insert || (kind.equals("WITH") && depth == 1));
  }
}
