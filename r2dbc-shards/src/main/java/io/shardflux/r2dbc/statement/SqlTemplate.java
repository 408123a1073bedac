package io.shardflux.r2dbc.statement;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A statement's text, cut at its markers: all {@code ?}, or all {@code :name}. Markers in quotes
 * and comments are text. The text for the driver has only {@code ?}.
 */
@Internal
public final class SqlTemplate {

  private static final int MAX_LENGTH = 1 << 20;
  private static final int MOST_SHOWN = 100;
  private static final int MOST_TEXT_SHOWN = 1_000;

  /** In characters or so: long statements are few then, and short ones some thousands. */
  private static final int CACHE_WEIGHT = 8 << 20;

  /** The digits of a number of rows that is a bound. */
  private static final int MOST_DIGITS = 6;

  /** The bytes of a marker with its name and of the text before it, beside the text itself. */
  private static final int MARKER_WEIGHT = 150;

  private final String text;
  private final List<String> pieces;
  private final List<String> markers;
  private final boolean named;
  private final Words words;
  private final Set<Dialect> touching;
  private final List<Owned> owned;
  private final Set<String> names;
  private final String rendered;

  private SqlTemplate(
      String text,
      List<String> pieces,
      List<String> markers,
      boolean named,
      Words words,
      Set<Dialect> touching,
      List<Owned> owned) {
    this.words = words;
    this.touching = touching;
    this.owned = List.copyOf(owned);
    this.text = text;
    this.pieces = List.copyOf(pieces);
    this.markers = List.copyOf(markers);
    this.named = named;
    this.names = named ? Set.copyOf(markers) : Set.of();
    String joined = String.join("?", pieces);
    this.rendered = joined.equals(text) ? text : joined;
  }

  public static SqlTemplate of(String sql) {
    if (sql.isBlank() || sql.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "sql: "
              + sql.length()
              + " characters (expected: a statement of at most "
              + MAX_LENGTH
              + ")");
    }
    return new Scan(sql).template();
  }

  /**
   * A source of templates that keeps those of the texts that were asked for last, so that a text is
   * read once. Thread-safe; fails as {@link #of} does.
   */
  public static Function<String, SqlTemplate> cached() {
    Cache<String, SqlTemplate> kept =
        Caffeine.newBuilder()
            .maximumWeight(CACHE_WEIGHT)
            .weigher((String sql, SqlTemplate template) -> template.weight())
            .executor(Runnable::run)
            .build();
    return sql -> kept.get(sql, SqlTemplate::of);
  }

  /** The statement as it was given. */
  public String text() {
    return text;
  }

  /** The markers in order: names, or the positions from 0. */
  public List<String> markers() {
    return markers;
  }

  /** Tells whether there is such a marker. */
  boolean has(String marker) {
    return named ? names.contains(marker) : isPosition(marker);
  }

  /** Tells whether the marker is one of 0, 1, 2 and so on, for each ?. */
  private boolean isPosition(String marker) {
    try {
      int position = Integer.parseInt(marker);
      return position >= 0 && position < markers.size() && markers.get(position).equals(marker);
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** The first markers, in the form of messages. */
  String shownMarkers() {
    return markers.size() <= MOST_SHOWN
        ? markers.toString()
        : markers.subList(0, MOST_SHOWN) + " and " + (markers.size() - MOST_SHOWN) + " more";
  }

  /** The statement, in the form of messages. */
  String shown() {
    return text.length() <= MOST_TEXT_SHOWN ? text : text.substring(0, MOST_TEXT_SHOWN) + "…";
  }

  public boolean named() {
    return named;
  }

  /**
   * Tells whether the statement only reads, as far as its words tell: it begins with {@code SELECT}
   * or {@code WITH}, changes no row and no variable, and takes no lock.
   */
  public boolean reads() {
    return words.read();
  }

  /** Tells whether the statement is a {@code SELECT} that locks what it reads, and no more. */
  public boolean locksOnly() {
    return words.locksOnly();
  }

  /**
   * The kinds of server on which its session may have changed behind it; see {@link SessionWords}.
   */
  public Set<Dialect> touching() {
    return touching;
  }

  /** The conditions that stand for where its rows lie, in their order. */
  public List<Owned> owned() {
    return owned;
  }

  /** This statement with conditions in their places. It has the same markers. */
  public SqlTemplate owning(Function<Owned, String> conditions) {
    StringBuilder sql = new StringBuilder(text.length());
    int at = 0;
    for (Owned each : owned) {
      sql.append(text, at, each.from()).append(conditions.apply(each));
      at = each.to();
    }
    return of(sql.append(text, at, text.length()).toString());
  }

  /** Those of some tables that the statement has the names of, as far as its words tell. */
  public Set<String> naming(Collection<String> tables) {
    Set<String> named = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
    Scan scan = new Scan(text);
    scan.seen = named;
    scan.template();
    return tables.stream().filter(named::contains).collect(Collectors.toSet());
  }

  /** Tells whether the statement cuts its rows off after a number of them, at some place. */
  public boolean limited() {
    return words.limited();
  }

  /**
   * Tells whether its words say that its rows are few: it gives none, reads no table, ends with a
   * {@code LIMIT} that is one, or aggregates without groups.
   */
  boolean bounded() {
    return words.bounded();
  }

  /** Tells whether the statement is a {@code SELECT}, or one of those that change rows. */
  boolean changesOrReadsRows() {
    return Words.OF_ROWS.contains(words.first());
  }

  /**
   * The end of a {@code SELECT} that the text begins with, if an optimizer hint may stand there,
   * otherwise -1.
   */
  int afterSelect() {
    return words.afterSelect();
  }

  /**
   * The beginning of the row group of an {@code INSERT} or {@code REPLACE} of one row, if all
   * markers stand in it, nothing behind it, and no word before it that lets the server skip rows;
   * otherwise -1.
   */
  public int rowGroup() {
    return words.rowGroup();
  }

  /** Tells whether the statement is a {@code REPLACE}. */
  public boolean replaces() {
    return words.first().equals("REPLACE");
  }

  /** The estimated bytes that it holds in memory. */
  public int weight() {
    return 1_000 + 4 * text.length() + MARKER_WEIGHT * markers.size();
  }

  /** The text for the driver, with that many {@code ?} groups for the marker of that name. */
  public String render(String listMarker, String group, int count) {
    StringBuilder sql = new StringBuilder(text.length() + count * (group.length() + 1));
    for (int i = 0; i < markers.size(); i++) {
      sql.append(pieces.get(i));
      if (named && markers.get(i).equals(listMarker)) {
        sql.append(String.join(",", Collections.nCopies(count, group)));
      } else {
        sql.append('?');
      }
    }
    return sql.append(pieces.get(markers.size())).toString();
  }

  /** The text for the driver, a {@code ?} for each marker. */
  public String render() {
    return rendered;
  }

  /**
   * The facts that a statement's words tell.
   *
   * @param first the first word, in capitals
   */
  private record Words(
      String first,
      boolean read,
      boolean locksOnly,
      boolean limited,
      boolean bounded,
      int afterSelect,
      int rowGroup) {

    /**
     * The words with which statements with rows begin. The number of rows of {@code SHOW} is the
     * schema's.
     */
    static final Set<String> QUERIES = Set.of("SELECT", "WITH", "TABLE", "CALL");

    static final Set<String> AGGREGATES = Set.of("COUNT", "SUM", "AVG", "MIN", "MAX");

    /** Words by which a statement with an aggregate may have many rows. */
    static final Set<String> MANY = Set.of("GROUP", "OVER", "UNION", "EXCEPT", "INTERSECT");

    static final Set<String> LIMITS = Set.of("LIMIT", "FETCH");

    static final Set<String> OF_INSERTS = Set.of("INSERT", "REPLACE");

    /** Words by which an insert may store fewer or other rows than it lists. */
    static final Set<String> NOT_IN_INSERTS =
        Set.of("IGNORE", "DELAYED", "SELECT", "WITH", "TABLE", "SET");

    static final Set<String> CHANGES = Set.of("INSERT", "UPDATE", "DELETE", "REPLACE");
    static final Set<String> OF_ROWS =
        Set.of("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "REPLACE");

    /** Words of locks, of sequences, of files and variables, and of the session's state. */
    static final Set<String> NOT_IN_READS =
        Set.of(
            "UPDATE",
            "SHARE",
            "LOCK",
            "INTO",
            "GET_LOCK",
            "RELEASE_LOCK",
            "RELEASE_ALL_LOCKS",
            "IS_FREE_LOCK",
            "IS_USED_LOCK",
            "NEXTVAL",
            "SETVAL",
            "LASTVAL",
            "NEXT",
            "PREVIOUS",
            "LAST_INSERT_ID",
            "FOUND_ROWS",
            "ROW_COUNT",
            "SQL_CALC_FOUND_ROWS");
  }

  private static final class Scan {

    /** What means something to the driver in a comment behind {@code #}, which it does not know. */
    private static final String OF_THE_DRIVER = "?'\"`*-\r";

    private final String sql;

    /** As the driver must be given it: its rules for quotes and comments are not the server's. */
    private final StringBuilder sent;

    private final List<String> pieces = new ArrayList<>();
    private final List<String> markers = new ArrayList<>();
    private int pieceStart;
    private int at;
    private boolean names;
    private boolean positions;
    private String firstWord = "";
    private int afterFirstWord;
    private boolean harmless = true;
    private boolean locking;
    private String previous = "";
    private boolean limited;
    private boolean readsTable;
    private boolean cut;
    private boolean aggregate;
    private boolean manyRows;
    private boolean ended;
    private boolean plainInsert = true;
    private int depth;
    private int afterValues = -1;
    private int groupStart = -1;
    private int groupEnd = -1;
    private final SessionWords session = new SessionWords();
    private final List<Owned> owned = new ArrayList<>();
    private String before = "";
    private @Nullable Set<String> seen;

    Scan(String sql) {
      this.sql = sql;
      this.sent = new StringBuilder(sql);
    }

    SqlTemplate template() {
      if (sql.indexOf('\0') >= 0) {
        // It ends a comment.
        session.touch();
      }
      while (at < sql.length()) {
        step();
      }
      pieces.add(piece(sql.length()));
      return new SqlTemplate(sql, pieces, markers, names, words(), session.touching(), owned);
    }

    private void step() {
      char c = sql.charAt(at);
      if (c == '\'' || c == '"' || c == '`') {
        session.quoted();
        int from = at + 1;
        skipQuoted(c);
        if (seen != null && c == '`') {
          seen.add(sql.substring(from, Math.max(from, at - 1)));
        }
      } else if (startsLineComment(c)) {
        int from = at;
        skipTo("\n");
        blank(from, c == '#' ? OF_THE_DRIVER : "\r");
      } else if (sql.startsWith("/*", at)) {
        // The server runs the content of such a comment.
        boolean text = !sql.startsWith("/*!", at) && !sql.startsWith("/*M!", at);
        harmless &= text;
        plainInsert &= text;
        manyRows |= !text;
        if (!text) {
          session.touch();
        }
        at += 2;
        skipTo("*/");
      } else if (c == '?') {
        positions = true;
        marker(1, Integer.toString(markers.size()));
      } else if (c == ':' && owned()) {
        session.symbol('?');
      } else if (c == ':' && at + 1 < sql.length() && startsName(sql.charAt(at + 1))) {
        names = true;
        int end = nameEnd(at + 1);
        marker(end - at, sql.substring(at + 1, end));
      } else if (startsName(c)) {
        word();
      } else if (sql.startsWith("@@", at) && !sql.startsWith("@@@", at)) {
        // A system variable, which a plain statement can but read.
        harmless = false;
        at += 2;
      } else {
        if (!Character.isWhitespace(c)) {
          session.symbol(c);
        }
        harmless &= c != '@' && !sql.startsWith(":=", at);
        ended |= c == ';';
        parenthesis(c);
        at++;
      }
    }

    /** Takes a condition of where rows lie, if there is one. */
    private boolean owned() {
      Owned found = Owned.at(sql, at);
      if (found == null) {
        return false;
      }
      owned.add(found);
      before = piece(at) + Owned.AT_REST;
      at = found.to();
      pieceStart = at;
      return true;
    }

    private void parenthesis(char c) {
      if (c == '(' && depth++ == 0 && afterValues >= 0 && groupStart < 0) {
        groupStart = at;
      } else if (c == ')' && --depth == 0 && groupStart >= 0 && groupEnd < 0) {
        groupEnd = at + 1;
      }
    }

    private void word() {
      int end = nameEnd(at);
      String word = sql.substring(at, end).toUpperCase(Locale.ROOT);
      if (seen != null) {
        seen.add(word);
      }
      session.word(word, whole(at, end));
      // MariaDB in its Oracle mode has NEXTVAL behind a sequence's name.
      boolean qualified = at > 0 && sql.charAt(at - 1) == '.' && !word.equals("NEXTVAL");
      // A second statement may do anything.
      harmless &= !ended;
      if (firstWord.isEmpty()) {
        firstWord = word;
        afterFirstWord = end;
      } else if (!qualified) {
        if (depth == 0 && afterValues < 0) {
          plainInsert &= !Words.NOT_IN_INSERTS.contains(word);
          afterValues = word.equals("VALUES") || word.equals("VALUE") ? end : -1;
        }
        boolean lock = locks(word);
        locking |= lock;
        harmless &= lock || !Words.NOT_IN_READS.contains(word);
        limited |= Words.LIMITS.contains(word);
        size(word, end);
        harmless &= !firstWord.equals("WITH") || !Words.CHANGES.contains(word);
      }
      previous = word;
      at = end;
    }

    /** Tells whether the word belongs to a lock of the rows that are read. */
    private boolean locks(String word) {
      return switch (word) {
        case "LOCK" -> true;
        case "UPDATE" -> previous.equals("FOR");
        case "SHARE" -> previous.equals("FOR") || previous.equals("IN");
        default -> false;
      };
    }

    /** Takes what a word, except the first, says of the number of rows. */
    private void size(String word, int end) {
      aggregate |=
          depth == 0 && !readsTable && Words.AGGREGATES.contains(word) && sql.startsWith("(", end);
      readsTable |= word.equals("FROM");
      manyRows |= Words.MANY.contains(word);
      cut |= depth == 0 && Words.LIMITS.contains(word) && cutsAt(end);
    }

    /**
     * Tells whether the numbers there, if any, are those of a limit; more than a million rows
     * aren't.
     */
    private boolean cutsAt(int from) {
      int digits = 0;
      for (int i = from; i < sql.length() && digits <= MOST_DIGITS; i++) {
        char c = sql.charAt(i);
        if (c != ',' && !Character.isWhitespace(c) && !Character.isDigit(c)) {
          return true;
        }
        digits = Character.isDigit(c) ? digits + 1 : 0;
      }
      return digits <= MOST_DIGITS;
    }

    private boolean bounded() {
      boolean oneRow = firstWord.equals("SELECT") && (aggregate || !readsTable) && !manyRows;
      return !Words.QUERIES.contains(firstWord) || ((cut || oneRow) && !ended);
    }

    /** Tells whether the server sees the same word there: its names have other characters too. */
    private boolean whole(int from, int to) {
      for (int i = Math.max(from - 1, 0); i < Math.min(to + 1, sql.length()); i++) {
        char c = sql.charAt(i);
        if (c == '$' || c >= 0x80 || (i < from && Character.isDigit(c))) {
          return false;
        }
      }
      return true;
    }

    private Words words() {
      boolean select = firstWord.equals("SELECT");
      boolean hintable =
          select
              && sql.stripLeading().regionMatches(true, 0, "SELECT", 0, 6)
              && !sql.substring(afterFirstWord).stripLeading().startsWith("/*");
      return new Words(
          firstWord,
          harmless && !locking && (select || firstWord.equals("WITH")),
          harmless && locking && select,
          limited,
          bounded(),
          hintable ? afterFirstWord : -1,
          insertsOneRow() ? groupStart : -1);
    }

    private boolean insertsOneRow() {
      return Words.OF_INSERTS.contains(firstWord)
          && plainInsert
          && !ended
          && groupEnd >= 0
          && sql.substring(afterValues, groupStart).isBlank()
          && sql.substring(groupEnd).isBlank()
          && !markers.isEmpty()
          && pieces.get(0).length() > groupStart;
    }

    private void marker(int length, String name) {
      if (names && positions) {
        throw new IllegalArgumentException(
            "sql: both ? and :name markers (expected: one kind) in: "
                + (sql.length() <= MOST_TEXT_SHOWN
                    ? sql
                    : sql.substring(0, MOST_TEXT_SHOWN) + "…"));
      }
      session.symbol('?');
      pieces.add(piece(at));
      markers.add(name);
      at += length;
      pieceStart = at;
    }

    /**
     * A piece that is set apart from the marker before it, because the driver takes {@code ?AND}
     * for a name.
     */
    private String piece(int end) {
      String piece = before + sent.substring(pieceStart, end);
      before = "";
      boolean glued =
          !markers.isEmpty() && !piece.isEmpty() && Character.isJavaIdentifierPart(piece.charAt(0));
      return glued ? " " + piece : piece;
    }

    /**
     * Skips a quoted text by MySQL's rules: a doubled quote is itself, and a backslash escapes,
     * except in backticks. The driver, which knows no escapes, gets a doubled quote for an escaped
     * one.
     */
    private void skipQuoted(char quote) {
      for (at++; at < sql.length(); at++) {
        char c = sql.charAt(at);
        if (c == '\\' && quote != '`') {
          if (sql.startsWith(String.valueOf(quote), at + 1)) {
            sent.setCharAt(at, quote);
          }
          at++;
        } else if (c == quote) {
          at++;
          return;
        }
      }
    }

    /** {@code #}, or {@code --} and a space, a control character or the end, as MySQL has it. */
    private boolean startsLineComment(char c) {
      return c == '#'
          || (sql.startsWith("--", at)
              && (at + 2 >= sql.length()
                  || sql.charAt(at + 2) <= ' '
                  || sql.charAt(at + 2) == 0x7f));
    }

    /** Takes from a comment what the driver would not take for a part of it. */
    private void blank(int from, String characters) {
      for (int i = from; i < at; i++) {
        if (characters.indexOf(sql.charAt(i)) >= 0) {
          sent.setCharAt(i, ' ');
        }
      }
    }

    private void skipTo(String end) {
      int found = sql.indexOf(end, at);
      at = found < 0 ? sql.length() : found + end.length();
    }

    private int nameEnd(int from) {
      int end = from;
      while (end < sql.length()
          && (startsName(sql.charAt(end)) || Character.isDigit(sql.charAt(end)))) {
        end++;
      }
      return end;
    }

    private static boolean startsName(char c) {
      return c == '_' || Character.isLetter(c);
    }
  }
}
