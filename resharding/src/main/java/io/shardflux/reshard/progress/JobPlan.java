package io.shardflux.reshard.progress;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.reshard.plan.MovePlan.Pair;
import io.shardflux.reshard.plan.MovePlan.Part;
import io.shardflux.reshard.plan.MovePlan.Table;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The work of a job, as a text of named lines that each router can read or refuses. A name that is
 * not known is one of a newer router's, and must not be passed over.
 *
 * @param kind what becomes of the tables
 * @param strategy the name of the strategy whose keys move
 * @param into the name of the strategy that tables have afterwards
 * @param tables the tables whose rows move, with about how many rows they have
 * @param pairs the shards between which rows may move, in the order of the steps
 * @param options how it is done
 * @param topology the topology with the strategy on its way, still without a step, and with the
 *     rules by which pinned tables move, as JSON in one line
 * @param before the job before, of which this one is the rest; 0 for none
 * @param rest what further jobs must do behind this one, as such texts
 */
@Internal
public record JobPlan(
    Kind kind,
    String strategy,
    String into,
    List<Table> tables,
    List<Pair> pairs,
    MoveOptions options,
    String topology,
    long before,
    List<String> rest) {

  /** As which kind the jobs of moves stand in the control tables. */
  public static final String JOB_KIND = "move";

  private static final String VERSION = "2";
  private static final HexFormat HEX = HexFormat.of();

  public static JobPlan of(Part part, MoveOptions options, String topology) {
    return new JobPlan(
        part.kind(),
        part.strategy(),
        part.into(),
        part.tables(),
        part.pairs(),
        options,
        topology,
        0,
        List.of());
  }

  public JobPlan with(long jobBefore, List<String> restAfter) {
    return new JobPlan(
        kind, strategy, into, tables, pairs, options, topology, jobBefore, restAfter);
  }

  /** The plan of the job that follows this one; empty if there is none. */
  public Optional<JobPlan> following(long job) {
    return rest.isEmpty()
        ? Optional.empty()
        : Optional.of(parse(rest.get(0)).with(job, rest.subList(1, rest.size())));
  }

  public String text() {
    List<String> lines = new ArrayList<>();
    lines.add("version=" + VERSION);
    lines.add("strategy=" + hex(strategy));
    if (kind != Kind.KEYS) {
      lines.add("kind=" + kind);
      lines.add("into=" + hex(into));
    }
    tables.forEach(
        table ->
            lines.add(
                "table=" + hex(table.name()) + "," + table.rowsAbout() + "," + table.bytesAbout()));
    pairs.forEach(
        pair ->
            lines.add(
                "pair="
                    + pair.from()
                    + ","
                    + pair.to()
                    + ","
                    + pair.rowsAbout()
                    + ","
                    + pair.bytesAbout()));
    lines.add("rows-per-second=" + options.rowsPerSecond());
    lines.add("rollback-window=" + options.rollbackWindow());
    lines.add("close-bound=" + options.closeBound());
    lines.add("patience=" + options.patience());
    lines.add("max-lag=" + options.maxLag());
    lines.add("give-up-after=" + options.giveUpAfter());
    if (options.switchesWhenTold()) {
      lines.add("switch=when-told");
    }
    if (options.keepsFence()) {
      lines.add("clean=keep-fence");
    }
    if (before != 0) {
      lines.add("before=" + before);
    }
    rest.forEach(text -> lines.add("rest=" + hex(text)));
    lines.add("topology=" + topology);
    return String.join("\n", lines);
  }

  /**
   * Reads what {@link #text} gave.
   *
   * @throws IllegalArgumentException if it is of another version, or has a line that is not known
   */
  public static JobPlan parse(String text) {
    Map<String, String> values = new LinkedHashMap<>();
    List<Table> tables = new ArrayList<>();
    List<Pair> pairs = new ArrayList<>();
    List<String> rest = new ArrayList<>();
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
        case "strategy", "topology", "kind", "into", "before" -> values.put(name, value);
        case "table" -> tables.add(table(value.split(",")));
        case "pair" -> pairs.add(pair(value.split(",")));
        case "rest" -> rest.add(text16(value));
        case "rows-per-second" -> options.rowsPerSecond(Integer.parseInt(value));
        case "rollback-window" -> options.rollbackWindow(Duration.parse(value));
        case "close-bound" -> options.closeBound(Duration.parse(value));
        case "patience" -> options.patience(Duration.parse(value));
        case "max-lag" -> options.maxLag(Duration.parse(value));
        case "give-up-after" -> options.giveUpAfter(Duration.parse(value));
        case "switch" -> options.switchesWhenTold(only(name, value, "when-told"));
        case "clean" -> options.keepsFence(only(name, value, "keep-fence"));
        default -> throw unknown(name, "a name that this router knows");
      }
    }
    String strategy = values.getOrDefault("strategy", "");
    return new JobPlan(
        Kind.valueOf(values.getOrDefault("kind", "KEYS")),
        text16(strategy),
        text16(values.getOrDefault("into", strategy)),
        List.copyOf(tables),
        List.copyOf(pairs),
        options.build(),
        values.getOrDefault("topology", ""),
        Long.parseLong(values.getOrDefault("before", "0")),
        List.copyOf(rest));
  }

  /** An option that is written where it has its one other value. */
  private static boolean only(String name, String value, String known) {
    if (!value.equals(known)) {
      throw unknown(name + "=" + value, name + "=" + known);
    }
    return true;
  }

  private static Table table(String[] parts) {
    return new Table(text16(parts[0]), Long.parseLong(parts[1]), number(parts, 2));
  }

  private static Pair pair(String[] parts) {
    return new Pair(ShardId.of(parts[0]), ShardId.of(parts[1]), number(parts, 2), number(parts, 3));
  }

  private static long number(String[] parts, int index) {
    return index < parts.length ? Long.parseLong(parts[index]) : 0;
  }

  private static IllegalArgumentException unknown(String found, String expected) {
    return new IllegalArgumentException(
        "job: "
            + found
            + " in its plan (expected: "
            + expected
            + "; a router of another version started the move, let one of that version do it)");
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(UTF_8));
  }

  private static String text16(String hex) {
    return new String(HEX.parseHex(hex), UTF_8);
  }
}
