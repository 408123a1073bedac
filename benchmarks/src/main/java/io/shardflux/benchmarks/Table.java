package io.shardflux.benchmarks;

import java.util.List;
import java.util.function.Function;

/** Lines of text in columns. */
final class Table {

  private final StringBuilder text = new StringBuilder();

  void line(String line) {
    text.append(line.stripTrailing()).append('\n');
  }

  /** A heading and a line for each row, after an empty line; nothing if there are no rows. */
  <T> void section(
      List<T> rows, String format, List<String> heading, Function<T, List<String>> columns) {
    if (rows.isEmpty()) {
      return;
    }
    text.append('\n');
    line(format.formatted(heading.toArray()));
    rows.forEach(row -> line(format.formatted(columns.apply(row).toArray())));
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
