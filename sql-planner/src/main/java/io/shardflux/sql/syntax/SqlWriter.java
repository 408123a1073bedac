package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.ShardSql.Way;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Writes the text that a shard is sent: pieces of the statement's text with {@code ?} for each
 * marker.
 */
@Internal
public final class SqlWriter {

  private final SqlText text;
  private final List<CopiedPlace> places = new ArrayList<>();
  private final List<Mark> marks = new ArrayList<>();
  private final StringBuilder sql = new StringBuilder();
  private final List<Integer> indexes = new ArrayList<>();

  public SqlWriter(SqlText text) {
    this(text, List.of());
  }

  /**
   * A writer of pieces of a text.
   *
   * @param places those of the tables whose rows the text takes, in the order of the tables
   */
  public SqlWriter(SqlText text, List<RowPlace> places) {
    this.text = text;
    for (RowPlace place : places) {
      CopiedPlace copied = new CopiedPlace(place);
      this.places.add(copied);
      int start = place.span().start();
      // An item of a select list that is copied alone is an expression of another clause.
      int before = place.way() == Way.COLUMN ? start : Integer.MAX_VALUE;
      marks.add(new Mark(place.table().span().start(), before, copied.tables));
      marks.add(new Mark(start, before, copied.starts));
      marks.add(new Mark(place.span().end(), before, copied.ends));
    }
    marks.sort(Comparator.comparingInt(Mark::at));
  }

  /**
   * A position in the statement's text.
   *
   * @param before a copy counts if it begins before this
   * @param copies its positions in what was written
   */
  private record Mark(int at, int before, List<Integer> copies) {}

  /**
   * The whole text without its hint.
   *
   * @param places those of the tables whose rows the text takes, in the order of the tables
   */
  public static ShardSql whole(SqlText text, List<RowPlace> places) {
    return new SqlWriter(text, places).add(text.body()).done();
  }

  /** SQL in the place of a span. */
  public record Edit(Span span, Fragment sql) {

    /** SQL right behind a span. */
    public static Edit behind(Span span, Fragment sql) {
      return new Edit(new Span(span.end(), span.end()), sql);
    }
  }

  /** A piece of a text, with other SQL in some places that don't overlap. */
  public static Fragment edited(Span span, List<Edit> edits) {
    List<Object> pieces = new ArrayList<>();
    int at = span.start();
    List<Edit> sorted = new ArrayList<>(edits);
    sorted.sort(Comparator.comparingInt(edit -> edit.span().start()));
    for (Edit edit : sorted) {
      pieces.add(new Span(at, edit.span().start()));
      pieces.addAll(edit.sql().pieces());
      at = edit.span().end();
    }
    pieces.add(new Span(at, span.end()));
    return new Fragment(pieces);
  }

  /** The whole text without its hint, with other SQL in some places. */
  public static ShardSql edited(SqlText text, List<Edit> edits) {
    return new SqlWriter(text).add(edited(text.body(), edits)).done();
  }

  public SqlWriter add(String words) {
    sql.append(words);
    return this;
  }

  public SqlWriter add(Span span) {
    return add(span, span.start());
  }

  /** Adds the items of a select list. */
  public SqlWriter addItems(Span span) {
    return add(span, -1);
  }

  private SqlWriter add(Span span, int begin) {
    int at = span.start();
    int place = text.placeFrom(at);
    for (; place < text.places() && text.end(place) <= span.end(); place++) {
      copy(at, text.start(place), begin);
      sql.append('?');
      indexes.add(text.marker(place));
      at = text.end(place);
      if (at < span.end() && Character.isUnicodeIdentifierPart(text.text().charAt(at))) {
        sql.append(' ');
      }
    }
    copy(at, span.end(), begin);
    return this;
  }

  private void copy(int start, int end, int begin) {
    int moved = sql.length() - start;
    sql.append(text.text(), start, end);
    for (int i = firstFrom(start); i < marks.size() && marks.get(i).at() <= end; i++) {
      Mark mark = marks.get(i);
      if (begin < mark.before()) {
        mark.copies().add(mark.at() + moved);
      }
    }
  }

  /** The first of the marks that is there or behind it. */
  private int firstFrom(int start) {
    int low = 0;
    int high = marks.size();
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (marks.get(middle).at() < start) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  public SqlWriter add(Fragment fragment) {
    for (Object piece : fragment.pieces()) {
      if (piece instanceof Span span) {
        add(span);
      } else {
        add(piece.toString());
      }
    }
    return this;
  }

  public ShardSql done() {
    List<ShardSql.Source> sources = new ArrayList<>();
    places.forEach(place -> place.addTo(sources, text.text()));
    return new ShardSql(sql.toString(), indexes, sources);
  }

  /** Where a place is in what was written, as often as it was. */
  private static final class CopiedPlace {

    /** The longest name that servers take for a column. */
    private static final int LONGEST_NAME = 256;

    private final RowPlace place;
    private final List<Integer> starts = new ArrayList<>();
    private final List<Integer> ends = new ArrayList<>();
    private final List<Integer> tables = new ArrayList<>();

    CopiedPlace(RowPlace place) {
      this.place = place;
    }

    void addTo(List<ShardSql.Source> sources, String text) {
      String table = place.table().name();
      if (place.way() == Way.COLUMN) {
        String name = place.span().of(text);
        if (name.length() <= LONGEST_NAME) {
          ends.forEach(end -> sources.add(new ShardSql.Source(table, name, Way.COLUMN, end, end)));
        }
        return;
      }
      String alias = place.table().alias();
      boolean whole = tables.size() == starts.size() && tables.size() == ends.size();
      for (int i = 0; i < tables.size(); i++) {
        sources.add(
            whole
                ? new ShardSql.Source(table, alias, place.way(), starts.get(i), ends.get(i))
                : new ShardSql.Source(table, alias, Way.NONE, 0, 0));
      }
    }
  }
}
