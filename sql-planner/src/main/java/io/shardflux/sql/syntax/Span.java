package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;

/** A piece of the text. */
@Internal
public record Span(int start, int end) {

  /** The span of an expression that isn't in the text. */
  public static final Span NONE = new Span(0, 0);

  public int length() {
    return end - start;
  }

  public String of(String text) {
    return text.substring(start, end);
  }
}
