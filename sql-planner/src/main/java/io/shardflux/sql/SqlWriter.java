package io.shardflux.sql;

import java.util.ArrayList;
import java.util.List;

/** Writes what a shard is sent: pieces of the text with {@code ?} for each marker. */
final class SqlWriter {

  private final SqlText text;
  private final List<Token> markers;
  private final StringBuilder sql = new StringBuilder();
  private final List<Integer> indexes = new ArrayList<>();

  SqlWriter(SqlText text) {
    this.text = text;
    this.markers =
        text.tokens().stream().filter(token -> token.kind() == Token.Kind.MARKER).toList();
  }

  /** The whole text without its hint. */
  static ShardSql whole(SqlText text) {
    return new SqlWriter(text).add(text.body()).done();
  }

  SqlWriter add(String words) {
    sql.append(words);
    return this;
  }

  SqlWriter add(Span span) {
    int at = span.start();
    for (Token marker : markers) {
      if (marker.start() >= at && marker.end() <= span.end()) {
        sql.append(text.text(), at, marker.start()).append('?');
        indexes.add(marker.index());
        at = marker.end();
        if (at < span.end() && Character.isUnicodeIdentifierPart(text.text().charAt(at))) {
          sql.append(' ');
        }
      }
    }
    sql.append(text.text(), at, span.end());
    return this;
  }

  SqlWriter add(Fragment fragment) {
    for (Object piece : fragment.pieces()) {
      if (piece instanceof Span span) {
        add(span);
      } else {
        add(piece.toString());
      }
    }
    return this;
  }

  ShardSql done() {
    return new ShardSql(sql.toString(), indexes);
  }
}
