package io.shardflux.reshard;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How far a job is, as a text that the next owner goes on from.
 *
 * @param step the position of the step that is under way
 * @param phase what is done in it
 * @param table the position of the table that is copied or compared
 * @param key the last key of it that is done, as literals; empty at its beginning
 * @param rows the rows that were copied until now
 * @param marks a mark of each table, by which one that was emptied or made anew is told apart
 */
record JobState(
    int step, Phase phase, int table, List<String> key, long rows, Map<String, String> marks) {

  /** What is done in a step, in this order. */
  enum Phase {
    PREPARE,
    COPY,
    VERIFY,
    SWITCH,
    CLEAN
  }

  private static final HexFormat HEX = HexFormat.of();

  static final JobState FIRST = new JobState(0, Phase.PREPARE, 0, List.of(), 0, Map.of());

  JobState at(Phase next) {
    return new JobState(step, next, 0, List.of(), rows, marks);
  }

  JobState at(int nextTable, List<String> nextKey) {
    return new JobState(step, phase, nextTable, nextKey, rows, marks);
  }

  JobState copied(long more) {
    return new JobState(step, phase, table, key, rows + more, marks);
  }

  JobState marked(Map<String, String> others) {
    return new JobState(step, phase, table, key, rows, others);
  }

  JobState nextStep() {
    return new JobState(step + 1, Phase.PREPARE, 0, List.of(), rows, Map.of());
  }

  String text() {
    List<String> lines = new ArrayList<>();
    lines.add("step=" + step);
    lines.add("phase=" + phase);
    lines.add("table=" + table);
    lines.add("key=" + key.stream().map(JobState::hex).collect(Collectors.joining(",")));
    lines.add("rows=" + rows);
    marks.forEach((name, mark) -> lines.add("mark." + hex(name) + "=" + mark));
    return String.join("\n", lines);
  }

  static JobState parse(String text) {
    Map<String, String> values = new LinkedHashMap<>();
    Map<String, String> marks = new LinkedHashMap<>();
    for (String line : text.split("\n", -1)) {
      int equals = line.indexOf('=');
      String name = line.substring(0, equals);
      String value = line.substring(equals + 1);
      if (name.startsWith("mark.")) {
        marks.put(text16(name.substring("mark.".length())), value);
      } else {
        values.put(name, value);
      }
    }
    String key = values.getOrDefault("key", "");
    return new JobState(
        Integer.parseInt(values.getOrDefault("step", "0")),
        Phase.valueOf(values.getOrDefault("phase", "PREPARE")),
        Integer.parseInt(values.getOrDefault("table", "0")),
        key.isEmpty() ? List.of() : List.of(key.split(",")).stream().map(JobState::text16).toList(),
        Long.parseLong(values.getOrDefault("rows", "0")),
        marks);
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(UTF_8));
  }

  private static String text16(String hex) {
    return new String(HEX.parseHex(hex), UTF_8);
  }
}
