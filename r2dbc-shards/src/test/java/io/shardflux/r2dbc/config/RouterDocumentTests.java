package io.shardflux.r2dbc.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.tuple;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.spi.ShardAccess;
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
import io.shardflux.router.UnroutableKeyException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.test.StepVerifier;

class RouterDocumentTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final Path PAGE = Path.of("..", "src", "docs", "configuration.md");

  private static final ShardId S0 = ShardId.of("s0");
  private static final ShardId S1 = ShardId.of("s1");
  private static final ShardId S2 = ShardId.of("s2");

  private static final String URL =
      "a URL, r2dbc:mysql://host:port/database, with no '_' in the host, and with special"
          + " characters of a password as %XX";
  private static final String SHARDS =
      """
      shards:
        s0: {url: "r2dbc:mysql://app@127.0.0.1:3306/a"}
        s1: {url: "r2dbc:mysql://app@127.0.0.1:3307/b"}
        s2: {url: "r2dbc:mysql://app@127.0.0.1:3308/c"}
      """;

  private final List<ShardRouter> made = new ArrayList<>();

  @AfterEach
  void close() {
    made.forEach(router -> StepVerifier.create(router.close()).expectComplete().verify(BOUND));
  }

  private ShardRouter router(String yaml) {
    ShardRouter router = ShardRouter.fromYaml(yaml);
    made.add(router);
    return router;
  }

  private ShardRouter router(Map<String, ?> document) {
    ShardRouter router = ShardRouter.builder(document).build();
    made.add(router);
    return router;
  }

  private static final String WHOLE =
      SHARDS
          + """
          pool: {max-size: 7}
          timeouts: {acquire: 1s, first-row: 1500ms, gap: 2s, total: 1m}
          strategies:
            by_id: {type: hash, slots: 64, function: md5, shards: [s0, s1, s2]}
          tables:
            users: {key: {id: integer}, strategy: by_id}
            orders: {key: [{tenant: text}, {at: instant}], strategy: by_id}
            countries: {reference: true}
            settings: {pinned: s1}
          """;

  @Test
  void readsAWholeDocument() {
    ShardRouter router = router(WHOLE);
    Topology topology = router.topology();
    assertThat(topology.shards()).containsExactly(S0, S1, S2);
    assertThat(topology.tables().values())
        .containsExactly(
            new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"),
            new TableRule.Sharded(
                "orders",
                List.of(KeyColumn.text("tenant"), new KeyColumn("at", KeyType.INSTANT)),
                "by_id"),
            new TableRule.Reference("countries"),
            new TableRule.Pinned("settings", S1));
    assertThat(topology.strategies()).containsOnlyKeys("by_id");
    assertThat(router.timeouts())
        .isEqualTo(new Timeouts(s(1), Duration.ofMillis(1500), s(2), Duration.ofMinutes(1)));
    StepVerifier.create(router.operations().statistics())
        .assertNext(
            all -> {
              assertThat(all).extracting(ShardStatistics::port).containsExactly(3306, 3307, 3308);
              assertThat(all).extracting(each -> each.pool().maxSize()).containsOnly(7);
            })
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void readsNestedMapsAsPropertySourcesHaveThem() {
    Map<String, Object> shards = new LinkedHashMap<>();
    shards.put("s0", Map.of("url", "r2dbc:mysql://app@127.0.0.1:3306/a"));
    shards.put("s1", Map.of("url", "r2dbc:mysql://app@127.0.0.1:3307/b", "pool", ""));
    shards.put("s2", Map.of("url", "r2dbc:mysql://app@127.0.0.1:3308/c"));
    Map<String, Object> tables = new LinkedHashMap<>();
    tables.put("users", Map.of("key", Map.of("id", "integer"), "strategy", "by_id"));
    tables.put(
        "orders",
        Map.of(
            "key",
            Map.of("1", Map.of("at", "instant"), "0", Map.of("tenant", "text")),
            "strategy",
            "by_id"));
    tables.put("countries", Map.of("reference", true));
    tables.put("settings", Map.of("pinned", new StringBuilder("s1")));
    Map<String, Object> byId = new LinkedHashMap<>();
    byId.put("type", "hash");
    byId.put("slots", 64);
    byId.put("function", "md5");
    Map<String, Object> numbered = new LinkedHashMap<>();
    numbered.put("2", "s2");
    numbered.put("0", "s0");
    numbered.put("1", "s1");
    byId.put("shards", numbered);
    byId.put("slot-table", null);
    Map<String, Object> document = new LinkedHashMap<>();
    document.put("shards", shards);
    document.put("pool", Map.of("max-size", "7"));
    document.put(
        "timeouts", Map.of("acquire", "1s", "first-row", "PT1.5S", "gap", "2s", "total", "60S"));
    document.put("strategies", Map.of("by_id", byId));
    document.put("tables", tables);

    ShardRouter fromMaps = router(document);
    ShardRouter fromYaml = router(WHOLE);
    assertThat(fromMaps.topology().shards()).isEqualTo(fromYaml.topology().shards());
    assertThat(fromMaps.topology().tables()).isEqualTo(fromYaml.topology().tables());
    assertThat(fromMaps.timeouts()).isEqualTo(fromYaml.timeouts());
    assertSame(
        fromMaps.topology().strategy("users"), fromYaml.topology().strategy("users"), integers());
  }

  @Test
  void leavesRoomForWhatTheApplicationAdds() {
    ShardRouter router =
        ShardRouter.builder(
                Map.of(
                    "shards",
                    Map.of("s0", Map.of("url", "r2dbc:mysql://app@127.0.0.1:3306/a")),
                    "tables",
                    Map.of("users", Map.of("key", Map.of("id", "integer"), "strategy", "mine"))))
            .shard(Shard.of("s1", "r2dbc:mysql://app@127.0.0.1:3307/b"))
            .strategy("mine", ShardingStrategy.modulo(List.of(S0, S1)))
            .build();
    made.add(router);
    StepVerifier.create(router.locate("users", ShardKey.of(1)))
        .expectNext(S1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void defaultsAreThoseOfTheCode() {
    ShardRouter router = router(SHARDS);
    assertThat(router.timeouts()).isEqualTo(Timeouts.defaults());
    assertThat(ServerReader.pool(Setting.root(Map.of()), PoolOptions.defaults()))
        .isEqualTo(PoolOptions.defaults());
  }

  @Test
  void readsEveryBoundOfAPool() {
    Map<String, String> all =
        Map.of(
            "max-size", "20",
            "min-idle", "3",
            "max-pending", "400",
            "streams", "7",
            "connect-timeout", "2s",
            "rollback-timeout", "PT0.25S",
            "max-idle-time", "6h",
            "max-lifetime", "1d");
    assertThat(ServerReader.pool(Setting.root(all), PoolOptions.defaults()))
        .isEqualTo(
            PoolOptions.builder()
                .maxSize(20)
                .minIdle(3)
                .maxPending(400)
                .streams(7)
                .connectTimeout(s(2))
                .rollbackTimeout(Duration.ofMillis(250))
                .maxIdleTime(Duration.ofHours(6))
                .maxLifetime(Duration.ofDays(1))
                .build());
  }

  @Test
  void readsTheBoundsOfCoalescedReads() {
    assertThat(RouterDocument.read(SHARDS).coalescing()).isEqualTo(CoalescingOptions.defaults());
    String all = "coalescing: {max-keys: 7, max-rows: 8, in-flight: 9, max-waiting: 10}";
    assertThat(RouterDocument.read(SHARDS + all).coalescing())
        .isEqualTo(new CoalescingOptions(7, 8, 9, 10));
  }

  @ParameterizedTest
  @CsvSource({"max-keys, 1000", "max-rows, 1000000", "in-flight, 64", "max-waiting, 1000000"})
  void coalescedReadsAreBounded(String key, int most) {
    for (int wrong : new int[] {0, most + 1}) {
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> RouterDocument.read(SHARDS + "coalescing: {%s: %d}".formatted(key, wrong)))
          .withMessageStartingWith("coalescing." + key + ": " + wrong + " (expected: ");
    }
    assertThat(RouterDocument.read(SHARDS + "coalescing: {%s: %d}".formatted(key, most)))
        .isNotNull();
  }

  @Test
  void aReplicaHasItsShardsAccount() {
    Shard shard =
        Shard.of("s0", "r2dbc:mysql://app:secret@127.0.0.1:3306/a")
            .withReplica("r2dbc:mysql://127.0.0.2/a")
            .withReplica("r2dbc:mysql://other:hidden@127.0.0.3/a");
    assertThat(shard.replicas())
        .extracting(
            options -> options.getValue(ConnectionFactoryOptions.USER),
            options -> String.valueOf(options.getValue(ConnectionFactoryOptions.PASSWORD)))
        .containsExactly(tuple("app", "secret"), tuple("other", "hidden"));
    assertThat(shard.toString()).doesNotContain("secret", "hidden");
  }

  @Test
  void readsReplicas() {
    ShardRouter router =
        router(
            """
            shards:
              s0:
                url: "r2dbc:mysql://app@127.0.0.1:3306/a"
                replicas: [{url: "r2dbc:mysql://127.0.0.1:3316/a"}, {url: "r2dbc:mysql://127.0.0.1:3326/a"}]
            reads: {preference: replica-preferred, retries: 1, max-lag: 3s, hedge: true}
            breaker: {window: 10, failure-rate: 30, probe-interval: 100ms}
            slow-statement: 1s
            """);
    StepVerifier.create(router.operations().statistics())
        .assertNext(
            all ->
                assertThat(all.get(0).replicas())
                    .extracting(ShardStatistics.Replica::port)
                    .containsExactly(3316, 3326))
        .expectComplete()
        .verify(BOUND);
  }

  @ParameterizedTest
  @CsvSource({
    "'', '', 5",
    "max-size: 1, '', 1",
    "max-size: 7, '', 3",
    "streams: 8, '', 8",
    "'', max-size: 30, 15",
    "streams: 8, max-size: 30, 8",
    "streams: 8, max-size: 4, 4",
    "'max-size: 30, streams: 9', min-idle: 0, 9",
    "'max-size: 30, streams: 9', streams: 30, 30"
  })
  void streamsAreHalfOfAPoolUnlessSaidOtherwise(String all, String own, int streams) {
    ShardRouter router =
        router(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", pool: {%s}}}%npool: {%s}"
                .formatted(own, all));
    ShardServers servers = TestShards.live(router).enter(ShardId.of("s0"));
    servers.leave();
    PoolOptions bounds = servers.shard().pool();
    assertThat(bounds).isNotNull();
    assertThat(bounds.streams()).isEqualTo(streams);
  }

  @Test
  void streamsOfNoPoolAreMoreThanItsConnections() {
    assertThat(PoolOptions.builder().maxSize(1).build().streams()).isEqualTo(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> PoolOptions.builder().streams(11).build())
        .withMessage("pool.streams: 11 (expected: from 1 to max-size, 10)");
  }

  @Test
  void aShardsPoolSaysWhatDiffers() {
    PoolOptions router =
        PoolOptions.builder()
            .maxSize(30)
            .minIdle(5)
            .maxPending(40)
            .connectTimeout(s(1))
            .rollbackTimeout(s(2))
            .maxIdleTime(s(3))
            .maxLifetime(s(4))
            .build();
    assertThat(ServerReader.pool(Setting.root(Map.of("max-size", "4")), router))
        .isEqualTo(router.toBuilder().maxSize(4).minIdle(4).build());

    ShardRouter made =
        router(
            """
            shards:
              s0: {url: "r2dbc:mysql://app@127.0.0.1:3306/a", pool: {max-size: 3}}
              s1: {url: "r2dbc:mysql://app@127.0.0.1:3307/b"}
            pool: {max-size: 9, min-idle: 9}
            """);
    StepVerifier.create(made.operations().statistics())
        .assertNext(
            all -> assertThat(all).extracting(each -> each.pool().maxSize()).containsExactly(3, 9))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aTotalBelowTheDefaultFirstRowLowersIt() {
    assertThat(router(SHARDS + "timeouts: {total: 5s}").timeouts()).isEqualTo(Timeouts.of(s(5)));
  }

  private static Duration s(int seconds) {
    return Duration.ofSeconds(seconds);
  }

  /** A strategy in YAML, the same in Java, and keys to compare them by. */
  static Stream<Arguments> strategies() {
    List<ShardId> all = List.of(S0, S1, S2);
    ShardingStrategy first = ShardingStrategy.fixed(S0);
    ShardingStrategy rest = ShardingStrategy.hash(List.of(S1, S2));
    List<ShardId> slots = new ArrayList<>(Collections.nCopies(3, S1));
    slots.add(S0);
    ShardId small = ShardId.of("small");
    ShardId large = ShardId.of("large");
    ShardId eu = ShardId.of("eu");
    ShardId us = ShardId.of("us");
    return Stream.of(
        arguments("{type: hash, shards: [s0, s1, s2]}", ShardingStrategy.hash(all), integers()),
        arguments(
            "{type: hash, shards: [s0, s1, s2], slots: 3, function: md5}",
            ShardingStrategy.hash(all, 3, HashFunction.MD5),
            integers()),
        arguments(
            "{type: hash, function: crc32, slot-table: [{shard: s1, slots: 3}, {shard: s0, slots:"
                + " 1}]}",
            ShardingStrategy.hashSlots(slots, HashFunction.CRC32),
            integers()),
        arguments(
            "{type: modulo, shards: [s2, s0]}",
            ShardingStrategy.modulo(List.of(S2, S0)),
            integers()),
        arguments(
            "{type: range, key: integer, ranges: [{to: -5, shard: s0}, {from: 7, shard: s2},"
                + " {from: -5, to: 7, shard: s1}]}",
            ShardingStrategy.range(
                Map.of(KeyRange.below(-5), S0, KeyRange.of(-5, 7), S1, KeyRange.from(7), S2)),
            integers()),
        arguments(
            "{type: range, key: text, ranges: [{to: m, shard: s0}, {from: m, shard: s1}]}",
            ShardingStrategy.range(Map.of(KeyRange.below("m"), S0, KeyRange.from("m"), S1)),
            keys("", "a", "lz", "m", "é")),
        arguments(
            "{type: range, key: binary, ranges: [{to: 0x80, shard: s0}, {from: 0x80, shard: s1}]}",
            ShardingStrategy.range(
                Map.of(
                    KeyRange.below(new byte[] {-128}), S0, KeyRange.from(new byte[] {-128}), S1)),
            keys(new byte[] {0x7f, -1}, new byte[] {-128}, new byte[] {-128, 0})),
        arguments(
            "{type: range, key: uuid, ranges: [{to: 80000000-0000-0000-0000-000000000000, shard:"
                + " s0}]}",
            ShardingStrategy.range(Map.of(KeyRange.below(new UUID(1L << 63, 0)), S0)),
            keys(new UUID(1, 1), new UUID(-1, 1))),
        arguments(
            "{type: range, key: date, ranges: [{from: 2026-01-01, shard: s0}]}",
            ShardingStrategy.range(Map.of(KeyRange.from(LocalDate.of(2026, 1, 1)), S0)),
            keys(LocalDate.of(2025, 12, 31), LocalDate.of(2026, 1, 1))),
        arguments(
            "{type: range, key: datetime, ranges: [{from: 2026-01-01T12:00:00.5, shard: s0}]}",
            ShardingStrategy.range(
                Map.of(KeyRange.from(LocalDateTime.parse("2026-01-01T12:00:00.5")), S0)),
            keys(
                LocalDateTime.parse("2026-01-01T12:00:00"),
                LocalDateTime.parse("2026-01-01T12:00:01"))),
        arguments(
            "{type: range, key: instant, ranges: [{from: 2026-01-01T12:00:00Z, shard: s0}]}",
            ShardingStrategy.range(
                Map.of(KeyRange.from(Instant.parse("2026-01-01T12:00:00Z")), S0)),
            keys(Instant.parse("2026-01-01T11:59:59Z"), Instant.parse("2026-01-01T12:00:00Z"))),
        arguments(
            "{type: consistent, shards: [s0, s1, s2]}",
            ShardingStrategy.consistent(all),
            integers()),
        arguments(
            "{type: consistent, weights: {s0: 1, s1: 5}}",
            ShardingStrategy.consistent(Map.of(S0, 1, S1, 5)),
            integers()),
        arguments(
            """
            {type: composite,
             groups: {type: range, key: integer, ranges: [{to: 9, shard: small}, {from: 9, shard: large}]},
             inside: {small: {type: fixed, shard: s0}, large: {type: hash, shards: [s1, s2]}}}
            """,
            ShardingStrategy.composite(
                ShardingStrategy.range(Map.of(KeyRange.below(9), small, KeyRange.from(9), large)),
                Map.of(small, first, large, rest)),
            pairs(1, 9, 100)),
        arguments(
            """
            {type: geo, regions: {
              eu: {countries: [DE, FR], strategy: {type: fixed, shard: s0}},
              us: {countries: [US], strategy: {type: hash, shards: [s1, s2]}}}}
            """,
            ShardingStrategy.geo(Map.of("DE", eu, "FR", eu, "US", us), Map.of(eu, first, us, rest)),
            pairs("DE", "FR", "US", "de", "JP")),
        arguments(
            """
            {type: geo, others: us, regions: {
              eu: {countries: [DE], strategy: {type: fixed, shard: s0}},
              us: {strategy: {type: hash, shards: [s1, s2]}}}}
            """,
            ShardingStrategy.geo(Map.of("DE", eu), us, Map.of(eu, first, us, rest)),
            pairs("DE", "US", "JP")),
        arguments(
            """
            {type: tenant, key: text, tenants: {
              acme: {type: fixed, shard: s0}, "42": {type: hash, shards: [s1, s2]}}}
            """,
            ShardingStrategy.tenant(Map.of(ShardKey.of("acme"), first, ShardKey.of("42"), rest)),
            pairs("acme", "42", "other")),
        arguments(
            """
            {type: tenant, key: integer, others: {type: hash, shards: [s1, s2]}, tenants: {
              1: {type: fixed, shard: s0}}}
            """,
            ShardingStrategy.tenant(Map.of(ShardKey.of(1), first), rest),
            pairs(1, 2, 3)),
        arguments(
            "{type: time, period: week, listed: {2026-01-05: s0, 2026-01-12: s1}}",
            ShardingStrategy.time(
                TimePeriod.WEEK,
                Map.of(LocalDate.of(2026, 1, 5), S0, LocalDate.of(2026, 1, 12), S1)),
            days()),
        arguments(
            "{type: time, period: month, listed: {2026-01-01: s0}, rotation: [s1, s2]}",
            ShardingStrategy.time(
                TimePeriod.MONTH, Map.of(LocalDate.of(2026, 1, 1), S0), List.of(S1, S2)),
            days()),
        arguments(
            "{type: time, period: day, rotation: [s1, s2]}",
            ShardingStrategy.time(TimePeriod.DAY, Map.of(), List.of(S1, S2)),
            days()),
        arguments(
            "{type: time, period: year, listed: {2026-01-01: s0}}",
            ShardingStrategy.time(TimePeriod.YEAR, Map.of(LocalDate.of(2026, 1, 1), S0)),
            days()),
        arguments("{type: fixed, shard: s1}", ShardingStrategy.fixed(S1), integers()));
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void readsEveryStrategy(String yaml, ShardingStrategy same, List<ShardKey> keys) {
    ShardRouter router = router(SHARDS + "strategies:\n  it: " + yaml);
    assertSame(requireNonNull(router.topology().strategies().get("it")), same, keys);
  }

  private static void assertSame(
      ShardingStrategy strategy, ShardingStrategy same, List<ShardKey> keys) {
    assertThat(strategy).hasSameClassAs(same);
    assertThat(strategy.shards()).containsExactlyInAnyOrderElementsOf(same.shards());
    for (ShardKey key : keys) {
      assertThat(located(strategy, key)).as(key.toString()).isEqualTo(located(same, key));
    }
  }

  private static String located(ShardingStrategy strategy, ShardKey key) {
    try {
      return strategy.locate(key).value();
    } catch (UnroutableKeyException e) {
      return "refused";
    }
  }

  private static List<ShardKey> integers() {
    return IntStream.range(-500, 500).mapToObj(ShardKey::of).toList();
  }

  private static List<ShardKey> days() {
    LocalDate start = LocalDate.of(2025, 12, 1);
    return IntStream.range(0, 100).mapToObj(i -> ShardKey.of(start.plusDays(i))).toList();
  }

  private static List<ShardKey> keys(Object... values) {
    return Stream.of(values).map(ShardKey::of).toList();
  }

  private static List<ShardKey> pairs(Object... firsts) {
    return Stream.of(firsts)
        .flatMap(first -> IntStream.range(0, 50).mapToObj(i -> ShardKey.of(first, i)))
        .toList();
  }

  @Test
  void aStrategyInsideAnotherMayBeNamed() {
    Map<String, ShardingStrategy> strategies =
        router(
                SHARDS
                    + """
                    strategies:
                      by_tenant: {type: tenant, key: text, tenants: {acme: first, globex: others}, others: others}
                      others: {type: hash, shards: [s1, s2]}
                      first: {type: fixed, shard: s0}
                    """)
            .topology()
            .strategies();
    assertThat(strategies.keySet()).containsExactly("by_tenant", "others", "first");
    ShardingStrategy byTenant = requireNonNull(strategies.get("by_tenant"));
    assertThat(byTenant.locate(ShardKey.of("acme", 1))).isEqualTo(S0);
    assertThat(byTenant.shards()).containsExactlyInAnyOrder(S0, S1, S2);
  }

  @Test
  void readsADirectoryAndAllItsOptions() {
    Map<String, ShardingStrategy> strategies =
        router(
                SHARDS
                    + """
                    strategies:
                      plain:
                        type: directory
                        shards: [s0, s1]
                        server: {url: "r2dbc:mysql://app@127.0.0.1:3306/control"}
                      full:
                        type: composite
                        groups: {type: fixed, shard: g}
                        inside:
                          g:
                            type: directory
                            shards: [s0, s1, s2]
                            server:
                              url: r2dbc:mysql://app@127.0.0.1:3306/control
                              username: app
                              password: 0123
                              pool: {max-size: 2}
                            table: my_directory
                            name: in.g
                            assign-unknown: {type: modulo, shards: [s1, s2]}
                            cache-size: 0
                            expiry: 1h
                            timeout: 100ms
                    """)
            .topology()
            .strategies();
    assertThat(strategies.get("plain")).hasToString("directory([s0, s1])");
    assertThat(strategies.get("full"))
        .hasToString(
            "composite(fixed[g], {g=directory([s0, s1, s2], unknown keys by modulo[s1, s2])})");
  }

  @Test
  void readsScalarsAsTheTextsTheyAre() {
    assertThat(Setting.root(Map.of("a", "0123")).get("a").secret("")).isEqualTo("0123");
    ShardRouter router =
        router(
            """
            shards:
              007: {url: "r2dbc:mysql://app@127.0.0.1:3306/a"}
              1_000: {url: "r2dbc:mysql://app@127.0.0.1:3306/b"}
              on: {url: "r2dbc:mysql://app@127.0.0.1:3306/c"}
              12.50: {url: "r2dbc:mysql://app@127.0.0.1:3306/d"}
            """);
    assertThat(router.topology().shards())
        .containsExactly(
            ShardId.of("007"), ShardId.of("1_000"), ShardId.of("on"), ShardId.of("12.50"));
  }

  static Stream<Arguments> bad() {
    String shardName = "a shard's name, 1 to 64 letters, digits, '_', '-' or '.'";
    String time = "a time with its unit, from 1ms to 365d, such as 500ms, 2s, 1m or PT2S";
    String column =
        "one column with its type; of several columns a list of such, as their order counts";
    return Stream.of(
        // The document.
        arguments("", "shards: none (expected: at least one)"),
        arguments("text", "document: a single value (expected: a map)"),
        arguments("[]", "document: a list (expected: a map)"),
        arguments(
            "shard: {}",
            "shard: unknown (expected: one of shards, pool, timeouts, breaker, reads,"
                + " slow-statement, hot-keys, row-counts, sql, coalescing, transactions, ids,"
                + " control, resharding, strategies, tables)"),
        arguments(
            "shards: {s0: {}, s1: {}, s0: {}}",
            "document, line 1, column 26: a key that is there already (expected: each key once)"),
        arguments("? [a]\n: b", "document: a key that is no text (expected: texts as keys)"),
        arguments("shards:\n  s0: {url: }\n x", malformed("line 3, column 2")),
        arguments("shards: !!java.net.URL [x]", malformed("line 1, column 9")),
        arguments("a: 1\n---\nb: 2", malformed("line 2, column 1")),
        arguments("[".repeat(40) + "]".repeat(40), malformed(null)),
        arguments("a: &a [x]\nb: [" + "*a,".repeat(21) + "]", malformed(null)),
        arguments(
            "#" + "x".repeat(1 << 20), "document: 1048577 characters (expected: at most 1048576)"),
        // Shards.
        arguments("shards: text", "shards: a single value (expected: a map)"),
        arguments("shards: {s0: text}", "shards.s0: a single value (expected: a map)"),
        arguments("shards: {s0: {}}", "shards.s0.url: missing (expected: " + URL + ")"),
        arguments("shards: {\"s 0\": {url: x}}", "shards.s 0: s 0 (expected: " + shardName + ")"),
        arguments("shards: {s0: {url: x}}", "shards.s0.url: not shown (expected: " + URL + ")"),
        arguments("shards: {s0: {url: \"r2dbc:nodb://app@h/d\"}}", noDriver()),
        badUrl("r2dbc:mysql:///d"),
        badUrl("r2dbc:mysql://app@"),
        badUrl("r2dbc:mysql://app@h:port/d"),
        badUrl("r2dbc:mysql://app@h_1:3306/d"),
        badUrl("r2dbc:mysql://app:a/b@h/d"),
        badUrl("r2dbc:mysql://app:a?b@h/d"),
        badUrl("r2dbc:mysql://app:a#b@h/d"),
        badUrl("r2dbc:mysql://app:a%b@h/d"),
        badUrl("r2dbc:mysql://app:a b@h/d"),
        arguments("shards: {s0: {url: \"r2dbc:mysql://app@h:99999/d\"}}", noDriver()),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h\"}}",
            "shards.s0.url: no database (expected: " + URL + ")"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h:3306/?ssl=true\"}}",
            "shards.s0.url: no database (expected: " + URL + ")"),
        arguments(
            "ids: {server: {url: \"r2dbc:mysql://app@h/\"}}",
            "ids.server.url: no database (expected: " + URL + ")"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}, s1: {url:"
                + " \"r2dbc:mysql://other:word@H:3306/d?ssl=true\"}}",
            "shards.s1.url: h:3306" + shared("s0")),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\"}, s1: {url: \"r2dbc:mysql://app@i/d\","
                + " replicas: [{url: \"r2dbc:mysql://h/d\"}]}}",
            "shards.s1.replicas[0].url: h:3306" + shared("s0")),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", replicas: [{url:"
                + " \"r2dbc:mysql://h:3307/d\"}, {url: \"r2dbc:mysql://h:3307/d\"}]}}",
            "shards.s0.replicas[1].url: h:3307" + shared("s0.replicas[0]")),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d?sslMode=no\"}}",
            "shards.s0.url: sslMode: not shown (expected: one of DISABLED, PREFERRED, REQUIRED,"
                + " VERIFY_CA, VERIFY_IDENTITY, TUNNEL)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", user: x}}",
            "shards.s0.user: unknown (expected: one of url, username, password, credentials, pool,"
                + " replicas)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://h/d\", password: x}}",
            "shards.s0.username: missing (expected: an account's name, here or in the URL)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", username: [x]}}",
            "shards.s0.username: a list (expected: an account's name)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", username: x, password: [x]}}",
            "shards.s0.password: a list (expected: a password)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", pool: {max-size: 0}}}",
            "shards.s0.pool.max-size: 0 (expected: a whole number from 1 to 2147483647)"),
        // Pool and timeouts.
        arguments(
            "pool: {size: 1}",
            "pool.size: unknown (expected: one of max-size, min-idle, max-pending,"
                + " streams, connect-timeout, rollback-timeout, max-idle-time, max-lifetime)"),
        arguments(
            "pool: {max-size: 5, min-idle: 6}",
            "pool.min-idle: 6 (expected: a whole number from 0 to 5)"),
        arguments(
            "pool: {max-size: 5, streams: 6}",
            "pool.streams: 6 (expected: a whole number from 1 to 5)"),
        arguments("pool: {streams: 0}", "pool.streams: 0 (expected: a whole number from 1 to 10)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", pool: {max-size: 3, streams: 4}}}",
            "shards.s0.pool.streams: 4 (expected: a whole number from 1 to 3)"),
        arguments(
            "pool: {max-pending: 1.5}",
            "pool.max-pending: 1.5 (expected: a whole number from 1 to 2147483647)"),
        arguments(
            "pool: {max-pending: 99999999999999999999999999}",
            "pool.max-pending: 99999999999999999999999999 (expected: a whole number from 1 to"
                + " 2147483647)"),
        arguments("timeouts: {acquire: 5}", "timeouts.acquire: 5 (expected: " + time + ")"),
        arguments(
            "timeouts: {gap: 2m}", "timeouts.gap: 2m (expected: at most timeouts.total, PT1M)"),
        arguments(
            "breaker: {window: 0}", "breaker.window: 0 (expected: a whole number from 1 to 10000)"),
        arguments(
            "breaker: {window: 5, min-calls: 6}",
            "breaker.min-calls: 6 (expected: a whole number from 1 to 5)"),
        arguments(
            "breaker: {probe-interval: 9ms}",
            "breaker.probe-interval: PT0.009S (expected: from 10 ms to 365 days)"),
        arguments(
            "reads: {preference: primary-preferred}",
            "reads.preference: primary-preferred (expected: one of primary, replica-preferred,"
                + " nearest)"),
        arguments(
            "reads: {retries: 11}", "reads.retries: 11 (expected: a whole number from 0 to 10)"),
        arguments("reads: {hedge: yes}", "reads.hedge: yes (expected: true or false)"),
        arguments("row-counts: {exact: no}", "row-counts.exact: no (expected: true or false)"),
        arguments(
            "sql: {allow-scatter: maybe}",
            "sql.allow-scatter: maybe (expected: one of true, log, false)"),
        arguments(
            "sql: {scatter: true}",
            "sql.scatter: unknown (expected: one of allow-scatter, allow-gather, gather-max-rows,"
                + " gather-max-bytes, gather-concurrency)"),
        arguments(
            "sql: {allow-gather: maybe}",
            "sql.allow-gather: maybe (expected: one of true, log, false)"),
        arguments(
            "sql: {gather-max-rows: 0}",
            "sql.gather-max-rows: 0 (expected: a whole number from 1 to 1000000)"),
        arguments("hot-keys: 1", "hot-keys: 1 (expected: true or false)"),
        arguments("slow-statement: 1", "slow-statement: 1 (expected: " + time + ")"),
        arguments(
            "transactions: {mode: both}",
            "transactions.mode: both (expected: one of single, single-writer, atomic,"
                + " best-effort)"),
        arguments(
            "transactions: {recover-every: 99ms}",
            "transactions.recover-every: 99ms (expected: a time from 100ms to 1h)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", replicas: [{url: x}]}}",
            "shards.s0.replicas[0].url: not shown (expected: " + URL + ")"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", replicas: x}}",
            "shards.s0.replicas: x (expected: a list of servers, each with url, and username and"
                + " password where they are not the shard's)"),
        arguments(
            "pool: {connect-timeout: 0s}", "pool.connect-timeout: 0s (expected: " + time + ")"),
        arguments("pool: {max-lifetime: 366d}", "pool.max-lifetime: 366d (expected: " + time + ")"),
        arguments("pool: {max-idle-time: }", "pool.max-idle-time: '' (expected: " + time + ")"),
        arguments("timeouts: {total: -1s}", "timeouts.total: -1s (expected: " + time + ")"),
        arguments(
            "timeouts: {total: PT99999999999H}",
            "timeouts.total: PT99999999999H (expected: " + time + ")"),
        arguments(
            "timeouts: {first-row: 2m}",
            "timeouts.first-row: 2m (expected: at most timeouts.total, PT1M)"),
        // Tables.
        arguments(
            "tables: {t: {}}",
            "tables.t: a map (expected: key and strategy, or reference alone, or pinned alone)"),
        arguments(
            "tables: {t: {reference: true, pinned: s0}}",
            "tables.t: a map (expected: key and strategy, or reference alone, or pinned alone)"),
        arguments("tables: {t: {reference: no}}", "tables.t.reference: no (expected: true)"),
        arguments(
            "tables: {t: {absent: [s0], pinned: s1}}",
            "tables.t: a map (expected: key and strategy, or reference alone, or pinned alone)"),
        arguments(
            "tables: {t: {reference: true, absent: s0}}",
            "tables.t.absent: s0 (expected: a list of shards)"),
        arguments(
            "tables: {t: {reference: true, absent: [s9]}}",
            "tables.t.absent: s9 (expected: one of [s0, s1, s2])"),
        arguments(
            "tables: {t: {pinned: [s0]}}", "tables.t.pinned: a list (expected: " + shardName + ")"),
        arguments(
            "tables: {t: {pinned: s9}}", "tables.t.pinned: s9 (expected: one of [s0, s1, s2])"),
        arguments("tables: {t: {strategy: x}}", "tables.t.key: missing (expected: " + column + ")"),
        arguments(
            "tables: {t: {key: {id: integer}}}",
            "tables.t.strategy: missing (expected: the name of a strategy)"),
        arguments(
            "tables: {t: {key: {id: integer}, strategy: x}}",
            "tables.t.strategy: x (expected: one of [])"),
        arguments(
            "tables: {t: {key: {a: text, b: text}, strategy: x}}",
            "tables.t.key: a map (expected: " + column + ")"),
        arguments(
            "tables: {t: {key: [{a: text, b: text}], strategy: x}}",
            "tables.t.key[0]: a map (expected: " + column + ")"),
        arguments(
            "tables: {t: {key: [], strategy: x}}",
            "tables.t: table t, key: none (expected: at least one column)"),
        arguments(
            "tables: {t: {key: [{id: integer}, {ID: text}], strategy: x}}",
            "tables.t: table t, key: ID, twice (expected: each column once)"),
        arguments(
            "tables: {t: {key: id, strategy: x}}", "tables.t.key: id (expected: " + column + ")"),
        arguments(
            "tables: {t: {key: {id: int}, strategy: x}}",
            "tables.t.key.id: int (expected: one of integer, text, binary, uuid, date, datetime,"
                + " instant)"),
        arguments(
            "tables: {t: {key: {id: uuid}, order: back, strategy: x}}",
            "tables.t.order: back (expected: one of plain, swapped)"),
        arguments(
            "tables: {t: {key: {id: binary}, order: plain, strategy: x}}",
            "tables.t.order: plain (expected: none, as no key column is a uuid)"),
        arguments("tables: {\"\": {reference: true}}", "tables.: table: '' (expected: a name)"),
        // Strategies.
        strategy(
            "{}",
            ".type: missing (expected: one of hash, modulo, range, directory, consistent,"
                + " composite, geo, tenant, time, fixed)"),
        strategy(
            "{type: hsh}",
            ".type: hsh (expected: one of hash, modulo, range, directory, consistent, composite,"
                + " geo, tenant, time, fixed)"),
        strategy("text", ": a single value (expected: a map)"),
        strategy(
            "{type: hash, slot: 5}",
            ".slot: unknown (expected: one of type, function, shards, slots, slot-table)"),
        strategy("{type: hash}", ".shards: missing (expected: a list of shards)"),
        strategy("{type: hash, shards: s0}", ".shards: s0 (expected: a list of shards)"),
        strategy("{type: hash, shards: {a: s0}}", ".shards: a map (expected: a list of shards)"),
        strategy("{type: hash, shards: []}", ".shards: none (expected: a list of shards)"),
        strategy(
            "{type: hash, shards: [s0, [s1]]}", ".shards[1]: a list (expected: " + shardName + ")"),
        strategy("{type: hash, shards: [s0, s0]}", ": shard: s0, twice (expected: once)"),
        strategy(
            "{type: hash, shards: [s0], slots: abc}",
            ".slots: abc (expected: a whole number from 1 to 65536)"),
        strategy(
            "{type: hash, shards: [s0, s1], slots: 1}",
            ": slots: 1 (expected: 2 to 65536, at least one for each shard)"),
        strategy(
            "{type: hash, shards: [s0], function: sha}",
            ".function: sha (expected: one of crc32, md5)"),
        strategy(
            "{type: hash, shards: [s0], slot-table: [{shard: s0, slots: 1}]}",
            ".slot-table: a list (expected: either slot-table, or shards and slots)"),
        strategy(
            "{type: hash, slot-table: [{shard: s0, slots: 65536}, {shard: s1, slots: 1}]}",
            ".slot-table[1].slots: 1 (expected: at most 65536 slots in all runs together)"),
        arguments(
            "strategies: {it: {type: modulo, shards: [s9]}}",
            "strategies.it: s9 (expected: one of [s0, s1, s2])"),
        strategy(
            "{type: range, ranges: []}",
            ".key: missing (expected: one of integer, text, binary, uuid, date, datetime,"
                + " instant)"),
        strategy("{type: range, key: integer}", ".ranges: missing (expected: a list of ranges)"),
        strategy(
            "{type: range, key: integer, ranges: [{from: x, shard: s0}]}",
            ".ranges[0].from: x (expected: a whole number)"),
        strategy(
            "{type: range, key: integer, ranges: [{from: 18446744073709551616, shard: s0}]}",
            ".ranges[0].from: key part: 18446744073709551616 (expected: an integer from"
                + " -9223372036854775808 to 18446744073709551615)"),
        strategy(
            "{type: range, key: uuid, ranges: [{from: 1-1-1-1-1, shard: s0}]}",
            ".ranges[0].from: 1-1-1-1-1 (expected: a UUID of 36 characters)"),
        strategy(
            "{type: range, key: date, ranges: [{from: 2026-02-30, shard: s0}]}",
            ".ranges[0].from: 2026-02-30 (expected: a date, such as 2026-01-31)"),
        strategy(
            "{type: range, key: datetime, ranges: [{from: 2026-01-31, shard: s0}]}",
            ".ranges[0].from: 2026-01-31 (expected: a date and time, such as"
                + " 2026-01-31T12:00:00)"),
        strategy(
            "{type: range, key: instant, ranges: [{from: 2026-01-31T12:00:00, shard: s0}]}",
            ".ranges[0].from: 2026-01-31T12:00:00 (expected: an instant, such as"
                + " 2026-01-31T12:00:00Z)"),
        strategy(
            "{type: range, key: text, ranges: [{from: [a], shard: s0}]}",
            ".ranges[0].from: a list (expected: a text)"),
        strategy(
            "{type: range, key: integer, ranges: [{from: 5, to: 5, shard: s0}]}",
            ".ranges[0]: range: [5, 5) (expected: from below to)"),
        strategy(
            "{type: range, key: integer, ranges: [{to: 5, shard: s0}, {from: 6, shard: s1}]}",
            ": ranges: (-∞, 5) and [6, ∞) leave a gap (expected: each to begin where the one"
                + " before it ends)"),
        strategy(
            "{type: range, key: integer, ranges: [{to: 5, shard: s0}, {to: 5, shard: s1}]}",
            ".ranges[1]: a map (expected: each range once)"),
        strategy(
            "{type: consistent, shards: [s0], weights: {s0: 1}}",
            ".weights: a map (expected: either weights or shards)"),
        strategy(
            "{type: consistent, weights: {s0: 0}}",
            ".weights.s0: 0 (expected: a whole number from 1 to 10000)"),
        strategy(
            "{type: consistent, weights: {s0: 9999, s1: 2}}",
            ": weight of shard s1: 2 (expected: at least 1, and at most 10000 of all shards"
                + " together)"),
        strategy(
            "{type: directory, shards: [s0]}",
            ".server: missing (expected: url, username and password of the directory's server)"),
        strategy(
            "{type: directory, shards: [s0], server: {url: x}}",
            ".server.url: not shown (expected: " + URL + ")"),
        strategy(
            directory("table: my.table"),
            ": directory table: my.table (expected: 1 to 64 letters, digits or '_')"),
        strategy(
            directory("name: a b"),
            ".name: a b (expected: 1 to 64 letters, digits, '_', '-' or '.')"),
        strategy(
            directory("cache-size: -1"),
            ".cache-size: -1 (expected: a whole number from 0 to 100000000)"),
        strategy(
            directory("expiry: 2d"),
            ".expiry: directory cache expiry: PT48H (expected: 1 ms to a day)"),
        strategy(
            directory("timeout: 2d"),
            ".timeout: directory lookup timeout: PT48H (expected: 1 ms to a day)"),
        strategy(
            directory("assign-unknown: {type: fixed, shard: s1}"),
            ".assign-unknown: shards of the rule for unknown keys: [s1] (expected: some of [s0])"),
        strategy(
            "{type: composite, groups: {type: fixed, shard: g}, inside: {g: "
                + directory("timeout: 1s")
                + "}}",
            ".inside.g.name: missing (expected: 1 to 64 letters, digits, '_', '-' or '.')"),
        strategy(
            "{type: composite, inside: {g: nope}}",
            ".groups: missing (expected: a strategy, or the name of one)"),
        strategy(
            "{type: composite, groups: nope, inside: {}}",
            ".groups: nope (expected: a strategy, or the name of one of [it])"),
        strategy(
            "{type: composite, groups: it, inside: {}}",
            ".groups: it (expected: a strategy that does not hold itself, as in [it])"),
        strategy(
            "{type: composite, groups: {type: fixed, shard: g}, inside: {h: {type: fixed, shard:"
                + " s0}}}",
            ": groups with a strategy inside: [h] (expected: exactly [g], the groups that the"
                + " first key part can pick)"),
        strategy(
            "{type: geo, regions: {eu: {countries: DE, strategy: {type: fixed, shard: s0}}}}",
            ".regions.eu.countries: DE (expected: a list of countries)"),
        strategy(
            "{type: geo, regions: {eu: {countries: [DE], strategy: {type: fixed, shard: s0}}, us:"
                + " {countries: [DE], strategy: {type: fixed, shard: s0}}}}",
            ".regions.us.countries[0]: DE (expected: each country in one region)"),
        strategy(
            "{type: geo, regions: {eu: {countries: [DE]}}}",
            ".regions.eu.strategy: missing (expected: a strategy, or the name of one)"),
        strategy(
            "{type: tenant, key: integer, tenants: {acme: {type: fixed, shard: s0}}}",
            ".tenants.acme: acme (expected: a whole number)"),
        strategy(
            "{type: tenant, key: integer, tenants: {1: {type: fixed, shard: s0}, 01: {type: fixed,"
                + " shard: s0}}}",
            ".tenants.01: a map (expected: each tenant once)"),
        strategy(
            "{type: tenant, key: text}",
            ".tenants: missing (expected: a map of tenants to strategies)"),
        strategy(
            "{type: time, period: hour}",
            ".period: hour (expected: one of day, week, month, year)"),
        strategy(
            "{type: time, period: month, listed: {2026-01: s0}}",
            ".listed.2026-01: 2026-01 (expected: a date, such as 2026-01-31)"),
        strategy(
            "{type: time, period: month, listed: {2026-01-02: s0}}",
            ": period: 2026-01-02 (expected: the first day of a MONTH)"),
        strategy(
            "{type: time, period: month, rotation: []}",
            ".rotation: none (expected: a list of shards)"),
        strategy("{type: fixed}", ".shard: missing (expected: " + shardName + ")"),
        arguments("ids: s0", "ids: a single value (expected: a map)"),
        arguments(
            "ids: {lease: 1m}", "ids: a map (expected: a map that has either shard or server)"),
        arguments(
            "ids: {shard: s0, server: {url: \"r2dbc:mysql://app@h/d\"}}",
            "ids: a map (expected: a map that has either shard or server)"),
        arguments("ids: {shard: s7}", "ids.shard: s7 (expected: the name of one of shards)"),
        arguments(
            "ids: {shard: \"r2dbc:mysql://app@h/d\"}",
            "ids.shard: (a URL) (expected: the name of one of shards)"),
        arguments("ids: {server: {url: x}}", "ids.server.url: not shown (expected: " + URL + ")"),
        arguments(
            "ids: {shard: s0, table: a.b}",
            "ids.table: a.b (expected: a table's name, 1 to 64 letters, digits or '_')"),
        arguments(
            "ids: {shard: s0, lease: 500ms}", "ids.lease: 500ms (expected: a time from 1s to 1h)"),
        arguments("ids: {shard: s0, lease: 2h}", "ids.lease: 2h (expected: a time from 1s to 1h)"),
        arguments(
            "ids: {shard: s0, create-table: yes}",
            "ids.create-table: yes (expected: true or false)"),
        arguments(
            "ids: {shard: s0, create: true}",
            "ids.create: unknown (expected: one of shard, server, table, lease, create-table)"),
        // What several routers share.
        arguments("control: x", "control: a single value (expected: a map)"),
        arguments("control: [x]", "control: a list (expected: a map)"),
        arguments(
            "control: {pol: 1s}",
            "control.pol: unknown (expected: one of url, username, password, cluster, poll, lease,"
                + " publish, create-tables, credentials)"),
        arguments("control: {url: x}", "control.url: not shown (expected: " + URL + ")"),
        arguments(
            "control: {url: \"r2dbc:mysql://h\"}",
            "control.url: no database (expected: " + URL + ")"),
        arguments(
            "control: {url: \"r2dbc:mysql://h/d?sslMode=no\"}",
            "control.url: sslMode: not shown (expected: one of DISABLED, PREFERRED, REQUIRED,"
                + " VERIFY_CA, VERIFY_IDENTITY, TUNNEL)"),
        arguments(
            "control: {url: \"r2dbc:mysql://h/d\", password: x}",
            "control.username: missing (expected: an account's name, here or in the URL)"),
        arguments(
            "control: {username: [x]}", "control.username: a list (expected: an account's name)"),
        arguments("control: {password: [x]}", "control.password: a list (expected: a password)"),
        arguments(
            "control: {cluster: a b}",
            "control.cluster: a b (expected: 1 to 64 letters, digits, '_', '-' or '.')"),
        arguments("control: {poll: 1}", "control.poll: 1 (expected: " + time + ")"),
        arguments(
            "control: {poll: 99ms}", "control.poll: 99ms (expected: a time from 100ms to 20s)"),
        arguments(
            "control: {poll: 20001ms}",
            "control.poll: 20001ms (expected: a time from 100ms to 20s)"),
        arguments(
            "control: {lease: 999ms}", "control.lease: 999ms (expected: a time from 1s to 1m)"),
        arguments("control: {lease: 61s}", "control.lease: 61s (expected: a time from 1s to 1m)"),
        arguments(
            "control: {poll: 1s, lease: 2999ms}",
            "control.lease: 2999ms (expected: at least three times control.poll, PT3S)"),
        arguments("control: {publish: yes}", "control.publish: yes (expected: true or false)"),
        arguments(
            "control: {create-tables: 1}", "control.create-tables: 1 (expected: true or false)"),
        arguments(
            "control: {credentials: eu}", "control.credentials: a single value (expected: a map)"),
        arguments(
            "control: {credentials: {eu: x}}",
            "control.credentials: not shown (expected: a map of names to accounts, each with"
                + " username and password)"),
        arguments(
            "control: {credentials: {a b: {username: x}}}",
            "control.credentials.a b: a map (expected: 1 to 64 letters, digits, '_', '-' or '.' as"
                + " its name)"),
        arguments(
            "control: {credentials: {eu: {password: x}}}",
            "control.credentials.eu.username: missing (expected: an account's name)"),
        arguments(
            "control: {credentials: {eu: {username: x, user: y}}}",
            "control.credentials.eu.user: unknown (expected: one of username, password)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://h/d\", credentials: eu}}",
            "shards.s0.credentials: not shown (expected: one of control.credentials, [])"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://h/d\", credentials: default}}",
            "shards.s0.credentials: not shown (expected: one of control.credentials, [])"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://h/d\", credentials: eu, username: x}}\n"
                + "control: {credentials: {eu: {username: y}}}",
            "shards.s0.credentials: not shown (expected: either credentials, or username and"
                + " password)"),
        arguments(
            "shards: {s0: {url: \"r2dbc:mysql://x@h/d\", credentials: eu}}\n"
                + "control: {credentials: {eu: {username: y}}}",
            "shards.s0.credentials: not shown (expected: either credentials, or username and"
                + " password)"),
        arguments(
            "control:",
            "control: present (expected: a router opened by io.shardflux.cluster.ClusterRouter;"
                + " see src/docs/cluster.md)"));
  }

  private static String malformed(@Nullable String place) {
    return "document"
        + (place == null ? "" : ", " + place)
        + ": malformed (expected: one YAML document, with quotes round texts that have special"
        + " characters, at most 32 levels and 20 aliases)";
  }

  private static String shared(String other) {
    return " with the database of shards."
        + other
        + " (expected: a server or a database of its own for each)";
  }

  private static String noDriver() {
    return "shards.s0.url: not shown (expected: a URL with a driver that is on the class path, and"
        + " with options that it takes)";
  }

  private static String directory(String more) {
    return "{type: directory, shards: [s0], server: {url: \"r2dbc:mysql://app@h/d\"}, "
        + more
        + "}";
  }

  private static Arguments badUrl(String url) {
    return arguments(
        "shards: {s0: {url: \"" + url + "\", username: app}}",
        "shards.s0.url: not shown (expected: " + URL + ")");
  }

  private static Arguments strategy(String yaml, String message) {
    return arguments("strategies: {it: " + yaml + "}", "strategies.it" + message);
  }

  @ParameterizedTest
  @MethodSource("bad")
  void refusesWithThePath(String yaml, String message) {
    String document =
        yaml.matches(
                "(?s)(pool|timeouts|breaker|reads|slow-statement|hot-keys|row-counts|sql|ids|control|strategies|tables):.*")
            ? SHARDS + yaml
            : yaml;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.fromYaml(document))
        .withMessage(message)
        .withNoCause();
  }

  @Test
  void aRouterDoesNotShareWhatItIsToldToShare() {
    String refusal =
        "control: present (expected: a router opened by io.shardflux.cluster.ClusterRouter; see"
            + " src/docs/cluster.md)";
    Map<String, Object> document =
        Map.of(
            "shards",
            Map.of("s0", Map.of("url", "r2dbc:mysql://app@127.0.0.1:3306/a")),
            "control",
            Map.of("Create_Tables", "true"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.builder(document))
        .withMessage(refusal);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.fromYaml("control: {url: \"r2dbc:mysql://a@h/d\"}"))
        .withMessage(refusal);
    RouterDefinition definition = RouterDocument.read(document);
    assertThat(requireNonNull(definition.control()).createsTables()).isTrue();
    made.add(ShardRouterBuilder.of(definition).build());
  }

  @Test
  void readsWhereIdsHaveTheirNodes() {
    assertThat(ids(SHARDS + "ids: {shard: s1}"))
        .hasToString("ids by shardflux_nodes on s1@127.0.0.1:3307");
    assertThat(
            ids(
                "ids: {server: {url: \"r2dbc:mysql://app@127.0.0.1:3309/d\"}, table: nodes,"
                    + " lease: 1h, create-table: true}"))
        .hasToString("ids by nodes on ids@127.0.0.1:3309");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardIds.fromYaml(SHARDS))
        .withMessage("ids: missing (expected: a map that has either shard or server)");
  }

  private static ShardIds ids(String yaml) {
    ShardIds ids = ShardIds.fromYaml(yaml);
    StepVerifier.create(ids.close()).expectComplete().verify(BOUND);
    return ids;
  }

  @Test
  void readsWhetherSqlMayScatter() {
    assertThat(ShardAccess.of(router(SHARDS)).scatterReads()).isEqualTo(ScatterReads.ALLOWED);
    assertThat(ShardAccess.of(router(SHARDS + "sql: {allow-scatter: true}")).scatterReads())
        .isEqualTo(ScatterReads.ALLOWED);
    assertThat(ShardAccess.of(router(SHARDS + "sql: {allow-scatter: log}")).scatterReads())
        .isEqualTo(ScatterReads.LOGGED);
    assertThat(ShardAccess.of(router(SHARDS + "sql: {allow-scatter: false}")).scatterReads())
        .isEqualTo(ScatterReads.REFUSED);
  }

  @Test
  void refusesAStrategyThatHoldsItself() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                ShardRouter.fromYaml(
                    SHARDS
                        + """
                        strategies:
                          a: {type: composite, groups: {type: fixed, shard: g}, inside: {g: b}}
                          b: {type: composite, groups: {type: fixed, shard: g}, inside: {g: a}}
                        """))
        .withMessage(
            "strategies.b.inside.g: a (expected: a strategy that does not hold itself, as in [a,"
                + " b])");
  }

  @Test
  void refusesAMapThatHoldsItself() {
    String yaml =
        SHARDS
            + """
            strategies:
              a: &a {type: composite, groups: {type: fixed, shard: g}, inside: {g: *a}}
            """;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> ShardRouter.fromYaml(yaml))
        .withMessageStartingWith("strategies.a.inside.g.inside.g.")
        .withMessageEndingWith(": nested too deeply (expected: at most 32 levels)");
  }

  /** Documents that are wrong in one place each, with a secret somewhere. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "shards: {s0: {url: \"r2dbc:mysql://root:hunter2@h:port/d\"}}",
        "shards: {s0: {url: \"r2dbc:mysql:root:hunter2@h/d\"}}",
        "shards: {s0: {url: \"r2dbc:nodb://root:hunter2@h/d\"}}",
        "shards: {s0: {url: \"r2dbc:nodb://h/d\", username: root, password: hunter2}}",
        "shards: {s0: {url: \"mysql://root:hunter2@h/d\"}}",
        "shards: {s0: {url: \"r2dbc:mysql://root:hunter2@h/d?sslMode=hunter2\"}}",
        "shards: {s0: {url: \"r2dbc:mysql://app@h/d?sslKeyPassword=hunter2&sslMode=x\"}}",
        "shards: {s0: {url: [\"r2dbc:mysql://root:hunter2@h/d\"]}}",
        "shards: {s0: \"r2dbc:mysql://root:hunter2@h/d\"}",
        "shards: \"r2dbc:mysql://root:hunter2@h/d\"",
        "shards: [\"r2dbc:mysql://root:hunter2@h/d\"]",
        "shards: {\"r2dbc:mysql://root:hunter2@h/d\": {}}",
        "shards: {password: hunter2}",
        "shards: {s0: {password: {hunter2: hunter2}}}",
        "shards: {s0: {url: \"r2dbc:mysql://h/d\", password: hunter2}}",
        "shards: {s0: {url: \"r2dbc:mysql://root:hunter2/@h/d\"}}",
        "shards: {s0: {url: \"r2dbc:mysql://root:hunter2?@h/d\"}}",
        "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", username: root, password: [hunter2]}}",
        "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", username: root, password: hunter2, x: 1}}",
        "shards: {s0: {url: \"r2dbc:mysql://app@h/d\", username: root, password: hunter2}",
        "shards:\n  s0:\n    password: @hunter2",
        "shards:\n  s0:\n    password: *hunter2",
        "shards:\n  s0:\n    password: %hunter2",
        "shards:\n  s0:\n    password: !hunter2 x",
        "shards:\n  s0:\n    password: \"\\hunter2\"",
        "shards:\n  s0:\n    password: hunter2: x",
        "shards:\n  s0:\n    password: hunter2\n    password: hunter2",
        "password: hunter2",
        "pool: \"r2dbc:mysql://root:hunter2@h/d\"",
        "pool: {max-size: \"r2dbc:mysql://root:hunter2@h/d\"}",
        "pool: {\"r2dbc:mysql://root:hunter2@h/d\": 1}",
        "timeouts: {total: \"r2dbc:mysql://root:hunter2@h/d\"}",
        "strategies: {a: {type: fixed, shard: \"r2dbc:mysql://root:hunter2@h/d\"}}",
        "strategies: {a: {type: hash, shards: [\"r2dbc:mysql://root:hunter2@h/d\"]}}",
        "strategies: {a: {type: \"r2dbc:mysql://root:hunter2@h/d\"}}",
        "strategies: {a: {type: directory, shards: [s0], server: \"r2dbc:mysql://a:hunter2@h/d\"}}",
        "strategies: {a: {type: directory, shards: [s0], server: {url:"
            + " \"r2dbc:mysql://hunter2@\"}}}",
        "ids: \"r2dbc:mysql://root:hunter2@h/d\"",
        "ids: {shard: \"r2dbc:mysql://root:hunter2@h/d\"}",
        "ids: {server: \"r2dbc:mysql://root:hunter2@h/d\"}",
        "tables: {a: {pinned: \"r2dbc:mysql://root:hunter2@h/d\"}}",
        "tables: {a: {key: {id: integer}, strategy: \"r2dbc:mysql://root:hunter2@h/d\"}}",
      })
  void neverShowsASecret(String yaml) {
    String document =
        yaml.matches(
                "(?s)(pool|timeouts|breaker|reads|slow-statement|hot-keys|row-counts|sql|ids|control|strategies|tables):.*")
            ? SHARDS + yaml
            : yaml;
    Throwable error = catchThrowable(() -> ShardRouter.fromYaml(document));
    assertThat(error).isInstanceOf(IllegalArgumentException.class);
    StringWriter trace = new StringWriter();
    error.printStackTrace(new PrintWriter(trace));
    assertThat(trace.toString()).doesNotContain("hunter2", "root:", "@h");
  }

  static List<String> examples() throws IOException {
    Matcher blocks = Pattern.compile("(?s)```yaml\n(.*?)```").matcher(Files.readString(PAGE));
    List<String> examples = new ArrayList<>();
    while (blocks.find()) {
      examples.add(blocks.group(1));
    }
    return examples;
  }

  @ParameterizedTest
  @MethodSource("examples")
  void everyExampleOfThePageIsARouter(String example) throws IOException {
    String first = examples().get(0);
    String shards = first.substring(first.indexOf("shards:"), first.indexOf("pool:\n"));
    String document = example.startsWith("shards:") ? example : shards + example;
    ShardRouter router = ShardRouterBuilder.of(RouterDocument.read(document)).build();
    made.add(router);
    Topology topology = router.topology();
    assertThat(topology.shards()).hasSize(3);
    assertThat(topology.tables().isEmpty()).isEqualTo(!example.contains("tables:\n"));
    assertThat(topology.tables().values())
        .filteredOn(TableRule.Sharded.class::isInstance)
        .extracting(rule -> ((TableRule.Sharded) rule).strategy())
        .containsExactlyInAnyOrderElementsOf(
            topology.strategies().keySet().stream()
                .filter(name -> !name.equals("shared"))
                .toList());
  }

  @Test
  void thePageHasEveryStrategy() throws IOException {
    String all = String.join("\n", examples());
    assertThat(
            Stream.of(
                "hash",
                "modulo",
                "range",
                "directory",
                "consistent",
                "composite",
                "geo",
                "tenant",
                "time",
                "fixed"))
        .allMatch(type -> all.contains("type: " + type));
  }
}
