package io.shardflux.sql.syntax;

import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A kind of statement that may have any number of parts, side by side or in each other. */
public record Shape(String name, IntFunction<String> text) {

  public String of(int parts) {
    return text.apply(parts);
  }

  public static Shape of(String name, IntFunction<String> text) {
    return new Shape(name, text);
  }

  /** One whose parts follow one another. */
  public static Shape list(
      String name, String start, String separator, IntFunction<String> part, String end) {
    return of(
        name,
        parts ->
            IntStream.range(0, parts)
                .mapToObj(part)
                .collect(Collectors.joining(separator, start, end)));
  }

  /** One whose parts are in each other. */
  public static Shape nested(
      String name, String start, String open, String inner, String close, String end) {
    return of(name, parts -> start + open.repeat(parts) + inner + close.repeat(parts) + end);
  }

  @Override
  public String toString() {
    return name;
  }
}
