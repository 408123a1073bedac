package io.shardflux.sql;

/** A piece of the text. */
record Span(int start, int end) {

  /** That of what isn't in the text. */
  static final Span NONE = new Span(0, 0);

  String of(String text) {
    return text.substring(start, end);
  }
}
