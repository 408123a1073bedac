package io.shardflux.r2dbc.config;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.TimePeriod;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.UuidOrder;
import java.math.BigInteger;
import java.time.Duration;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A topology made at random, of all strategies, nested up to three levels, with odd names. One seed
 * makes the same topology; another order gives it maps whose entries are in another order.
 */
final class RandomTopology {

  /** What every user and every password begins with. */
  static final String SECRET = "Zq7hunter";

  private static final List<String> ODD =
      List.of(
          "DE",
          "type",
          "url",
          "directory",
          "0",
          "null",
          "~",
          "true",
          "1e3",
          "<<",
          "it's \"quoted\" \\ `so`",
          "a: {b, [c]} #d",
          "zwölf",
          "日本",
          "\ud83d\ude00 emoji",
          "\u0000\u0001\u001f\u007f\u0085\u2028\ufeff\uffff",
          "line\r\nbreak\ttab",
          " edges ",
          "r2dbc:mysql://u:p@h/d",
          "password=x",
          "a@b",
          "é".repeat(1_100),
          "k".repeat(3_000));

  private static final String LONE_SURROGATE = "lone \ud83d end";

  final Topology topology;
  final List<Shard> shards = new ArrayList<>();
  final Accounts accounts;

  /** The types of the key of each strategy. */
  final Map<String, List<KeyType>> types = new LinkedHashMap<>();

  final List<TableDirectory> directories = new ArrayList<>();

  private final Random random;
  private final Random order;
  private final boolean withDirectories;
  private final List<ShardId> ids;

  RandomTopology(long seed, long order, boolean withDirectories) {
    this.random = new Random(seed);
    this.order = new Random(order);
    this.withDirectories = withDirectories;
    this.ids = names(1 + random.nextInt(5), "shard_0", "type", "9", "A-b.c", "directory", "url");
    this.accounts = accounts();
    ids.forEach(id -> shards.add(shard(id)));
    Topology.Builder builder = Topology.builder();
    ids.forEach(builder::shard);
    Map<String, ShardingStrategy> strategies = new LinkedHashMap<>();
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      String name = odd() + (random.nextInt(9) == 0 ? LONE_SURROGATE : "") + i;
      List<KeyType> key = some(1, 4, () -> any(KeyType.values()));
      types.put(name, key);
      strategies.put(name, random.nextInt(4) == 0 ? transition(key) : strategy(key, 3, ids));
    }
    shuffled(strategies).forEach(builder::strategy);
    shuffled(tables()).values().forEach(builder::table);
    this.topology = builder.build();
  }

  private Accounts accounts() {
    Map<String, Accounts.Account> accounts = new LinkedHashMap<>();
    for (String name : List.of(Accounts.DEFAULT, "eu", odd())) {
      accounts.put(
          name,
          new Accounts.Account(
              SECRET + random.nextLong(), random.nextBoolean() ? SECRET + odd() : null));
    }
    return Accounts.of(accounts);
  }

  private Shard shard(ShardId id) {
    Shard shard = Shard.of(id, server(id.value()));
    return random.nextBoolean() ? shard : shard.withReplica(server("replica_" + id));
  }

  private ConnectionFactoryOptions server(String database) {
    String url =
        "r2dbc:mysql://"
            + any("h1.example", "127.0.0.1", "UPPER.example", "[::1]")
            + any("", ":3306", ":3307")
            + "/"
            + database
            + any(
                "",
                "?sslMode=PREFERRED",
                "?tinyInt1isBit=false&sessionVariables=sql_mode%3D%27ANSI%27%2Cx%3D1%26y",
                "?sslKeyPassword=" + SECRET + "&zeroDate=USE_ROUND");
    return Objects.requireNonNull(
        Objects.requireNonNull(accounts.get(any(List.copyOf(accounts.names()))))
            .on(Objects.requireNonNull(Shard.optionsOf(url))));
  }

  private Map<String, TableRule> tables() {
    Map<String, TableRule> tables = new LinkedHashMap<>();
    types.forEach(
        (strategy, key) -> {
          String table = "table of " + strategy;
          tables.put(table, new TableRule.Sharded(table, columns(key), strategy));
        });
    for (int i = 0; i < random.nextInt(4); i++) {
      String table = odd() + LONE_SURROGATE.charAt(5) + i;
      tables.put(
          table, random.nextBoolean() ? reference(table) : new TableRule.Pinned(table, any(ids)));
    }
    return tables;
  }

  /** A table that one shard has, and of which the others have a copy, or none, or get one. */
  private TableRule.Reference reference(String table) {
    TableRule.Reference rule = new TableRule.Reference(table);
    for (ShardId shard : ids.subList(1, ids.size())) {
      rule =
          switch (random.nextInt(4)) {
            case 0 -> rule.absentOn(shard);
            case 1 -> rule.joiningOn(shard);
            default -> rule;
          };
    }
    return rule;
  }

  List<KeyColumn> columns(List<KeyType> key) {
    boolean swapped = !key.contains(KeyType.UUID) && random.nextBoolean();
    return IntStream.range(0, key.size())
        .mapToObj(
            i -> {
              String name = i + any(ODD);
              String cut = name.substring(0, Math.min(64, name.length()));
              return key.get(i) == KeyType.BINARY && swapped
                  ? KeyColumn.uuid(cut, UuidOrder.SWAPPED)
                  : new KeyColumn(cut, key.get(i));
            })
        .toList();
  }

  /** A key that a table of the types may have. */
  ShardKey key(List<KeyType> types) {
    return ShardKey.of(
        types.stream()
            .map(type -> types.size() > 1 && type == KeyType.TEXT ? any(ODD) : part(type))
            .toArray());
  }

  private byte[] bytes() {
    byte[] bytes = new byte[1 + random.nextInt(20)];
    random.nextBytes(bytes);
    return bytes;
  }

  private Object part(KeyType type) {
    LocalDate day = LocalDate.of(2026, 1, 1).plusDays(random.nextInt(-900, 900));
    LocalDateTime time = day.atStartOfDay().plusSeconds(random.nextInt(86_400));
    return switch (type) {
      case INTEGER ->
          random.nextInt(5) == 0
              ? BigInteger.ONE.shiftLeft(63).add(BigInteger.valueOf(random.nextInt(99)))
              : (Object) random.nextLong(-200, 200);
      case TEXT -> random.nextInt(9) == 0 ? "" : any(ODD);
      case BINARY -> bytes();
      case UUID -> new UUID(random.nextLong(), random.nextLong());
      case DATE -> day;
      case DATETIME -> random.nextBoolean() ? day.atStartOfDay() : time.plusNanos(123_456_000);
      case INSTANT -> time.toInstant(ZoneOffset.UTC).plusNanos(random.nextInt(999) * 1_000L);
    };
  }

  /** A strategy over shards, or over groups, for keys of these types. */
  private ShardingStrategy strategy(List<KeyType> types, int depth, List<ShardId> over) {
    List<Supplier<ShardingStrategy>> fitting = new ArrayList<>();
    fitting.add(() -> ShardingStrategy.fixed(any(over)));
    if (!types.isEmpty()) {
      fitting.add(() -> ShardingStrategy.hash(subset(over), 8 << random.nextInt(9), any(HASHES)));
      fitting.add(() -> ShardingStrategy.hashSlots(some(1, 200, () -> any(over)), any(HASHES)));
      fitting.add(() -> ShardingStrategy.consistent(weights(over)));
      if (withDirectories) {
        fitting.add(() -> directory(types, depth, over));
      }
    }
    if (types.size() == 1) {
      fitting.add(() -> range(types.get(0), over));
      single(types.get(0), over, fitting);
    }
    if (!types.isEmpty() && depth > 1) {
      nesting(types, depth - 1, over, fitting);
    }
    return any(fitting).get();
  }

  private static final List<HashFunction> HASHES = List.of(HashFunction.values());

  private void single(KeyType type, List<ShardId> over, List<Supplier<ShardingStrategy>> fitting) {
    if (type == KeyType.INTEGER) {
      fitting.add(() -> ShardingStrategy.modulo(subset(over)));
    }
    if (type == KeyType.DATE || type == KeyType.DATETIME || type == KeyType.INSTANT) {
      fitting.add(() -> time(over));
    }
  }

  private void nesting(
      List<KeyType> types, int depth, List<ShardId> over, List<Supplier<ShardingStrategy>> all) {
    List<KeyType> rest = types.subList(1, types.size());
    all.add(() -> composite(types.get(0), rest, depth, over));
    if (types.get(0) == KeyType.TEXT) {
      all.add(() -> geo(rest, depth, over));
    }
    if (types.get(0) == KeyType.TEXT || types.get(0) == KeyType.INTEGER) {
      all.add(() -> tenant(types.get(0), rest, depth, over));
    }
  }

  private ShardingStrategy range(KeyType type, List<ShardId> over) {
    TreeSet<ShardKey> bounds = new TreeSet<>((one, other) -> compare(one, other));
    for (int i = 0; i < random.nextInt(8); i++) {
      bounds.add(ShardKey.of(part(type)));
    }
    List<@Nullable ShardKey> ends = new ArrayList<>(bounds);
    ends.add(0, null);
    ends.add(null);
    Map<KeyRange, ShardId> owners = new LinkedHashMap<>();
    boolean open = ends.size() < 4 || random.nextBoolean();
    for (int i = open ? 0 : 1; i < ends.size() - (open ? 1 : 2); i++) {
      owners.put(new KeyRange(ends.get(i), ends.get(i + 1)), any(over));
    }
    return ShardingStrategy.range(shuffled(owners));
  }

  private static int compare(ShardKey one, ShardKey other) {
    try {
      var unused = new KeyRange(one, other);
      return -1;
    } catch (IllegalArgumentException e) {
      return one.equals(other) ? 0 : 1;
    }
  }

  private ShardingStrategy time(List<ShardId> over) {
    TimePeriod period = any(List.of(TimePeriod.values()));
    Map<LocalDate, ShardId> listed = new LinkedHashMap<>();
    for (int i = 0; i < random.nextInt(6); i++) {
      LocalDate day = LocalDate.of(2026, 1, 1).plusDays(random.nextInt(-900, 900));
      listed.put(start(period, day), any(over));
    }
    return listed.isEmpty() || random.nextBoolean()
        ? ShardingStrategy.time(period, shuffled(listed), some(1, 5, () -> any(over)))
        : ShardingStrategy.time(period, shuffled(listed));
  }

  private static LocalDate start(TimePeriod period, LocalDate day) {
    return switch (period) {
      case DAY -> day;
      case WEEK -> day.minusDays(day.getDayOfWeek().getValue() - 1L);
      case MONTH -> day.withDayOfMonth(1);
      case YEAR -> day.withDayOfYear(1);
    };
  }

  private Map<ShardId, Integer> weights(List<ShardId> over) {
    Map<ShardId, Integer> weights = new LinkedHashMap<>();
    subset(over).forEach(shard -> weights.put(shard, 1 + random.nextInt(3)));
    return shuffled(weights);
  }

  private ShardingStrategy composite(
      KeyType first, List<KeyType> rest, int depth, List<ShardId> over) {
    ShardingStrategy groups = strategy(List.of(first), 1, names(4, "small", "type", "url", "z"));
    Map<ShardId, ShardingStrategy> inside = new LinkedHashMap<>();
    new TreeSet<>(groups.shards()).forEach(group -> inside.put(group, strategy(rest, depth, over)));
    return ShardingStrategy.composite(groups, shuffled(inside));
  }

  private ShardingStrategy geo(List<KeyType> rest, int depth, List<ShardId> over) {
    List<ShardId> regions = names(3, "eu", "type", "world");
    Map<String, ShardId> countries = new LinkedHashMap<>();
    some(1, 8, () -> random.nextInt(9) == 0 ? "" : any(ODD))
        .forEach(country -> countries.put(country, any(regions)));
    ShardId others = random.nextBoolean() ? any(regions) : null;
    Map<ShardId, ShardingStrategy> inside = new LinkedHashMap<>();
    for (ShardId region : regions) {
      if (region.equals(others) || countries.containsValue(region)) {
        inside.put(region, strategy(rest, depth, over));
      }
    }
    return others == null
        ? ShardingStrategy.geo(shuffled(countries), shuffled(inside))
        : ShardingStrategy.geo(shuffled(countries), others, shuffled(inside));
  }

  private ShardingStrategy tenant(
      KeyType first, List<KeyType> rest, int depth, List<ShardId> over) {
    Map<ShardKey, ShardingStrategy> tenants = new LinkedHashMap<>();
    for (int i = 0; i < 1 + random.nextInt(4); i++) {
      tenants.put(ShardKey.of(part(first)), strategy(rest, depth, over));
    }
    return random.nextBoolean()
        ? ShardingStrategy.tenant(shuffled(tenants))
        : ShardingStrategy.tenant(shuffled(tenants), strategy(List.of(first), depth, over));
  }

  private ShardingStrategy transition(List<KeyType> key) {
    ShardingStrategy old = strategy(key, 2, ids);
    ShardingStrategy next = strategy(key, 2, ids);
    List<TransitionStrategy.Step> steps = new ArrayList<>();
    for (ShardId from : new TreeSet<>(old.shards())) {
      for (ShardId to : new TreeSet<>(next.shards())) {
        if (!from.equals(to) && random.nextBoolean()) {
          steps.add(
              new TransitionStrategy.Step(
                  from, to, any(List.of(TransitionStrategy.Phase.values()))));
        }
      }
    }
    boolean waits = steps.stream().anyMatch(step -> step.phase().waits());
    TransitionStrategy way = TransitionStrategy.of(old, next, steps);
    return waits || random.nextBoolean() ? way : HaltedStrategy.of(way);
  }

  private ShardingStrategy directory(List<KeyType> types, int depth, List<ShardId> over) {
    List<ShardId> held = subset(over);
    Shard server = Shard.of(ShardId.of("control"), server("control"));
    TableDirectory directory =
        random.nextBoolean()
            ? TableDirectory.of(server, "users")
            : TableDirectory.of(server, "other_table", "A-b.c", Timeouts.defaults());
    directories.add(directory);
    DirectoryStrategy.Builder builder =
        ShardingStrategy.directory(directory, shuffled(held))
            .cacheSize(random.nextInt(1_000))
            .expiry(Duration.ofMillis(1 + random.nextInt(86_400_000)))
            .timeout(Duration.ofMillis(1 + random.nextInt(86_400_000)));
    if (depth > 1 && random.nextBoolean()) {
      builder.assignUnknown(strategy(types, depth - 1, held));
    }
    return builder.build();
  }

  private List<ShardId> names(int most, String... names) {
    List<ShardId> all = new ArrayList<>(Stream.of(names).map(ShardId::of).toList());
    Collections.shuffle(all, random);
    return all.subList(0, Math.min(all.size(), most));
  }

  private List<ShardId> subset(List<ShardId> all) {
    List<ShardId> some = new ArrayList<>(all);
    Collections.shuffle(some, random);
    return some.subList(0, 1 + random.nextInt(some.size()));
  }

  private <T> List<T> some(int least, int most, Supplier<T> each) {
    int size = random.nextInt(least, most);
    List<T> all = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      all.add(each.get());
    }
    return all;
  }

  private String odd() {
    return any(ODD);
  }

  private <T> T any(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }

  @SafeVarargs
  private <T> T any(T... all) {
    return all[random.nextInt(all.length)];
  }

  private <K, V> Map<K, V> shuffled(Map<K, V> map) {
    List<K> keys = new ArrayList<>(map.keySet());
    Collections.shuffle(keys, order);
    Map<K, V> shuffled = new LinkedHashMap<>();
    keys.forEach(key -> shuffled.put(key, Objects.requireNonNull(map.get(key))));
    return shuffled;
  }

  private <T> List<T> shuffled(List<T> list) {
    List<T> shuffled = new ArrayList<>(list);
    Collections.shuffle(shuffled, order);
    return shuffled;
  }
}
