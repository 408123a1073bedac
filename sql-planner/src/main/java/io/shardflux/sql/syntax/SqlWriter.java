package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.ShardSql;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the text that a shard is sent: pieces of the statement's text with {@code ?} for each
 * marker.
 */
@Internal
public final class SqlWriter {

  private final SqlText text;
  private final StringBuilder sql = new StringBuilder();
  private final List<Integer> indexes = new ArrayList<>();

  public SqlWriter(SqlText text) {
    this.text = text;
  }

  /** The whole text without its hint. */
  public static ShardSql whole(SqlText text) {
    return new SqlWriter(text).add(text.body()).done();
  }

  public SqlWriter add(String words) {
    sql.append(words);
    return this;
  }

  public SqlWriter add(Span span) {
    int at = span.start();
    int place = text.placeFrom(at);
    for (; place < text.places() && text.end(place) <= span.end(); place++) {
      sql.append(text.text(), at, text.start(place)).append('?');
      indexes.add(text.marker(place));
      at = text.end(place);
      if (at < span.end() && Character.isUnicodeIdentifierPart(text.text().charAt(at))) {
        sql.append(' ');
      }
    }
    sql.append(text.text(), at, span.end());
    return this;
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
    return new ShardSql(sql.toString(), indexes);
  }
}
