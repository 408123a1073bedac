package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Task.Act;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * All figures, as a table to read and as JSON to keep.
 *
 * @param setting the machine, versions and options
 */
record Report(
    Map<String, String> setting,
    List<Result> results,
    List<SmallHeap> smallHeaps,
    List<Lookup> lookups,
    List<Measured.OneFigure> moves,
    List<Measured.OneFigure> joins,
    List<Measured.OneFigure> transactions,
    List<Ratio> ratios) {

  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** One median divided by another. */
  record Ratio(String name, double value) {}

  /**
   * The router's stream under a small heap.
   *
   * @param heapMib the most heap in use after a garbage collection
   */
  record SmallHeap(String heap, Act act, long rows, double perSecond, double heapMib) {}

  static Report of(
      Map<String, String> setting,
      List<Result> results,
      List<SmallHeap> smallHeaps,
      List<Lookup> lookups,
      Measured moves,
      Measured joins,
      Measured transactions) {
    return new Report(
        setting,
        List.copyOf(results),
        List.copyOf(smallHeaps),
        List.copyOf(lookups),
        moves.figures(),
        joins.figures(),
        transactions.figures(),
        Stream.of(
                Ratios.of(results, lookups), moves.ratios(), joins.ratios(), transactions.ratios())
            .flatMap(List::stream)
            .toList());
  }

  String json() {
    return JSON.writeValueAsString(this);
  }

  String table() {
    Table table = new Table();
    setting.forEach((name, value) -> table.line("%-14s %s".formatted(name, value)));
    table.section(
        results,
        "%-28s %-16s %11s %21s %9s %9s %9s %9s %6s",
        List.of(
            "work",
            "contender",
            "per s",
            "min - max",
            "CPU us",
            "bytes",
            "p50 us",
            "p99 us",
            "MiB"),
        Report::row);
    table.section(
        smallHeaps,
        "%-45s %11s %9s %6s",
        List.of("router under a small heap", "rows", "per s", "MiB"),
        one ->
            List.of(
                one.act() + ", -Xmx" + one.heap(),
                "%,d".formatted(one.rows()),
                number(one.perSecond(), 0),
                heap(one.heapMib())));
    table.section(
        lookups,
        "%-45s %11s %9s %9s",
        List.of("lookup", "ns", "+-", "bytes"),
        one ->
            List.of(
                one.name(),
                number(one.nanos(), 1),
                number(one.error(), 1),
                number(one.bytes(), 1)));
    section(table, "moves", moves);
    section(table, "joins", joins);
    section(table, "transactions", transactions);
    table.section(
        ratios,
        "%-66s %9s",
        List.of("ratio of medians", "is"),
        one -> List.of(one.name(), number(one.value(), 2)));
    return table.toString();
  }

  private static void section(Table table, String name, List<Measured.OneFigure> figures) {
    table.section(
        figures,
        "%-60s %11s %9s",
        List.of(name, "is", ""),
        one -> List.of(one.what(), number(one.value(), 2), one.unit()));
  }

  private static List<String> row(Result result) {
    return List.of(
        result.act() + (result.inFlight() > 0 ? ", " + result.inFlight() : ""),
        result.way().toString(),
        number(result.perSecond().median(), 0),
        number(result.perSecond().min(), 0) + " - " + number(result.perSecond().max(), 0),
        number(result.cpuMicros().median(), 2),
        number(result.bytes().median(), 0),
        latency(result.p50Micros()),
        latency(result.p99Micros()),
        heap(result.heapMib().median()));
  }

  private static String latency(Spread micros) {
    return micros.max() == 0 ? "-" : number(micros.median(), 0);
  }

  /** Nothing where there was no garbage collection. */
  private static String heap(double mib) {
    return mib == 0 ? "-" : number(mib, 1);
  }

  private static String number(double figure, int decimals) {
    return String.format(Locale.ROOT, "%,." + decimals + "f", figure);
  }
}
