package io.shardflux.reshard.progress;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.cluster.Jobs;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The progress of a job, as a text that the next owner goes on from.
 *
 * @param step the position of the step that is under way
 * @param phase what is done in it
 * @param table the position of the table that is copied, compared or cleaned
 * @param key the last key of it that is done, as literals; empty at its beginning
 * @param rows the rows that were copied until now
 * @param marks a mark of each table on each shard, by which one that was emptied or made anew is
 *     told apart
 * @param begun the position of the last step that has begun
 * @param until the end of the time in which the move may be reversed, in milliseconds of the epoch;
 *     0 before its beginning
 * @param refused why what an operator wanted last was refused; empty if it was not
 * @param copy how many copies of it the shards had when it was noted
 */
@Internal
public record JobState(
    int step,
    Phase phase,
    int table,
    List<String> key,
    long rows,
    Map<String, String> marks,
    int begun,
    long until,
    String refused,
    long copy) {

  /** The work under way: the first four in each step, and the others then, for all steps. */
  public enum Phase {
    PREPARE,
    COPY,
    VERIFY,
    SWITCH,
    /** All keys have moved, and the move may be reversed. */
    HOLD,
    CLEAN,
    /** The keys go back, the last step's first. */
    REVERSE,
    /** All keys are back, or none has moved; what was copied is taken away. */
    UNDO,
    /** All is as it was. */
    REVERSED,
    /** Each key stays where it is; what stands elsewhere is taken away. */
    STAY,
    /** Each key is where it was when that was wanted. */
    STAYED
  }

  private static final String SOURCE = "source";

  private static final HexFormat HEX = HexFormat.of();

  public static final JobState FIRST =
      new JobState(0, Phase.PREPARE, 0, List.of(), 0, Map.of(), 0, 0, "", 0);

  public JobState at(Phase next) {
    return at(step, next);
  }

  public JobState at(int nextStep, Phase next) {
    return new JobState(nextStep, next, 0, List.of(), rows, marks, begun, until, refused, copy);
  }

  public JobState at(int nextTable, List<String> nextKey) {
    return new JobState(step, phase, nextTable, nextKey, rows, marks, begun, until, refused, copy);
  }

  public JobState copied(long more) {
    return new JobState(step, phase, table, key, rows + more, marks, begun, until, refused, copy);
  }

  public JobState marked(Map<String, String> others) {
    Map<String, String> all = new LinkedHashMap<>(marks);
    all.putAll(others);
    return new JobState(step, phase, table, key, rows, all, begun, until, refused, copy);
  }

  /** Tables are copied from another shard, from the beginning. */
  public JobState from(ShardId source) {
    return marked(Map.of(SOURCE, source.value())).at(Phase.PREPARE);
  }

  /** The shard that tables are copied from, where it is not the one of the plan. */
  public Optional<ShardId> source() {
    return Optional.ofNullable(marks.get(SOURCE)).map(ShardId::of);
  }

  /** The state with a refusal of what an operator wanted; an empty text takes it away. */
  public JobState refused(String why) {
    return new JobState(step, phase, table, key, rows, marks, begun, until, why, copy);
  }

  /** The shards have had so many copies. */
  public JobState numbered(long copies) {
    return new JobState(step, phase, table, key, rows, marks, begun, until, refused, copies);
  }

  /** The next step begins. */
  public JobState nextStep() {
    return new JobState(
        step + 1, Phase.PREPARE, 0, List.of(), rows, marks, step + 1, until, refused, copy);
  }

  /** All keys have moved. */
  public JobState held(long untilMillis) {
    return new JobState(
        step, Phase.HOLD, 0, List.of(), rows, marks, begun, untilMillis, refused, copy);
  }

  public String text() {
    List<String> lines = new ArrayList<>();
    lines.add("step=" + step);
    lines.add("phase=" + phase);
    if (phase == Phase.VERIFY || phase == Phase.SWITCH || phase == Phase.REVERSE) {
      lines.add(Jobs.SOON);
    }
    lines.add("table=" + table);
    lines.add("key=" + key.stream().map(JobState::hex).collect(Collectors.joining(",")));
    lines.add("rows=" + rows);
    lines.add("begun=" + begun);
    lines.add("until=" + until);
    lines.add("refused=" + hex(refused));
    lines.add("copy=" + copy);
    marks.forEach((name, mark) -> lines.add("mark." + hex(name) + "=" + mark));
    return String.join("\n", lines);
  }

  public static JobState parse(String text) {
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
        marks,
        Integer.parseInt(values.getOrDefault("begun", "0")),
        Long.parseLong(values.getOrDefault("until", "0")),
        text16(values.getOrDefault("refused", "")),
        Long.parseLong(values.getOrDefault("copy", "0")));
  }

  private static String hex(String text) {
    return HEX.formatHex(text.getBytes(UTF_8));
  }

  private static String text16(String hex) {
    return new String(HEX.parseHex(hex), UTF_8);
  }
}
