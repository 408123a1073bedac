package io.shardflux.sql;

import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A kind of statement that may have any number of parts, side by side or in each other. */
record Shape(String name, IntFunction<String> text) {

  String of(int parts) {
    return text.apply(parts);
  }

  static Shape of(String name, IntFunction<String> text) {
    return new Shape(name, text);
  }

  /** One whose parts follow one another. */
  static Shape list(
      String name, String start, String separator, IntFunction<String> part, String end) {
    return of(
        name,
        parts ->
            IntStream.range(0, parts)
                .mapToObj(part)
                .collect(Collectors.joining(separator, start, end)));
  }

  /** One whose parts are in each other. */
  static Shape nested(
      String name, String start, String open, String inner, String close, String end) {
    return of(name, parts -> start + open.repeat(parts) + inner + close.repeat(parts) + end);
  }

  @Override
  public String toString() {
    return name;
  }
}
