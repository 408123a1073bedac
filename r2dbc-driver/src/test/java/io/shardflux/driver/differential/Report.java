package io.shardflux.driver.differential;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What came of the statements of a run. Not thread-safe. */
final class Report {

  private final long seed;
  private final Map<String, Integer> refused = new TreeMap<>();
  private final Map<String, int[]> shapes = new TreeMap<>();
  private final List<String> failures = new ArrayList<>();
  private final List<Integer> failedAt = new ArrayList<>();
  private int asked;
  private int equal;
  private int erred;
  private int wrong;

  Report(long seed) {
    this.seed = seed;
  }

  /** How many statements were asked. */
  int asked() {
    return asked;
  }

  /** What was wrong, was refused and may not be, or was answered and may not be. */
  List<String> failures() {
    return failures;
  }

  void equal(Generated statement, boolean error) {
    count(statement)[0]++;
    equal++;
    erred += error ? 1 : 0;
  }

  void refused(Generated statement, Answer.Refused answer) {
    count(statement)[1]++;
    refused.merge(answer.code(), 1, Integer::sum);
  }

  void wrong(Generated statement) {
    count(statement);
    wrong++;
  }

  /** The numbers of the statements that failed, from 0. */
  List<Integer> failedAt() {
    return failedAt;
  }

  void failure(int index, String told) {
    failedAt.add(index);
    failures.add(told);
  }

  /** What asks a statement again, with those that come before it since the tables were fresh. */
  String again(int first, int statements) {
    return "-Ddifferential.seed="
        + seed
        + " -Ddifferential.first="
        + first
        + " -Ddifferential.statements="
        + statements;
  }

  private int[] count(Generated statement) {
    asked++;
    return shapes.computeIfAbsent(statement.shape(), shape -> new int[2]);
  }

  /** The shapes, with how many of each were answered and refused. */
  String shapes() {
    StringBuilder text = new StringBuilder();
    shapes.forEach(
        (shape, counts) ->
            text.append(
                String.format(
                    Locale.ROOT, "%6d equal, %5d refused: %s%n", counts[0], counts[1], shape)));
    return text.toString();
  }

  @Override
  public String toString() {
    int all = refused.values().stream().mapToInt(Integer::intValue).sum();
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "Differential, -Ddifferential.seed=%d: %d statements, %d equal (%d of them errors),"
                    + " %d wrong, %d refused (%.1f %%)%n",
                seed,
                asked,
                equal,
                erred,
                wrong,
                all,
                100.0 * all / Math.max(1, asked)));
    refused.forEach(
        (code, count) -> text.append("  ").append(count).append(' ').append(code).append('\n'));
    return text.toString();
  }
}
