package io.shardflux.router;

import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Pins where keys lie, for ever. The vectors were reckoned by other code than this. To change one
 * is a breaking change: rows of existing users would no longer be found where they are.
 */
class GoldenVectorTests {

  private static final Map<String, ShardingStrategy> STRATEGIES = strategies();

  @TestFactory
  Stream<DynamicTest> keysLieWhereTheyAlwaysDid() {
    return STRATEGIES.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(), () -> check(entry.getKey(), entry.getValue()::locate)));
  }

  @TestFactory
  Stream<DynamicTest> aDirectoryAssignsUnknownKeysWhereItsRulePutsThem() {
    return Stream.of("consistent", "hash-crc32")
        .map(name -> DynamicTest.dynamicTest(name, () -> checkDirectory(name)));
  }

  private static void checkDirectory(String name) {
    ShardingStrategy rule = Objects.requireNonNull(STRATEGIES.get(name));
    InMemoryDirectory assignments = new InMemoryDirectory();
    ShardingStrategy directory =
        ShardingStrategy.directory(assignments, rule.shards()).assignUnknown(rule).build();
    check(name, key -> directory.resolve(key).block(Fixtures.BOUND));
    check(name, key -> assignments.find(key).block(Fixtures.BOUND));
  }

  private static void check(String name, Function<ShardKey, @Nullable ShardId> locate) {
    Map<ShardKey, ShardId> vectors = read(name);
    assertThat(vectors).hasSizeGreaterThanOrEqualTo(200);
    vectors.forEach(
        (key, shard) ->
            assertThat(locate.apply(key))
                .as(
                    "%s: shard of %s; a change of it is a breaking change, for it strands rows that"
                        + " users have",
                    name, key)
                .isEqualTo(shard));
  }

  private static Map<String, ShardingStrategy> strategies() {
    Map<String, ShardingStrategy> all = new LinkedHashMap<>();
    all.put("hash-crc32", ShardingStrategy.hash(ids("a", "b", "c", "d", "e")));
    all.put("hash-md5", ShardingStrategy.hash(ids("0", "1", "2"), 3, HashFunction.MD5));
    all.put("hash-slots", ShardingStrategy.hashSlots(slots(), HashFunction.CRC32));
    all.put("consistent", ShardingStrategy.consistent(ids("0", "1", "2")));
    all.put(
        "consistent-weighted",
        ShardingStrategy.consistent(Map.of(id("a"), 1, id("b"), 2, id("c"), 5)));
    all.put("modulo", ShardingStrategy.modulo(ids("a", "b", "c", "d", "e")));
    all.put("range-integer", ShardingStrategy.range(integers()));
    all.put(
        "range-text",
        ShardingStrategy.range(
            ranges(List.of("Z", "a", "abc ", "ß", "日"), "a", "b", "c", "d", "a", "b")));
    all.put(
        "range-uuid",
        ShardingStrategy.range(
            ranges(
                List.of(
                    UUID.fromString("40000000-0000-0000-0000-000000000000"),
                    UUID.fromString("a0000000-0000-0000-0000-000000000000")),
                "a",
                "b",
                "c")));
    all.put(
        "range-date",
        ShardingStrategy.range(
            ranges(
                List.of(
                    LocalDate.of(1970, 1, 1), LocalDate.of(2000, 1, 1), LocalDate.of(2024, 2, 29)),
                "a",
                "b",
                "c",
                "a")));
    all.put(
        "range-datetime",
        ShardingStrategy.range(
            ranges(
                List.of(
                    LocalDateTime.parse("1970-01-01T00:00:00"),
                    LocalDateTime.parse("2000-01-01T12:00:00.000001")),
                "a",
                "b",
                "c")));
    all.put(
        "range-instant",
        ShardingStrategy.range(
            ranges(
                List.of(
                    Instant.parse("1970-01-01T00:00:00Z"),
                    Instant.parse("2000-01-01T12:00:00.000001Z")),
                "a",
                "b",
                "c")));
    all.put("composite", Fixtures.composite());
    all.put("geo", Fixtures.geo());
    all.put("tenant", Fixtures.tenant());
    all.put("time-day", Fixtures.time(TimePeriod.DAY, "2024-02-29", "1970-01-01"));
    all.put("time-week", Fixtures.time(TimePeriod.WEEK, "2024-02-26", "1969-12-29"));
    all.put("time-month", Fixtures.time(TimePeriod.MONTH, "2024-02-01", "1970-01-01"));
    all.put("time-year", Fixtures.time(TimePeriod.YEAR, "2024-01-01", "1970-01-01"));
    return all;
  }

  private static List<ShardId> slots() {
    return IntStream.range(0, 100)
        .mapToObj(slot -> id(slot % 7 == 0 || slot % 7 == 3 ? "a" : slot % 2 == 1 ? "b" : "c"))
        .toList();
  }

  private static Map<KeyRange, ShardId> integers() {
    return ranges(
        List.of(-1000, 0, 1_000_000, new BigInteger("9223372036854775813")),
        "a",
        "b",
        "c",
        "a",
        "d");
  }

  private static Map<ShardKey, ShardId> read(String name) {
    Map<ShardKey, ShardId> vectors = new LinkedHashMap<>();
    try (InputStream file =
            GoldenVectorTests.class.getResourceAsStream("/golden/" + name + ".tsv");
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(
                    Objects.requireNonNull(file, name), StandardCharsets.UTF_8))) {
      lines
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split("\t", -1))
          .forEach(cells -> vectors.put(key(cells), id(cells[0])));
    } catch (IOException e) {
      throw new AssertionError(name, e);
    }
    return vectors;
  }

  private static ShardKey key(String[] cells) {
    Object[] parts = new Object[cells.length / 2];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = part(cells[2 * i + 1], cells[2 * i + 2]);
    }
    return ShardKey.of(parts);
  }

  private static Object part(String type, String value) {
    return switch (type) {
      case "int" -> new BigInteger(value);
      case "text" -> value;
      case "uuid" -> UUID.fromString(value);
      case "date" -> LocalDate.parse(value);
      case "datetime" -> LocalDateTime.parse(value);
      case "instant" -> Instant.parse(value);
      default -> throw new AssertionError("type: " + type);
    };
  }
}
