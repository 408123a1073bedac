package io.shardflux.reshard;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.reshard.MovePlan.Pair;
import io.shardflux.reshard.MovePlan.Table;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a job must do, as a text of named lines that each router can read or refuses. A name that is
 * not known is one of a newer router's, and must not be passed over.
 *
 * @param strategy the name of the strategy whose keys move
 * @param tables the tables whose rows move, with about how many rows they have
 * @param pairs the shards between which rows may move, in the order of the steps
 * @param options how it is done
 * @param topology the topology afterwards, as JSON in one line
 */
record JobPlan(
    String strategy, List<Table> tables, List<Pair> pairs, MoveOptions options, String topology) {

  private static final String VERSION = "1";
  private static final HexFormat HEX = HexFormat.of();

  static JobPlan of(MovePlan plan, String topology) {
    return new JobPlan(plan.strategy(), plan.tables(), plan.pairs(), plan.options(), topology);
  }

  String text() {
    List<String> lines = new ArrayList<>();
    lines.add("version=" + VERSION);
    lines.add("strategy=" + hex(strategy));
    tables.forEach(table -> lines.add("table=" + hex(table.name()) + "," + table.rowsAbout()));
    pairs.forEach(pair -> lines.add("pair=" + pair.from() + "," + pair.to()));
    lines.add("rows-per-second=" + options.rowsPerSecond());
    lines.add("rollback-window=" + options.rollbackWindow());
    lines.add("close-bound=" + options.closeBound());
    lines.add("patience=" + options.patience());
    lines.add("max-lag=" + options.maxLag());
    lines.add("topology=" + topology);
    return String.join("\n", lines);
  }

  /**
   * Reads what {@link #text} gave.
   *
   * @throws IllegalArgumentException if it is of another version, or has a line that is not known
   */
  static JobPlan parse(String text) {
    Map<String, String> values = new LinkedHashMap<>();
    List<Table> tables = new ArrayList<>();
    List<Pair> pairs = new ArrayList<>();
    MoveOptions.Builder options = MoveOptions.builder();
    String[] lines = text.split("\n", -1);
    if (!lines[0].equals("version=" + VERSION)) {
      throw unknown(lines[0], "version=" + VERSION);
    }
    for (String line : List.of(lines).subList(1, lines.length)) {
      int equals = line.indexOf('=');
      String name = equals < 0 ? line : line.substring(0, equals);
      String value = line.substring(equals + 1);
      switch (name) {
        case "strategy", "topology" -> values.put(name, value);
        case "table" -> tables.add(new Table(text16(first(value)), Long.parseLong(second(value))));
        case "pair" -> pairs.add(new Pair(ShardId.of(first(value)), ShardId.of(second(value))));
        case "rows-per-second" -> options.rowsPerSecond(Integer.parseInt(value));
        case "rollback-window" -> options.rollbackWindow(Duration.parse(value));
        case "close-bound" -> options.closeBound(Duration.parse(value));
        case "patience" -> options.patience(Duration.parse(value));
        case "max-lag" -> options.maxLag(Duration.parse(value));
        default -> throw unknown(name, "a name that this router knows");
      }
    }
    return new JobPlan(
        text16(values.getOrDefault("strategy", "")),
        List.copyOf(tables),
        List.copyOf(pairs),
        options.build(),
        values.getOrDefault("topology", ""));
  }

  private static IllegalArgumentException unknown(String found, String expected) {
    return new IllegalArgumentException(
        "job: "
            + found
            + " in its plan (expected: "
            + expected
            + "; a router of another version started the move, let one of that version do it)");
  }

  private static String first(String value) {
    return value.substring(0, value.indexOf(','));
  }

  private static String second(String value) {
    return value.substring(value.indexOf(',') + 1);
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(UTF_8));
  }

  private static String text16(String hex) {
    return new String(HEX.parseHex(hex), UTF_8);
  }
}
