package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A text with its tokens without the comments, its markers, and the hint in its first comment.
 * Immutable.
 */
@Internal
public final class SqlText {

  /** The characters of a text that are shown without its values. */
  private static final int MOST_SHOWN = 500;

  /** The numbers that are kept of each marker: its start, its end and its index. */
  private static final int OF_MARKER = 3;

  private final String text;
  private final List<Token> tokens;
  private final List<@Nullable String> markers;
  private final int[] places;
  private final @Nullable String hint;
  private final Span body;
  private final int size;
  private final int literals;
  private final boolean ignoring;

  /** The beginning of a text with a marker for each value, and without comments. */
  public static String withoutValues(String text, PlannerOptions options) {
    StringBuilder shown = new StringBuilder();
    int end = 0;
    for (Token token : read(text, options).tokens) {
      if (shown.length() > MOST_SHOWN || token.kind() == Token.Kind.END) {
        break;
      }
      if (token.start() > end && !shown.isEmpty()) {
        shown.append(' ');
      }
      boolean value =
          switch (token.kind()) {
            case STRING, NUMBER, BITS -> true;
            default -> false;
          };
      shown.append(value ? "?" : text.substring(token.start(), token.end()));
      end = token.end();
    }
    return shown.length() > MOST_SHOWN ? shown.substring(0, MOST_SHOWN) + " …" : shown.toString();
  }

  /**
   * A text.
   *
   * @param tokens with one more that ends them
   * @param markers the names of its markers, null for a {@code ?}
   */
  SqlText(
      String text,
      List<Token> tokens,
      List<? extends @Nullable String> markers,
      @Nullable String hint) {
    this.text = text;
    this.tokens = tokens;
    this.markers = Collections.unmodifiableList(Arrays.asList(markers.toArray(new String[0])));
    this.places = places(tokens);
    this.hint = hint;
    this.size = tokens.size();
    this.literals = literals(tokens);
    this.ignoring = tokens.stream().anyMatch(SqlText::isIgnore);
    int last = tokens.size() - 2;
    this.body = last < 0 ? new Span(0, 0) : new Span(tokens.get(0).start(), tokens.get(last).end());
  }

  private SqlText(SqlText read) {
    this.text = read.text;
    this.tokens = List.of();
    this.markers = read.markers;
    this.places = read.places;
    this.hint = read.hint;
    this.body = read.body;
    this.size = read.size;
    this.literals = read.literals;
    this.ignoring = read.ignoring;
  }

  private static int[] places(List<Token> tokens) {
    return tokens.stream()
        .filter(token -> token.kind() == Token.Kind.MARKER)
        .flatMapToInt(token -> IntStream.of(token.start(), token.end(), token.index()))
        .toArray();
  }

  private static int literals(List<Token> tokens) {
    int literals = 0;
    for (Token token : tokens) {
      boolean literal =
          switch (token.kind()) {
            case STRING, NUMBER, BITS -> true;
            default -> false;
          };
      literals += literal ? 1 : 0;
    }
    return literals;
  }

  private static boolean isIgnore(Token token) {
    return token.kind() == Token.Kind.WORD && token.value().equalsIgnoreCase("IGNORE");
  }

  public static SqlText read(String text, PlannerOptions options) {
    if (text.length() > options.maxLength()) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE,
          "text: " + text.length() + " characters (expected: at most " + options.maxLength() + ")");
    }
    return new SqlLexer(text, options.maxNesting()).read();
  }

  /**
   * This text once it is parsed, for a holder that keeps it: its tokens are many times as large as
   * the text.
   */
  public SqlText parsed() {
    return new SqlText(this);
  }

  /**
   * This text with markers that count as one.
   *
   * @param first for each marker the one that it counts as
   */
  public SqlText alike(List<Integer> first) {
    List<Token> alike =
        tokens.stream()
            .map(
                token ->
                    token.kind() == Token.Kind.MARKER
                        ? new Token(
                            token.kind(),
                            token.value(),
                            token.start(),
                            token.end(),
                            first.get(token.index()))
                        : token)
            .toList();
    return new SqlText(text, alike, markers, hint);
  }

  public String text() {
    return text;
  }

  /** The tokens, and one more that ends them; none once it is parsed. */
  List<Token> tokens() {
    return tokens;
  }

  /** The number of tokens. */
  public int size() {
    return size;
  }

  /** The number of numbers and strings. */
  public int literals() {
    return literals;
  }

  /** Tells whether the text has the word IGNORE. */
  public boolean ignoring() {
    return ignoring;
  }

  /** The names of its markers, each name once; null for a {@code ?}. */
  public List<@Nullable String> markers() {
    return markers;
  }

  /** The text behind {@code shardflux:} in the first comment. */
  @Nullable
  public String hint() {
    return hint;
  }

  /** The span from the first token's start to the last token's end. */
  public Span body() {
    return body;
  }

  // Markers by their place in the text

  /** The number of markers; a name counts wherever it stands. */
  int places() {
    return places.length / OF_MARKER;
  }

  int start(int place) {
    return places[place * OF_MARKER];
  }

  int end(int place) {
    return places[place * OF_MARKER + 1];
  }

  /** Its index in {@link #markers}. */
  int marker(int place) {
    return places[place * OF_MARKER + 2];
  }

  /** The first of them that begins there or behind it. */
  int placeFrom(int start) {
    int low = 0;
    int high = places();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (start(middle) < start) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  static RefusedSqlException unexpected(String text, int at) {
    return new RefusedSqlException(RefusalCode.SYNTAX, "at character " + (at + 1) + " of the text");
  }
}
