package io.shardflux.reshard.progress;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.reshard.progress.MoveProgress.Holder;
import io.shardflux.reshard.progress.MoveProgress.Report;
import io.shardflux.reshard.progress.MoveProgress.Wait;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A report as a text of named lines, for the other routers. A line that is not known is passed
 * over: a report is only shown.
 */
@Internal
public final class ReportText {

  /** The column has 64 kB. */
  private static final int LONGEST = 60_000;

  private static final HexFormat HEX = HexFormat.of();

  private ReportText() {}

  public static String of(Report report) {
    List<String> lines = new ArrayList<>();
    lines.add("done=" + report.done());
    lines.add("rate=" + report.rowsPerSecond());
    lines.add("changes=" + report.changesWaiting());
    if (report.left() != null) {
      lines.add("left=" + report.left());
    }
    if (report.throttledBy() != null) {
      lines.add("throttle=" + hex(report.throttledBy()));
    }
    report.notKnown().forEach(what -> lines.add("unknown=" + hex(what)));
    if (report.fallsBehind() != null) {
      lines.add("behind=" + hex(report.fallsBehind()));
    }
    Wait wait = report.waiting();
    if (wait != null) {
      lines.add("since=" + wait.since());
      lines.add("on=" + hex(wait.on()));
      wait.holders().forEach(holder -> lines.add("holder=" + text(holder)));
    }
    String text = String.join("\n", lines);
    return text.length() <= LONGEST ? text : of(Report.of(report.done()));
  }

  /** A report's further line, which says since when something is so; an empty text for null. */
  public static String since(String name, @Nullable Instant time) {
    return time == null ? "" : "\n" + name + "=" + time;
  }

  /** Reads that line; empty if there is none. */
  public static Optional<Instant> since(String text, String name) {
    return text.lines()
        .filter(line -> line.startsWith(name + "="))
        .map(line -> Instant.parse(line.substring(name.length() + 1)))
        .findFirst();
  }

  private static String text(Holder holder) {
    return String.join(
        ",",
        Long.toString(holder.connection()),
        hex(holder.user()),
        hex(holder.host()),
        holder.age().toString());
  }

  /** Reads what {@link #of} gave; an empty text is an empty report. */
  public static Report parse(String text) {
    Map<String, String> values = new LinkedHashMap<>();
    List<String> unknown = new ArrayList<>();
    List<Holder> holders = new ArrayList<>();
    for (String line : text.split("\n", -1)) {
      int equals = line.indexOf('=');
      String name = equals < 0 ? line : line.substring(0, equals);
      String value = line.substring(equals + 1);
      switch (name) {
        case "unknown" -> unknown.add(text16(value));
        case "holder" -> holders.add(holder(value.split(",", -1)));
        default -> values.put(name, value);
      }
    }
    String left = values.get("left");
    String throttle = values.get("throttle");
    String behind = values.get("behind");
    return new Report(
        Double.parseDouble(values.getOrDefault("done", "0")),
        Long.parseLong(values.getOrDefault("rate", "0")),
        Long.parseLong(values.getOrDefault("changes", "0")),
        left == null ? null : Duration.parse(left),
        throttle == null ? null : text16(throttle),
        unknown,
        wait(values.get("since"), values.getOrDefault("on", ""), holders),
        behind == null ? null : text16(behind));
  }

  private static @Nullable Wait wait(@Nullable String since, String on, List<Holder> holders) {
    return since == null ? null : new Wait(Instant.parse(since), text16(on), holders);
  }

  private static Holder holder(String[] parts) {
    return new Holder(
        Long.parseLong(parts[0]), text16(parts[1]), text16(parts[2]), Duration.parse(parts[3]));
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(UTF_8));
  }

  private static String text16(String hex) {
    return new String(HEX.parseHex(hex), UTF_8);
  }
}
