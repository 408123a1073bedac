package io.shardflux.router;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Fixtures of several tests: shards, one strategy of each kind, and a key that each takes. */
final class Fixtures {

  static final Duration BOUND = Duration.ofSeconds(30);

  private Fixtures() {}

  static ShardId id(String name) {
    return ShardId.of(name);
  }

  static List<ShardId> ids(String... names) {
    return Arrays.stream(names).map(ShardId::of).toList();
  }

  static Map<KeyRange, ShardId> ranges(List<?> bounds, String... owners) {
    Map<KeyRange, ShardId> ranges = new LinkedHashMap<>();
    for (int i = 0; i < owners.length; i++) {
      ShardKey from = i == 0 ? null : ShardKey.of(bounds.get(i - 1));
      ShardKey to = i == owners.length - 1 ? null : ShardKey.of(bounds.get(i));
      ranges.put(new KeyRange(from, to), id(owners[i]));
    }
    return ranges;
  }

  static ShardingStrategy geo() {
    Map<String, ShardId> regions =
        Map.of("DE", id("eu"), "FR", id("eu"), "ÅL", id("eu"), "US", id("us"), "CA", id("us"));
    return ShardingStrategy.geo(
        regions,
        id("row"),
        Map.of(
            id("eu"), ShardingStrategy.consistent(ids("eu1", "eu2")),
            id("us"), ShardingStrategy.fixed(id("us1")),
            id("row"), ShardingStrategy.hash(ids("row1", "row2", "row3"), 16, HashFunction.MD5)));
  }

  static ShardingStrategy tenant() {
    return ShardingStrategy.tenant(
        Map.of(
            ShardKey.of("acme"), ShardingStrategy.fixed(id("acme1")),
            ShardKey.of("Zoë"), ShardingStrategy.consistent(ids("z1", "z2", "z3"))),
        ShardingStrategy.hash(ids("p1", "p2", "p3")));
  }

  static ShardingStrategy composite() {
    return ShardingStrategy.composite(
        ShardingStrategy.hash(ids("g0", "g1")),
        Map.of(
            id("g0"), ShardingStrategy.consistent(ids("c0", "c1", "c2")),
            id("g1"), ShardingStrategy.modulo(ids("m0", "m1", "m2"))));
  }

  static ShardingStrategy time(TimePeriod period, String x, String y) {
    return ShardingStrategy.time(
        period,
        Map.of(LocalDate.parse(x), id("x"), LocalDate.parse(y), id("y")),
        ids("a", "b", "c"));
  }

  /** One strategy of each kind that answers from memory, with a key for each. */
  static Map<ShardingStrategy, ShardKey> immediate() {
    ShardKey text = ShardKey.of("Łódź-42");
    ShardKey date = ShardKey.of(LocalDate.of(2024, 2, 29));
    ShardKey instant = ShardKey.of(Instant.parse("2024-02-29T01:02:03.000004Z"));
    ShardKey dateTime =
        ShardKey.of(LocalDateTime.ofEpochSecond(1_700_000_000, 123_456_000, ZoneOffset.UTC));
    ShardKey uuid = ShardKey.of(new UUID(1, 2));
    ShardKey bytes = ShardKey.of(new byte[] {0, -1, 65});
    ShardKey unsigned = ShardKey.of(BigInteger.ONE.shiftLeft(64).subtract(BigInteger.TEN));
    Map<ShardingStrategy, ShardKey> all = new LinkedHashMap<>();
    all.put(ShardingStrategy.hash(ids("a", "b", "c")), text);
    all.put(ShardingStrategy.hash(ids("a", "b", "c")), ShardKey.of("a", 2, uuid.part(0)));
    all.put(ShardingStrategy.hash(ids("a", "b", "c"), 3, HashFunction.MD5), text);
    all.put(ShardingStrategy.hash(ids("a"), 3, HashFunction.MD5), ShardKey.of("a", 2));
    all.put(ShardingStrategy.hashSlots(ids("a", "b", "a"), HashFunction.CRC32), uuid);
    all.put(ShardingStrategy.modulo(ids("a", "b", "c")), ShardKey.of(-123_456_789));
    all.put(ShardingStrategy.modulo(ids("c", "b", "a")), unsigned);
    all.put(ShardingStrategy.range(ranges(List.of(0, 5), "a", "b", "c")), ShardKey.of(12_345));
    all.put(ShardingStrategy.range(ranges(List.of(0, 5), "a", "b", "d")), unsigned);
    all.put(ShardingStrategy.range(ranges(List.of("B", "a"), "a", "b", "c")), text);
    all.put(ShardingStrategy.range(ranges(List.of(LocalDate.of(2020, 1, 1)), "a", "b")), date);
    all.put(ShardingStrategy.range(ranges(List.of(new byte[] {-1}), "a", "b")), bytes);
    all.put(ShardingStrategy.hash(ids("a", "b", "c"), 9, HashFunction.MD5), bytes);
    all.put(ShardingStrategy.consistent(ids("a", "b", "c")), text);
    all.put(composite(), ShardKey.of("group", 42));
    all.put(geo(), ShardKey.of("DE", 42));
    all.put(geo(), ShardKey.of("JP", "x"));
    all.put(tenant(), ShardKey.of("Zoë", 42));
    all.put(tenant(), ShardKey.of("other", 42));
    all.put(time(TimePeriod.DAY, "2024-02-29", "1970-01-01"), dateTime);
    all.put(time(TimePeriod.WEEK, "2024-02-26", "1969-12-29"), date);
    all.put(time(TimePeriod.MONTH, "2024-02-01", "1970-01-01"), instant);
    all.put(time(TimePeriod.YEAR, "2024-01-01", "1970-01-01"), instant);
    all.put(ShardingStrategy.fixed(id("a")), text);
    return all;
  }
}
