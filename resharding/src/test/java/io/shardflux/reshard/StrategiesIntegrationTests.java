package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S0;
import static io.shardflux.reshard.MoveFixture.S1;
import static io.shardflux.reshard.MoveFixture.S2;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.KeyRange;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TimePeriod;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Moves of each kind of strategy and of key, while rows are changed: each row is where the topology
 * has its key, once, with what was written last.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StrategiesIntegrationTests {

  /** The rows of each table. */
  private static final int ROWS = Integer.getInteger("moves.rows", 120);

  /** Rows that are changed once the others were copied; some go, and as many come. */
  private static final int CHANGED = 10;

  private static final List<String> TEXTS =
      List.of("plain", "o'neil", "back\\slash", "Zoë", "日本", "😀", "a\"b", "%_", "Ärger");

  @SuppressWarnings("ImmutableEnumChecker") // Keys and intents are.
  private enum Case {
    TIME_BY_MONTHS(
        "{at: instant}",
        "at DATETIME NOT NULL",
        "at, n",
        "{type: time, period: month, rotation: [shard_0, shard_1]}",
        i -> List.of(Instant.parse("2026-01-01T00:00:00Z").plus(37L * i, ChronoUnit.HOURS)),
        new Intent.Spread("time_by_months", List.of(S0, S1, S2))),
    TIME_BY_LISTED_DAYS(
        "{day: date}",
        "day DATE NOT NULL",
        "n, day",
        "{type: time, period: week, listed: {2026-01-05: shard_1}, rotation: [shard_0]}",
        i -> List.of(LocalDate.of(2026, 1, 1).plusDays(i)),
        new Intent.Change(
            "time_by_listed_days",
            ShardingStrategy.time(
                TimePeriod.WEEK,
                Map.of(LocalDate.of(2026, 1, 5), S2, LocalDate.of(2026, 2, 2), S2),
                List.of(S0, S1)))),
    COMPOSITE(
        "[{kind: integer}, {id: integer}]",
        "kind INT NOT NULL, id BIGINT UNSIGNED NOT NULL",
        "kind, id",
        "{type: composite, groups: {type: range, key: integer, ranges: [{to: 5, shard: small},"
            + " {from: 5, shard: large}]}, inside: {small: {type: fixed, shard: shard_0}, large:"
            + " {type: hash, shards: [shard_0, shard_1]}}}",
        i -> List.of(i % 10, 3L * i),
        new Intent.Change(
            "composite",
            ShardingStrategy.composite(
                ShardingStrategy.range(
                    Map.of(
                        new KeyRange(null, ShardKey.of(3)), ShardId.of("low"),
                        new KeyRange(ShardKey.of(3), null), ShardId.of("high"))),
                Map.of(
                    ShardId.of("low"), ShardingStrategy.modulo(List.of(S1, S2)),
                    ShardId.of("high"), ShardingStrategy.hash(List.of(S2, S0, S1)))))),
    TENANT_POOL(
        "[{tenant: text}, {id: integer}]",
        "tenant VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, id INT NOT NULL",
        "tenant, id",
        "{type: tenant, key: text, tenants: {plain: {type: fixed, shard: shard_0}}, others: {type:"
            + " hash, shards: [shard_0, shard_1]}}",
        i -> List.of(TEXTS.get(i % TEXTS.size()), i),
        new Intent.Spread("tenant_pool", List.of(S1, S2))),
    TENANT_ALONE(
        "[{tenant: text}, {id: integer}]",
        "tenant VARCHAR(20) COLLATE utf8mb4_bin NOT NULL, id INT NOT NULL",
        "tenant, id",
        "{type: tenant, key: text, tenants: {plain: {type: fixed, shard: shard_0}}, others: {type:"
            + " hash, shards: [shard_0, shard_1]}}",
        i -> List.of(TEXTS.get(i % TEXTS.size()), i),
        new Intent.Isolate("tenant_alone", ShardKey.of("o'neil"), S2)),
    GEO(
        "[{country: text}, {id: integer}]",
        "country CHAR(2) COLLATE utf8mb4_bin NOT NULL, id INT NOT NULL",
        "id",
        "{type: geo, regions: {eu: {countries: [DE, FR], strategy: {type: hash, shards: [shard_0,"
            + " shard_1]}}, world: {strategy: {type: fixed, shard: shard_0}}}, others: world}",
        i -> List.of(List.of("DE", "FR", "JP", "US").get(i % 4), i),
        new Intent.Change("geo", ShardingStrategy.hash(List.of(S0, S1, S2)))),
    RING_BY_WEIGHTS(
        "{source: text}",
        "source VARCHAR(40) COLLATE utf8mb4_bin NOT NULL",
        "source",
        "{type: consistent, weights: {shard_0: 1, shard_1: 1}}",
        i -> List.of(TEXTS.get(i % TEXTS.size()) + i),
        new Intent.Reweight("ring_by_weights", Map.of(S0, 1, S1, 3, S2, 2))),
    TEXT(
        "{id: text}",
        "id VARCHAR(40) COLLATE utf8mb4_bin NOT NULL",
        "id",
        "{type: hash, shards: [shard_0, shard_1]}",
        i -> List.of(i + TEXTS.get(i % TEXTS.size())),
        new Intent.Spread("text", List.of(S0, S1, S2))),
    UUID_AS_TEXT(
        "{id: uuid}",
        "id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL",
        "id",
        "{type: hash, shards: [shard_0, shard_1]}",
        i -> List.of(uuid(i)),
        new Intent.MoveSlots("uuid_as_text", 0, 400, S2)),
    UUID_SWAPPED(
        "{id: uuid}, order: swapped",
        "id BINARY(16) NOT NULL",
        "id",
        "{type: hash, shards: [shard_0, shard_1]}",
        i -> List.of(uuid(i)),
        new Intent.Spread("uuid_swapped", List.of(S0, S1, S2))) {
      @Override
      String literal(Object part) {
        // As UUID_TO_BIN(id, 1) has it.
        String digits = part.toString().replace("-", "");
        return "0x"
            + digits.substring(12, 16)
            + digits.substring(8, 12)
            + digits.substring(0, 8)
            + digits.substring(16);
      }
    },
    VARYING_BINARY(
        "{id: binary}",
        "id VARBINARY(20) NOT NULL",
        "n, id",
        "{type: hash, shards: [shard_0, shard_1]}",
        i -> List.of(bytes(i)),
        new Intent.Spread("varying_binary", List.of(S0, S1, S2))),
    RANGE_OF_BINARY(
        "{id: binary}",
        "id BINARY(4) NOT NULL",
        "id, n",
        "{type: range, key: binary, ranges: [{to: '0x40000000', shard: shard_0}, {from:"
            + " '0x40000000', shard: shard_1}]}",
        i -> List.of(new byte[] {(byte) (2 * i), 0, (byte) 39, (byte) i}),
        new Intent.MoveRange(
            "range_of_binary",
            new KeyRange(
                ShardKey.of(new byte[] {16, 0, 0, 0}), ShardKey.of(new byte[] {120, 0, 0, 0})),
            S2)),
    KEY_OF_SEVERAL_COLUMNS(
        "[{region: text}, {year: integer}, {id: integer}]",
        "region VARCHAR(10) COLLATE utf8mb4_bin NOT NULL, year SMALLINT NOT NULL, id BIGINT NOT NULL",
        "year, n, region",
        "{type: hash, shards: [shard_0, shard_1]}",
        i -> List.of(TEXTS.get(i % TEXTS.size()), 2_000 + i % 7, -5L * i),
        new Intent.Spread("key_of_several_columns", List.of(S0, S1, S2)));

    private final String key;
    private final String columns;
    private final String primary;
    private final String strategy;
    private final IntFunction<List<Object>> keys;
    private final Intent intent;

    Case(
        String key,
        String columns,
        String primary,
        String strategy,
        IntFunction<List<Object>> keys,
        Intent intent) {
      this.key = key;
      this.columns = columns;
      this.primary = primary;
      this.strategy = strategy;
      this.keys = keys;
      this.intent = intent;
    }

    /** The name of its table, and of its strategy. */
    String table() {
      return name().toLowerCase(Locale.ROOT);
    }

    ShardKey key(int i) {
      return ShardKey.of(keys.apply(i).toArray());
    }

    String literals(int i) {
      return keys.apply(i).stream().map(this::literal).collect(Collectors.joining(", "));
    }

    String literal(Object part) {
      if (part instanceof byte[] bytes) {
        return "0x" + HexFormat.of().formatHex(bytes);
      }
      return part instanceof Number
          ? part.toString()
          : "'"
              + part.toString()
                  .replace("\\", "\\\\")
                  .replace("'", "''")
                  .replaceFirst("^(.{10})T(.*)Z$", "$1 $2")
              + "'";
    }

    private static UUID uuid(int i) {
      return UUID.nameUUIDFromBytes(("" + i).getBytes(UTF_8));
    }

    private static byte[] bytes(int i) {
      return Arrays.copyOf(new byte[] {(byte) i, 0, 39, 92, (byte) (i >> 8), -1}, 1 + i % 6 + 1);
    }
  }

  /** Those that each build moves. */
  private static final Set<Case> USUAL =
      EnumSet.of(
          Case.TIME_BY_MONTHS,
          Case.COMPOSITE,
          Case.TENANT_POOL,
          Case.RING_BY_WEIGHTS,
          Case.UUID_SWAPPED,
          Case.RANGE_OF_BINARY,
          Case.KEY_OF_SEVERAL_COLUMNS);

  private final List<Database> databases = TestServers.shared().freshDatabases("strategies");
  private final Map<Integer, String> expected = new TreeMap<>();
  private ClusterRouter cluster = none();
  private ShardMoves moves = none();

  /** What is there once the class begins. */
  @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
  private static <T> T none() {
    return null;
  }

  @BeforeAll
  void open() {
    String document =
        """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
        strategies:
        %stables:
        %stimeouts: {acquire: 2s}
        control: {create-tables: true, poll: 100ms, lease: 1s}
        """
            .formatted(
                databases.get(0).r2dbcUrl(),
                databases.get(1).r2dbcUrl(),
                lines(each -> "  " + each.table() + ": " + each.strategy),
                lines(
                    each ->
                        "  %s: {key: %s, strategy: %s}"
                            .formatted(each.table(), each.key, each.table())));
    cluster = ClusterRouter.open(document).blockOptional(BOUND).orElseThrow();
    for (Case each : Case.values()) {
      router()
          .onAll()
          .sql(
              "CREATE TABLE %s (%s, n INT NOT NULL, body VARCHAR(40), PRIMARY KEY (%s)) CHARACTER SET utf8mb4"
                  .formatted(each.table(), each.columns, each.primary))
          .onFailure(FailurePolicy.failFast())
          .rowsUpdated()
          .blockLast(BOUND);
    }
    cluster.addShard(Shard.of("shard_2", databases.get(2).r2dbcUrl()), "room").block(BOUND);
  }

  private static String lines(Function<Case, String> line) {
    return Arrays.stream(Case.values())
        .map(each -> line.apply(each) + "\n")
        .collect(Collectors.joining());
  }

  @AfterAll
  void close() {
    cluster.close().block(BOUND);
  }

  private ShardRouter router() {
    return cluster.router();
  }

  /** All by {@code -Dmoves.all=true}. */
  static Stream<Case> cases() {
    return Arrays.stream(Case.values())
        .filter(each -> Boolean.getBoolean("moves.all") || USUAL.contains(each));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void eachRowIsWhereItsKeyLies(Case moved) {
    expected.clear();
    Flux.range(0, ROWS).flatMap(i -> insert(moved, i), 4).blockLast(BOUND);
    Map<ShardId, Long> before = places(moved);
    AtomicBoolean changed = new AtomicBoolean();
    moves =
        new DefaultShardMoves(
            cluster,
            new MoveJob.Guards() {
              @Override
              public Mono<Void> before(String what) {
                return what.equals("verify") && changed.compareAndSet(false, true)
                    ? Mono.<Void>fromRunnable(() -> change(moved))
                        .subscribeOn(Schedulers.boundedElastic())
                    : Mono.empty();
              }

              @Override
              public boolean settles() {
                return false;
              }
            });
    try {
      MovePlan plan = moves.plan(moved.intent).blockOptional(BOUND).orElseThrow();
      if (moved == Case.RING_BY_WEIGHTS && !plan.refusals().isEmpty()) {
        // MySQL since 9.6 has MD5 in a component alone.
        assertThat(plan.refusals())
            .extracting(MovePlan.Refusal::code)
            .containsOnly(Code.STRATEGY_SQL);
        return;
      }
      assertThat(plan.refusals()).isEmpty();
      long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
      MoveProgress end = Objects.requireNonNull(moves.progress(job).blockLast(BOUND));
      assertThat(end.error()).isNull();
    } finally {
      moves.close().block(BOUND);
    }
    assertThat(changed).isTrue();
    assertThat(places(moved)).isNotEqualTo(before).containsKey(S2);
    assertThat(found(moved)).isEqualTo(wanted(moved));
  }

  private Mono<Long> insert(Case moved, int i) {
    expected.put(i, "new");
    return router()
        .on(moved.table(), moved.key(i))
        .sql("INSERT INTO %s VALUES (%s, %d, 'new')".formatted(moved.table(), moved.literals(i), i))
        .rowsUpdated();
  }

  /** Through the triggers: rows of all shards. */
  private void change(Case moved) {
    IntStream.range(0, 2 * CHANGED)
        .forEach(
            i -> {
              String sql =
                  i % 2 == 0
                      ? "UPDATE %s SET body = 'it''s \\\\ changed' WHERE n = %d"
                      : "DELETE FROM %s WHERE n = %d";
              assertThat(
                      router()
                          .on(moved.table(), moved.key(i))
                          .sql(sql.formatted(moved.table(), i))
                          .rowsUpdated()
                          .block(BOUND))
                  .isOne();
              if (i % 2 == 0) {
                expected.put(i, "it's \\ changed");
              } else {
                expected.remove(i);
              }
            });
    IntStream.range(ROWS, ROWS + CHANGED)
        .forEach(i -> assertThat(insert(moved, i).block(BOUND)).isOne());
  }

  private Map<ShardId, Long> places(Case moved) {
    return expected.keySet().stream()
        .map(i -> located(moved, i))
        .collect(Collectors.groupingBy(shard -> shard, LinkedHashMap::new, Collectors.counting()));
  }

  private ShardId located(Case moved, int i) {
    return router()
        .topology()
        .locate(moved.table(), moved.key(i))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private Map<Integer, List<String>> wanted(Case moved) {
    Map<Integer, List<String>> wanted = new TreeMap<>();
    expected.forEach((i, body) -> wanted.put(i, List.of(located(moved, i) + " " + body)));
    return wanted;
  }

  /** What stands on the servers themselves. */
  private Map<Integer, List<String>> found(Case moved) {
    Map<Integer, List<String>> found = new TreeMap<>();
    for (ShardId shard : List.of(S0, S1, S2)) {
      router()
          .on(shard)
          .sql("SELECT n, body FROM " + moved.table())
          .map(
              (row, metadata) ->
                  Map.entry(
                      Objects.requireNonNull(row.get(0, Integer.class)), shard + " " + row.get(1)))
          .all()
          .doOnNext(
              row ->
                  found.computeIfAbsent(row.getKey(), i -> new ArrayList<>()).add(row.getValue()))
          .blockLast(BOUND);
    }
    return found;
  }
}
