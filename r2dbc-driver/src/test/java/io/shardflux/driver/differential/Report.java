package io.shardflux.driver.differential;

import io.shardflux.sql.statement.RefusalCode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The outcomes of the statements of a run. Not thread-safe. */
final class Report {

  private final long seed;
  private final Set<ServerBug> avoided;
  private final Map<RefusalCode, Integer> refused = new EnumMap<>(RefusalCode.class);
  private final Map<Demand, Map<String, Count>> shapes = new EnumMap<>(Demand.class);
  private final List<String> failures = new ArrayList<>();
  private final List<Integer> failedAt = new ArrayList<>();
  private int asked;
  private int equal;
  private int erred;
  private int wrong;

  /**
   * @param avoided what is not asked, as the servers answer it wrong
   */
  Report(long seed, Set<ServerBug> avoided) {
    this.seed = seed;
    this.avoided = avoided;
  }

  private enum Demand {
    TO_BE_ANSWERED,
    MAY_BE_REFUSED,
    TO_BE_REFUSED;

    static Demand of(Support support) {
      if (!support.answerable()) {
        return TO_BE_REFUSED;
      }
      return support.codes().isEmpty() ? TO_BE_ANSWERED : MAY_BE_REFUSED;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  private static final class Count {
    private final Map<RefusalCode, Integer> refused = new EnumMap<>(RefusalCode.class);
    private int answered;
  }

  /** The number of statements that were asked. */
  int asked() {
    return asked;
  }

  /** Answers that were wrong, and statements that were refused or answered and may not be. */
  List<String> failures() {
    return failures;
  }

  void equal(Generated statement, boolean error) {
    answered(statement);
    equal++;
    erred += error ? 1 : 0;
  }

  void refused(Generated statement, RefusalCode code) {
    asked++;
    refused.merge(code, 1, Integer::sum);
    counts(statement).forEach(count -> count.refused.merge(code, 1, Integer::sum));
  }

  void wrong(Generated statement) {
    answered(statement);
    wrong++;
  }

  private void answered(Generated statement) {
    asked++;
    counts(statement).forEach(count -> count.answered++);
  }

  /** Of each shape that the statement has. */
  private List<Count> counts(Generated statement) {
    Map<String, Count> all =
        shapes.computeIfAbsent(Demand.of(statement.support()), demand -> new TreeMap<>());
    return List.of(statement.shape().split(", ")).stream()
        .distinct()
        .map(shape -> all.computeIfAbsent(shape, name -> new Count()))
        .toList();
  }

  /** The numbers of the statements that failed, from 0. */
  List<Integer> failedAt() {
    return failedAt;
  }

  void failure(int index, String told) {
    failedAt.add(index);
    failures.add(told);
  }

  /** A command that asks a statement again, with those before it since the tables were fresh. */
  String again(int first, int statements) {
    return "-Ddifferential.seed="
        + seed
        + " -Ddifferential.first="
        + first
        + " -Ddifferential.statements="
        + statements;
  }

  @Override
  public String toString() {
    int all = refused.values().stream().mapToInt(Integer::intValue).sum();
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "Differential, -Ddifferential.seed=%d: %d statements, %d equal (%d of them errors),"
                    + " %d wrong, %d refused (%.1f %%): %s%nnot asked for bugs of the server: %s%n",
                seed,
                asked,
                equal,
                erred,
                wrong,
                all,
                100.0 * all / Math.max(1, asked),
                codes(refused),
                avoided));
    shapes.forEach(
        (demand, counts) -> {
          text.append(demand).append(" (answered, refused, shape):\n");
          counts.forEach((shape, count) -> text.append(line(shape, count)));
        });
    return text.toString();
  }

  private static String line(String shape, Count count) {
    int refused = count.refused.values().stream().mapToInt(Integer::intValue).sum();
    return String.format(
        Locale.ROOT,
        "%7d %6d  %s%s%n",
        count.answered,
        refused,
        shape,
        refused == 0 ? "" : ": " + codes(count.refused));
  }

  private static String codes(Map<RefusalCode, Integer> refused) {
    return refused.entrySet().stream()
        .map(entry -> entry.getKey() + " " + entry.getValue())
        .collect(Collectors.joining(", "));
  }
}
