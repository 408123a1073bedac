package io.shardflux.router;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/** Listed periods, each on a shard; the others rotate over shards, or are refused. */
final class TimeStrategy extends ShardingStrategy {

  private final TimePeriod period;
  private final long[] numbers;
  private final ShardId[] owners;

  /** By the period's number modulo the length; empty if periods that are not listed are refused. */
  private final ShardId[] rotation;

  TimeStrategy(TimePeriod period, Map<LocalDate, ShardId> listed, List<ShardId> rotation) {
    super(all(listed, rotation));
    this.period = period;
    TreeMap<Long, ShardId> byNumber = new TreeMap<>();
    listed.forEach((start, shard) -> byNumber.put(checkStart(period, start), shard));
    this.numbers = byNumber.keySet().stream().mapToLong(Long::longValue).toArray();
    this.owners = byNumber.values().toArray(ShardId[]::new);
    this.rotation = rotation.toArray(ShardId[]::new);
  }

  ShardId[] rotation() {
    return rotation.clone();
  }

  /** The first days of the listed periods, each with its shard. */
  Map<LocalDate, ShardId> listed() {
    Map<LocalDate, ShardId> listed = new LinkedHashMap<>();
    for (int i = 0; i < numbers.length; i++) {
      listed.put(period.start(numbers[i]), owners[i]);
    }
    return listed;
  }

  ShardingStrategy with(Map<LocalDate, ShardId> others, List<ShardId> turns) {
    return new TimeStrategy(period, others, turns);
  }

  private static Set<ShardId> all(Map<LocalDate, ShardId> listed, List<ShardId> rotation) {
    Set<ShardId> all = new LinkedHashSet<>(listed.values());
    all.addAll(rotation);
    return all;
  }

  private static long checkStart(TimePeriod period, LocalDate start) {
    // As a key, since the bounds of years are the same.
    long number = period.number(ShardKey.of(start), 0);
    if (period.number(start.minusDays(1)) == number) {
      throw new IllegalArgumentException(
          "period: " + start + " (expected: the first day of a " + period + ")");
    }
    return number;
  }

  @Override
  ShardId locate(ShardKey key, int from, int to) {
    checkOne(key, from, to);
    checkTemporal(key, from);
    ShardId shard = shard(period.number(key, from));
    if (shard == null) {
      throw unroutable(key, from, to, "in a " + period + " that is listed");
    }
    return shard;
  }

  private static void checkTemporal(ShardKey key, int index) {
    KeyType type = key.type(index);
    if (type != KeyType.DATE && type != KeyType.DATETIME) {
      checkType(key, index, KeyType.INSTANT);
    }
  }

  private @Nullable ShardId shard(long number) {
    int listed = Arrays.binarySearch(numbers, number);
    if (listed >= 0) {
      return owners[listed];
    }
    return rotation.length == 0 ? null : rotation[Math.floorMod(number, rotation.length)];
  }

  @Override
  public Set<ShardId> touching(KeyRange range) {
    long first = range.from() == null ? Long.MIN_VALUE : number(range.from());
    long last = range.to() == null ? Long.MAX_VALUE : lastNumber(range.to());
    Set<ShardId> touched = new LinkedHashSet<>();
    for (int i = 0; i < numbers.length; i++) {
      if (first <= numbers[i] && numbers[i] <= last) {
        touched.add(owners[i]);
      }
    }
    touched.addAll(rotated(first, last));
    return Collections.unmodifiableSet(touched);
  }

  /** The shards of the unlisted periods from the first to the last; of many, the whole rotation. */
  private List<ShardId> rotated(long first, long last) {
    long many = (long) numbers.length + rotation.length;
    if (first < last - many || last - many > last) {
      return List.of(rotation);
    }
    return LongStream.rangeClosed(first, last)
        .filter(number -> rotation.length > 0 && Arrays.binarySearch(numbers, number) < 0)
        .mapToObj(number -> rotation[Math.floorMod(number, rotation.length)])
        .toList();
  }

  private long number(ShardKey bound) {
    checkTemporal(bound, 0);
    return period.number(bound, 0);
  }

  private long lastNumber(ShardKey bound) {
    checkTemporal(bound, 0);
    return period.number(lastDate(bound));
  }

  /** The date of the last key below a bound. */
  private static LocalDate lastDate(ShardKey bound) {
    Object part = bound.part(0);
    if (part instanceof LocalDate date) {
      return date.minusDays(1);
    }
    LocalDateTime dateTime =
        part instanceof LocalDateTime local
            ? local
            : LocalDateTime.ofInstant((Instant) part, ZoneOffset.UTC);
    return dateTime.minusNanos(1).toLocalDate();
  }

  @Override
  Mono<String> predicate(ShardId shard, List<KeyColumn> columns) {
    String number = "(" + period.sql(KeySql.name(checkTemporal(columns))) + ")";
    List<String> conditions = new ArrayList<>();
    String listed = numbers(shard);
    if (!listed.isEmpty()) {
      conditions.add(number + " IN (" + listed + ")");
    }
    String turns = turns(shard);
    if (!turns.isEmpty()) {
      int n = rotation.length;
      String turn = "MOD(MOD(" + number + ", " + n + ") + " + n + ", " + n + ") IN (" + turns + ")";
      conditions.add(numbers.length == 0 ? turn : "(" + unlisted(number) + " AND " + turn + ")");
    }
    return Mono.just(String.join(" OR ", conditions));
  }

  private static KeyColumn checkTemporal(List<KeyColumn> columns) {
    KeyType type = checkColumn(columns).type();
    return type == KeyType.DATE || type == KeyType.DATETIME
        ? checkColumn(columns, type)
        : checkColumn(columns, KeyType.INSTANT);
  }

  private String numbers(ShardId shard) {
    return joined(
        IntStream.range(0, owners.length)
            .filter(i -> owners[i].equals(shard))
            .mapToLong(i -> numbers[i]));
  }

  private String turns(ShardId shard) {
    return joined(
        IntStream.range(0, rotation.length).filter(i -> rotation[i].equals(shard)).asLongStream());
  }

  private String unlisted(String number) {
    return number + " NOT IN (" + joined(LongStream.of(numbers)) + ")";
  }

  private static String joined(LongStream values) {
    return values.mapToObj(Long::toString).collect(Collectors.joining(", "));
  }

  @Override
  Map<String, Object> keys(StrategyTree nested) {
    Map<String, Object> keys = StrategyTree.type("time");
    keys.put("period", StrategyTree.word(period));
    if (numbers.length > 0) {
      Map<String, Object> listed = new LinkedHashMap<>();
      for (int i = 0; i < numbers.length; i++) {
        listed.put(period.start(numbers[i]).toString(), owners[i].value());
      }
      keys.put("listed", listed);
    }
    if (rotation.length > 0) {
      keys.put("rotation", StrategyTree.names(List.of(rotation)));
    }
    return keys;
  }

  @Override
  public String toString() {
    return "time("
        + period
        + ", "
        + numbers.length
        + " listed"
        + (rotation.length == 0 ? "" : ", others rotate over " + List.of(rotation))
        + ")";
  }
}
