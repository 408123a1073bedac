package io.shardflux.sql;

/** A piece of the text. */
record Span(int start, int end) {

  String of(String text) {
    return text.substring(start, end);
  }
}
