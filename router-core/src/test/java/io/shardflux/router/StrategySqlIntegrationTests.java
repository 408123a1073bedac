package io.shardflux.router;

import static io.shardflux.router.Fixtures.BOUND;
import static io.shardflux.router.Fixtures.id;
import static io.shardflux.router.Fixtures.ids;
import static io.shardflux.router.Fixtures.ranges;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Statement;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows that a shard's condition selects on a real server are exactly those that Java routes
 * there.
 *
 * <p>Where MySQL lacks MD5, this installs the component that has it, and leaves it there.
 */
class StrategySqlIntegrationTests {

  private static final int ROWS = Integer.getInteger("strategies.rows", 5_000);

  /** The pairs of strategies whose moving rows are compared; all where there are more rows. */
  private static final int PAIRS = ROWS > 20_000 ? Integer.MAX_VALUE : 8;

  private static final int BATCH = 250;

  /** A session in which careless SQL means something else. */
  private static final List<String> ODD =
      List.of(
          "SET SESSION sql_mode ="
              + " 'ANSI_QUOTES,HIGH_NOT_PRECEDENCE,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
          "SET collation_connection = utf16_general_ci");

  @SuppressWarnings("NullAway.Init")
  private static Connection usual;

  @SuppressWarnings("NullAway.Init")
  private static Connection odd;

  @SuppressWarnings("NullAway.Init")
  private static KeyTable table;

  @BeforeAll
  static void fill() {
    Database database = TestServers.shared().freshDatabases("core").get(0);
    usual = connect(database);
    odd = connect(database);
    ODD.forEach(sql -> run(odd, sql));
    String version = String.valueOf(first(usual, "SELECT VERSION()"));
    table = new KeyTable(20_240_229, ROWS, version.contains("MariaDB"));
    installMd5();
    run(usual, table.create());
    for (int from = 0; from < ROWS; from += BATCH) {
      insert(from);
    }
  }

  @AfterAll
  static void close() {
    Mono.when(usual.close(), odd.close()).block(BOUND);
  }

  @TestFactory
  Stream<DynamicTest> sqlSelectsWhatJavaRoutes() {
    return cases().entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(), () -> check(entry.getKey(), entry.getValue())));
  }

  /** What a move copies and deletes is what routers then look for elsewhere. */
  @TestFactory
  Stream<DynamicTest> sqlSelectsWhatMoves() {
    Map<String, List<ShardingStrategy>> ofColumns = new LinkedHashMap<>();
    cases().entrySet().stream()
        .filter(entry -> !(entry.getValue() instanceof TransitionStrategy))
        .forEach(
            entry ->
                ofColumns
                    .computeIfAbsent(
                        entry.getKey().substring(0, entry.getKey().indexOf(':')),
                        columns -> new ArrayList<>())
                    .add(entry.getValue()));
    List<DynamicTest> tests = new ArrayList<>();
    ofColumns.forEach(
        (columns, strategies) -> {
          for (int i = 0; i < strategies.size(); i++) {
            ShardingStrategy old = strategies.get(i);
            ShardingStrategy next = strategies.get((i + 1) % strategies.size());
            tests.add(
                DynamicTest.dynamicTest(
                    columns + ": " + (i + 1), () -> checkMoving(columns.split(","), old, next)));
          }
        });
    Collections.shuffle(tests, new Random(20_240_229));
    return tests.stream().limit(PAIRS);
  }

  private static void checkMoving(String[] columns, ShardingStrategy old, ShardingStrategy next) {
    Map<List<ShardId>, Set<Integer>> expected = new LinkedHashMap<>();
    for (int row = 0; row < table.size(); row++) {
      ShardKey key = table.key(row, columns);
      ShardId from = resolve(old, key);
      ShardId to = from == null ? null : resolve(next, key);
      if (to != null && !to.equals(from)) {
        expected.computeIfAbsent(List.of(from, to), any -> new TreeSet<>()).add(row);
      }
    }
    List<TransitionStrategy.Step> steps = TransitionStrategy.steps(old, next, columns.length == 1);
    TransitionStrategy way = TransitionStrategy.of(old, next, steps);
    for (TransitionStrategy.Step step : steps) {
      String moving = Objects.requireNonNull(way.moving(step, table.columns(columns)).block(BOUND));
      Set<Integer> rows = expected.remove(List.of(step.from(), step.to()));
      assertThat(selected(usual, moving).block(BOUND))
          .as("%s", step)
          .isEqualTo(rows == null ? Set.of() : rows);
    }
    assertThat(expected.keySet()).as("pairs without a step").isEmpty();
  }

  @TestFactory
  Stream<DynamicTest> rowsWithANullAreOnNoShard() {
    run(usual, "CREATE TABLE IF NOT EXISTS null_keys (a INT, b VARCHAR(9))");
    run(usual, "INSERT INTO null_keys VALUES (NULL, 'x'), (1, NULL), (2, NULL), (NULL, NULL)");
    List<KeyColumn> columns = List.of(KeyColumn.integer("a"), KeyColumn.text("b"));
    return Stream.of(
            ShardingStrategy.hash(ids("a", "b")),
            ShardingStrategy.consistent(ids("a", "b")),
            ShardingStrategy.fixed(id("a")),
            ShardingStrategy.composite(
                ShardingStrategy.modulo(ids("g")),
                Map.of(id("g"), ShardingStrategy.hash(ids("a")))),
            ShardingStrategy.tenant(Map.of(ShardKey.of(1), ShardingStrategy.fixed(id("a")))))
        .map(
            strategy ->
                DynamicTest.dynamicTest(
                    strategy.toString(),
                    () -> {
                      for (ShardId shard : strategy.shards()) {
                        String owns = owns(strategy, shard, columns);
                        assertThat(first(usual, "SELECT COUNT(*) FROM null_keys WHERE " + owns))
                            .isEqualTo(0L);
                      }
                    }));
  }

  /** The strategies by a name that begins with the columns of their key. */
  private static Map<String, ShardingStrategy> cases() {
    Map<String, ShardingStrategy> cases = new LinkedHashMap<>();
    hashed(cases);
    ranged(cases);
    grouped(cases);
    timed(cases);
    for (String column : List.of("i", "s", "u", "z")) {
      cases.put(
          column + ": modulo", ShardingStrategy.modulo(ids("a", "b", "c", "d", "e", "f", "g")));
    }
    cases.put("t: fixed", ShardingStrategy.fixed(id("a")));
    for (String column : List.of("i", "t", "uuid", "b16", "ci,i,d")) {
      cases.put(column + ": transition", transition());
      cases.put(column + ": halted", halted());
    }
    for (String columns : List.of("i", "u", "t", "uuid", "vb", "d", "dt", "ts", "ci,i,d")) {
      cases.put(columns + ": directory", directory(columns.split(",")));
    }
    return cases;
  }

  private static ShardingStrategy halted() {
    TransitionStrategy way = transition();
    return HaltedStrategy.of(
        way.with(way.steps().stream().filter(step -> !step.phase().waits()).toList()));
  }

  private static TransitionStrategy transition() {
    return TransitionStrategy.of(
        ShardingStrategy.hash(ids("a", "b", "d")),
        ShardingStrategy.consistent(ids("a", "b", "c")),
        List.of(
            new TransitionStrategy.Step(id("a"), id("b"), TransitionStrategy.Phase.SWITCHED),
            new TransitionStrategy.Step(id("b"), id("a"), TransitionStrategy.Phase.SWITCHING),
            new TransitionStrategy.Step(id("b"), id("c"), TransitionStrategy.Phase.SWITCHED),
            new TransitionStrategy.Step(id("d"), id("a"), TransitionStrategy.Phase.SWITCHED),
            new TransitionStrategy.Step(id("d"), id("c"), TransitionStrategy.Phase.COPYING)));
  }

  private static void hashed(Map<String, ShardingStrategy> cases) {
    List<String> keys =
        new ArrayList<>(
            List.of(
                "i", "s", "u", "z", "t", "ci", "l1", "uuid", "b16", "vb", "d", "dt", "dt0", "ts",
                "ins"));
    keys.addAll(
        List.of("ci,i", "b16,vb", "i,vb,ci,ts", "i,u,ci,uuid,d,dt,ts", "te`nant id,country"));
    if (table.has("uid")) {
      keys.addAll(List.of("uid", "ci,uid"));
    }
    for (String key : keys) {
      cases.put(key + ": crc32", ShardingStrategy.hash(ids("a", "b", "c")));
      cases.put(
          key + ": md5", ShardingStrategy.hash(ids("a", "b", "c", "d"), 64, HashFunction.MD5));
      cases.put(
          key + ": scattered slots",
          ShardingStrategy.hashSlots(ids("a", "b", "a", "c", "c", "b", "a"), HashFunction.CRC32));
      cases.put(key + ": consistent", ShardingStrategy.consistent(ids("a", "b", "c")));
    }
    cases.put("i: one slot", ShardingStrategy.hash(ids("a"), 1, HashFunction.CRC32));
    cases.put("i: most slots", ShardingStrategy.hashSlots(mostSlots(), HashFunction.MD5));
    cases.put(
        "i: greatest ring",
        ShardingStrategy.consistent(Map.of(id("a"), 3000, id("b"), 6999, id("c"), 1)));
  }

  private static List<ShardId> mostSlots() {
    return IntStream.range(0, 65_536).mapToObj(slot -> id("s" + slot % 3)).toList();
  }

  private static void ranged(Map<String, ShardingStrategy> cases) {
    BigInteger unsigned = BigInteger.ONE.shiftLeft(63);
    cases.put("i: range", ShardingStrategy.range(ranges(List.of(-100, 0, 7), "a", "b", "c", "a")));
    cases.put(
        "u: range", ShardingStrategy.range(ranges(List.of(-1, 7, unsigned), "a", "b", "c", "b")));
    cases.put(
        "i: range beyond", ShardingStrategy.range(ranges(List.of(0, unsigned), "a", "b", "c")));
    cases.put(
        "i: range with ends",
        ShardingStrategy.range(
            Map.of(KeyRange.of(-50, 0), id("a"), KeyRange.of(0, 1000), id("b"))));
    for (String column : List.of("t", "ci", "l1")) {
      cases.put(
          column + ": range",
          ShardingStrategy.range(
              ranges(
                  List.of("", " ", "'", "A", "Z", "a", "a ", "ß", "é", "日", "\uFFFF"),
                  "a",
                  "b",
                  "c",
                  "d",
                  "e",
                  "a",
                  "b",
                  "c",
                  "d",
                  "e",
                  "f",
                  "g")));
    }
    for (String column : table.has("uid") ? List.of("uuid", "uid") : List.of("uuid")) {
      cases.put(
          column + ": range",
          ShardingStrategy.range(
              ranges(List.of(new UUID(0x4L << 60, 0), new UUID(0xaL << 60, 0)), "a", "b", "c")));
    }
    for (String column : List.of("b16", "vb")) {
      cases.put(
          column + ": range",
          ShardingStrategy.range(
              ranges(
                  List.of(
                      new byte[] {1}, new byte[] {1, 0}, new byte[] {' ', ' '}, new byte[] {-1}),
                  "a",
                  "b",
                  "c",
                  "d",
                  "e")));
    }
    cases.put(
        "d: range",
        ShardingStrategy.range(
            ranges(List.of(LocalDate.EPOCH, LocalDate.of(2022, 2, 2)), "a", "b", "c")));
    for (String column : List.of("dt", "dt0")) {
      cases.put(
          column + ": range",
          ShardingStrategy.range(
              ranges(
                  List.of(
                      LocalDateTime.parse("1970-01-01T00:00:00"),
                      LocalDateTime.parse("2022-02-02T23:59:59.999999")),
                  "a",
                  "b",
                  "c")));
    }
    for (String column : List.of("ts", "ins")) {
      cases.put(
          column + ": range",
          ShardingStrategy.range(
              ranges(
                  List.of(
                      Instant.parse("1990-01-01T00:00:00Z"),
                      Instant.parse("2022-02-02T23:59:59.999999Z")),
                  "a",
                  "b",
                  "c")));
    }
    cases.put("t: all", ShardingStrategy.range(Map.of(KeyRange.all(), id("a"))));
  }

  private static void grouped(Map<String, ShardingStrategy> cases) {
    for (String first : List.of("ci", "uuid", "i", "d", "dt", "ts")) {
      cases.put(first + ",i: composite", Fixtures.composite());
      cases.put("country," + first + ": geo", Fixtures.geo());
      cases.put("tenant," + first + ": tenant", Fixtures.tenant());
    }
    cases.put(
        "country: geo without default",
        ShardingStrategy.geo(
            Map.of("DE", id("eu"), "X'", id("eu"), "US", id("us")),
            Map.of(
                id("eu"), ShardingStrategy.fixed(id("a")),
                id("us"), ShardingStrategy.fixed(id("b")))));
    cases.put(
        "te`nant id,ci: tenants by number",
        ShardingStrategy.tenant(
            Map.of(
                ShardKey.of(-5), ShardingStrategy.fixed(id("a")),
                ShardKey.of(3), ShardingStrategy.fixed(id("a")),
                ShardKey.of(4), ShardingStrategy.hash(ids("a", "b"))),
            ShardingStrategy.modulo(ids("a", "b", "c"))));
    cases.put(
        "tenant,i: tenants alone",
        ShardingStrategy.tenant(
            Map.of(
                ShardKey.of("acme"), ShardingStrategy.fixed(id("a")),
                ShardKey.of("'"), ShardingStrategy.modulo(ids("b", "a")))));
    cases.put(
        "country,tenant,i: nested",
        ShardingStrategy.geo(
            Map.of("DE", id("eu")),
            id("row"),
            Map.of(id("eu"), Fixtures.tenant(), id("row"), ShardingStrategy.hash(ids("a", "z1")))));
  }

  private static void timed(Map<String, ShardingStrategy> cases) {
    Map<TimePeriod, List<String>> starts =
        Map.of(
            TimePeriod.DAY, List.of("2022-02-02", "1970-01-01", "1000-01-02"),
            TimePeriod.WEEK, List.of("2022-01-31", "1969-12-29", "1000-01-06"),
            TimePeriod.MONTH, List.of("2022-02-01", "1970-01-01", "1000-01-01"),
            TimePeriod.YEAR, List.of("2022-01-01", "1970-01-01", "1000-01-01"));
    for (String column : List.of("d", "dt", "dt0", "ts", "ins")) {
      starts.forEach(
          (period, days) -> {
            Map<LocalDate, ShardId> listed =
                Map.of(
                    LocalDate.parse(days.get(0)), id("x"),
                    LocalDate.parse(days.get(1)), id("y"),
                    LocalDate.parse(days.get(2)), id("a"));
            String name = column + ": " + period;
            cases.put(name, ShardingStrategy.time(period, listed));
            cases.put(
                name + " in turns", ShardingStrategy.time(period, Map.of(), ids("a", "b", "c")));
            cases.put(
                name + " in both", ShardingStrategy.time(period, listed, ids("a", "b", "a", "c")));
          });
    }
  }

  /** A directory that has the first rows' keys. */
  private static ShardingStrategy directory(String... columns) {
    ShardingStrategy rule = ShardingStrategy.hash(ids("a", "b"));
    InMemoryDirectory assignments = new InMemoryDirectory();
    Flux.range(0, 3000)
        .map(row -> table.key(row, columns))
        .flatMap(key -> assignments.assign(key, rule.locate(key)))
        .blockLast(BOUND);
    return ShardingStrategy.directory(assignments, ids("a", "b", "empty")).build();
  }

  private static void check(String name, ShardingStrategy strategy) {
    String[] columns = name.substring(0, name.indexOf(':')).split(",");
    Map<ShardId, Set<Integer>> expected = routed(strategy, columns);
    assertThat(expected).as("some rows lie somewhere").isNotEmpty();
    for (ShardId shard : strategy.shards()) {
      String owns = owns(strategy, shard, table.columns(columns));
      Set<Integer> rows = expected.getOrDefault(shard, Set.of());
      // Two sessions have two of the server's threads.
      var both = Mono.zip(selected(usual, owns), selected(odd, owns)).blockOptional(BOUND);
      assertThat(both.orElseThrow().getT1()).as("rows of %s", shard).isEqualTo(rows);
      assertThat(both.orElseThrow().getT2()).as("rows of %s, odd session", shard).isEqualTo(rows);
    }
  }

  private static Mono<Set<Integer>> selected(Connection session, String owns) {
    String sql = "SELECT n FROM key_table WHERE " + owns;
    return Flux.from(session.createStatement(sql).execute())
        .flatMap(result -> result.map((row, meta) -> row.get(0, Integer.class)))
        .collect(TreeSet::new, Set::add);
  }

  /** The rows of each shard, as Java has it; every row at most once. */
  private static Map<ShardId, Set<Integer>> routed(ShardingStrategy strategy, String... columns) {
    Map<ShardId, Set<Integer>> routed = new LinkedHashMap<>();
    for (int row = 0; row < table.size(); row++) {
      ShardId shard = resolve(strategy, table.key(row, columns));
      if (shard != null) {
        routed.computeIfAbsent(shard, any -> new TreeSet<>()).add(row);
      }
    }
    return routed;
  }

  private static @Nullable ShardId resolve(ShardingStrategy strategy, ShardKey key) {
    return strategy
        .resolve(key)
        .onErrorResume(UnroutableKeyException.class, refused -> Mono.empty())
        .block(BOUND);
  }

  private static String owns(ShardingStrategy strategy, ShardId shard, List<KeyColumn> columns) {
    return Objects.requireNonNull(strategy.owns(shard, columns).block(BOUND));
  }

  private static Connection connect(Database database) {
    Connection connection =
        Objects.requireNonNull(
            Mono.<Connection>from(ConnectionFactories.get(database.r2dbcUrl()).create())
                .block(BOUND));
    run(connection, "SET time_zone = '+00:00'");
    return connection;
  }

  private static void installMd5() {
    try {
      first(usual, "SELECT MD5('')");
    } catch (R2dbcException e) {
      run(usual, "INSTALL COMPONENT 'file://component_classic_hashing'");
    }
  }

  private static void insert(int from) {
    Statement statement = usual.createStatement(table.insert(BATCH));
    int index = 0;
    for (int row = from; row < from + BATCH; row++) {
      for (Object value : table.binds(row)) {
        statement.bind(index++, value);
      }
    }
    Flux.from(statement.execute()).flatMap(result -> result.getRowsUpdated()).blockLast(BOUND);
  }

  private static void run(Connection connection, String sql) {
    Flux.from(connection.createStatement(sql).execute())
        .flatMap(result -> result.getRowsUpdated())
        .blockLast(BOUND);
  }

  private static Object first(Connection connection, String sql) {
    return Objects.requireNonNull(
        Flux.from(connection.createStatement(sql).execute())
            .flatMap(result -> result.map((row, meta) -> Objects.requireNonNull(row.get(0))))
            .blockFirst(BOUND));
  }
}
