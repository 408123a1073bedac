package io.shardflux.r2dbc.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.UnroutableKeyException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.test.StepVerifier;

class TopologyDocumentTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final ShardId S0 = ShardId.of("s0");
  private static final ShardId S1 = ShardId.of("s1");
  private static final ShardId S2 = ShardId.of("s2");
  private static final Accounts ACCOUNTS =
      Accounts.of(
          Map.of(
              "default",
              new Accounts.Account("app", null),
              "eu",
              new Accounts.Account("Zq7user", "Zq7hunter")));

  private static final String SHARDS =
      """
      shards:
        s0: {url: "r2dbc:mysql://app@127.0.0.1:3306/a"}
        s1: {url: "r2dbc:mysql://app@127.0.0.1:3307/b"}
        s2: {url: "r2dbc:mysql://app@127.0.0.1:3308/c"}
      """;

  private static final String DIRECTORY =
      """
      strategies:
        by_account:
          type: directory
          shards: [s1, s0]
          server: {url: "r2dbc:mysql://h/control", username: Zq7user, password: Zq7hunter}
          assign-unknown: {type: fixed, shard: s1}
          cache-size: 9
          expiry: 5m
          timeout: 2s
      """;

  @Property(tries = 60, shrinking = ShrinkingMode.OFF)
  void whatIsReadRoutesTheSame(@ForAll long seed) {
    RandomTopology made = new RandomTopology(seed, 0, false);
    TopologyDocument document = TopologyDocument.of(made.topology, made.shards, made.accounts);
    TopologyDocument read = TopologyDocument.parse(document.json());
    assertThat(read.json()).isEqualTo(document.json());
    Topology topology = read.open(7, stranger(made.accounts), null).topology();
    assertThat(topology.epoch()).isEqualTo(7);
    assertThat(topology.shards()).containsExactlyElementsOf(made.topology.shards());
    assertThat(topology.tables()).isEqualTo(made.topology.tables());
    assertThat(topology.strategies()).containsOnlyKeys(made.topology.strategies().keySet());
    made.types.forEach(
        (name, types) -> {
          ShardingStrategy before = requireNonNull(made.topology.strategies().get(name));
          ShardingStrategy after = requireNonNull(topology.strategies().get(name));
          for (int i = 0; i < 200; i++) {
            ShardKey key = made.key(types);
            assertThat(located(after, key)).isEqualTo(located(before, key));
          }
          assertSamePredicates(before, after, made.columns(types));
        });
  }

  private static String located(ShardingStrategy strategy, ShardKey key) {
    try {
      return strategy.locate(key).value();
    } catch (UnroutableKeyException e) {
      return "refused";
    }
  }

  private static void assertSamePredicates(
      ShardingStrategy before, ShardingStrategy after, List<KeyColumn> columns) {
    assertThat(after.shards()).isEqualTo(before.shards());
    for (ShardId shard : before.shards()) {
      assertThat(after.owns(shard, columns).toFuture().join())
          .isEqualTo(before.owns(shard, columns).toFuture().join());
    }
  }

  @Property(tries = 60, shrinking = ShrinkingMode.OFF)
  void whatMeansTheSameIsOneTextWithoutASecret(@ForAll long seed) {
    RandomTopology made = new RandomTopology(seed, 1, true);
    RandomTopology shuffled = new RandomTopology(seed, 2, true);
    TopologyDocument document = TopologyDocument.of(made.topology, made.shards, made.accounts);
    TopologyDocument same =
        TopologyDocument.of(shuffled.topology, shuffled.shards, shuffled.accounts);
    assertThat(same.json()).isEqualTo(document.json());
    assertThat(TopologyDocument.parse(document.json()).json()).isEqualTo(document.json());
    assertThat(document.json())
        .doesNotContain(RandomTopology.SECRET, "sslKeyPassword")
        .matches("[ -~]+");
    assertThat(document.routing()).doesNotContain("example", "127.0.0.1", "credentials", "expiry");
    assertThat(document.sameRouting(same)).isTrue();
    assertThat(document.differences(same)).isEmpty();
    close(made.directories);
    close(shuffled.directories);
  }

  @Property(tries = 30, shrinking = ShrinkingMode.OFF)
  void differencesNameWhatWasMadeDifferent(@ForAll long seed, @ForAll long other) {
    RandomTopology made = new RandomTopology(seed, 1, false);
    RandomTopology another = new RandomTopology(other, 1, false);
    TopologyDocument document = TopologyDocument.of(made.topology, made.shards, made.accounts);
    TopologyDocument published =
        TopologyDocument.of(another.topology, another.shards, another.accounts);
    assertThat(document.differences(published))
        .hasSizeBetween(document.sameRouting(published) ? 0 : 1, 20)
        .allMatch(line -> line.length() <= 200 && line.matches("[^\\p{Cntrl}]*"));
  }

  static List<Arguments> strategies() {
    return RouterDocumentTests.strategies().toList();
  }

  @ParameterizedTest
  @MethodSource("strategies")
  void everyStrategyOfYamlGoesAllTheWayRound(
      String yaml, ShardingStrategy same, List<ShardKey> keys) {
    TopologyDocument document = TopologyDocument.of(parts(SHARDS + "strategies:\n  it: " + yaml));
    TopologyDocument read = TopologyDocument.parse(document.json());
    ShardingStrategy strategy =
        requireNonNull(read.open(1, stranger(ACCOUNTS), null).topology().strategies().get("it"));
    for (ShardKey key : keys) {
      assertThat(located(strategy, key)).as(key.toString()).isEqualTo(located(same, key));
    }
    assertThat(read).isEqualTo(document).hasSameHashCodeAs(document);
    String asYaml = JsonWriter.write(requireNonNull(document.part("strategies").get("it")));
    assertThat(TopologyDocument.of(parts(SHARDS + "strategies:\n  it: " + asYaml)))
        .isEqualTo(document);
  }

  @Test
  void isJsonWithTheKeysOfYaml() {
    TopologyDocument document =
        TopologyDocument.of(
            parts(
                """
                tables:
                  users: {key: {id: integer}, strategy: by_id}
                  countries: {reference: true}
                  settings: {pinned: s1}
                strategies:
                  by_id: {type: hash, shards: [s1, s0]}
                shards:
                  s1: {url: "r2dbc:mysql://app@H1/b?sslMode=REQUIRED", pool: {max-size: 3}}
                  s0:
                    url: "r2dbc:mysql://Zq7user:Zq7hunter@h0:3307/a"
                    replicas: [{url: "r2dbc:mysql://h2/a"}]
                """));
    assertThat(document.json())
        .isEqualTo(
            """
            {"shards":{
            "s1":{"url":"r2dbc:mysql://h1:3306/b?sslMode=REQUIRED","credentials":"default"},
            "s0":{"url":"r2dbc:mysql://h0:3307/a","credentials":"eu",
            "replicas":[{"url":"r2dbc:mysql://h2:3306/a","credentials":"eu"}]}},
            "strategies":{"by_id":{"type":"hash","function":"crc32","shards":["s1","s0"],"slots":1024}},
            "tables":{"countries":{"reference":true},"settings":{"pinned":"s1"},
            "users":{"key":[{"id":"integer"}],"strategy":"by_id"}}}
            """
                .replace("\n", ""));
    assertThat(document.routing())
        .startsWith(
            "{\"shards\":{\"s0\":{},\"s1\":{}},\"strategies\":{\"by_id\":{\"type\":\"hash\"");
    assertThat(document.shards()).containsExactly(S1, S0);
    assertThat(document.accounts()).containsExactly("default", "eu");
    assertThat(document).hasToString("topology of [s1, s0]");
  }

  /** Pairs of strategies that mean the same. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{type: hash, shards: [s0, s1]} | {type: hash, shards: [s0, s1], slots: 1024, function:"
            + " crc32}",
        "{type: hash, shards: [s0, s1], slots: 4} | {type: hash, slot-table: [{shard: s0, slots:"
            + " 1}, {shard: s0, slots: 1}, {shard: s1, slots: 2}]}",
        "{type: consistent, shards: [s1, s0]} | {type: consistent, weights: {s0: 1, s1: 1}}",
        "{type: range, key: integer, ranges: [{to: 5, shard: s0}, {from: 5, to: 9, shard: s0}]}"
            + " | {type: range, key: integer, ranges: [{to: 9, shard: s0}]}",
        "{type: range, key: text, ranges: [{shard: s0}]} | {type: range, key: uuid, ranges:"
            + " [{shard: s0}]}",
        "{type: geo, others: w, regions: {w: {countries: [A], strategy: {type: fixed, shard:"
            + " s0}}}} | {type: geo, others: w, regions: {w: {strategy: {type: fixed, shard: s0}}}}"
      })
  void twoWaysToSayTheSameAreOneText(String one, String other) {
    assertThat(TopologyDocument.of(parts(SHARDS + "strategies:\n  it: " + one)).json())
        .isEqualTo(TopologyDocument.of(parts(SHARDS + "strategies:\n  it: " + other)).json());
  }

  @Test
  void anOrderThatCountsStays() {
    assertThat(
            TopologyDocument.of(parts(SHARDS + "strategies: {it: {type: hash, shards: [s0, s1]}}")))
        .isNotEqualTo(
            TopologyDocument.of(
                parts(SHARDS + "strategies: {it: {type: hash, shards: [s1, s0]}}")));
  }

  /** The document, what is published, and the differences. */
  static List<Arguments> differences() {
    return List.of(
        differ("", "", List.of()),
        differ(
            "{a: {type: hash, shards: [s0, s1]}}",
            "{a: {type: hash, shards: [s0, s1, s2]}}",
            List.of(
                "strategies.a.shards: [\"s0\",\"s1\"] in the document,"
                    + " [\"s0\",\"s1\",\"s2\"] published")),
        differ(
            "{a: {type: hash, shards: [s0], slots: 8}, b: {type: fixed, shard: s0}}",
            "{a: {type: hash, shards: [s0], slots: 9}}",
            List.of(
                "strategies.a.slots: 8 in the document, 9 published",
                "strategies.b: only in the document")),
        differ(
            "{a: {type: tenant, key: text, tenants: {acme: {type: fixed, shard: s0}}}}",
            "{a: {type: tenant, key: text, tenants: {acme: {type: fixed, shard: s1}, \"x\\ny\":"
                + " {type: fixed, shard: s0}}}}",
            List.of(
                "strategies.a.tenants.acme.shard: s0 in the document, s1 published",
                "strategies.a.tenants.x?y: only in what is published")),
        differ(
            "{a: {type: range, key: integer, ranges: [{to: 1, shard: s0}, {from: 1, to: 2, shard:"
                + " s1}, {from: 2, shard: s0}]}}",
            "{a: {type: range, key: integer, ranges: [{to: 1, shard: s0}, {from: 1, to: 3, shard:"
                + " s1}, {from: 3, shard: s0}]}}",
            List.of(
                "strategies.a.ranges[1].to: 2 in the document, 3 published",
                "strategies.a.ranges[2].from: 2 in the document, 3 published")));
  }

  private static Arguments differ(String one, String other, List<String> differences) {
    return Arguments.of(one, other, differences);
  }

  @ParameterizedTest
  @MethodSource
  void differences(String document, String published, List<String> differences) {
    TopologyDocument one = TopologyDocument.of(parts(SHARDS + "strategies: " + document));
    TopologyDocument other = TopologyDocument.of(parts(SHARDS + "strategies: " + published));
    assertThat(one.differences(other)).isEqualTo(differences);
    assertThat(one.sameRouting(other)).isEqualTo(differences.isEmpty());
  }

  @Test
  void shardsAndTablesThatDifferAreNamed() {
    String strategies = "strategies: {a: {type: fixed, shard: s0}}\n";
    TopologyDocument document =
        TopologyDocument.of(
            parts(
                SHARDS
                    + "  s3: {url: \"r2dbc:mysql://app@h/d\"}\n"
                    + strategies
                    + "tables: {t: {key: {id: integer}, strategy: a}, u: {pinned: s0}}"));
    TopologyDocument published =
        TopologyDocument.of(
            parts(
                SHARDS
                    + strategies
                    + "tables: {t: {key: {uid: integer}, strategy: a}, u: {reference: true}}"));
    assertThat(document.differences(published))
        .containsExactly(
            "shards.s3: only in the document",
            "tables.t.key: [{\"id\":\"integer\"}] in the document, [{\"uid\":\"integer\"}]"
                + " published",
            "tables.u.pinned: only in the document",
            "tables.u.reference: only in what is published");
  }

  @Test
  void aDocumentKeepsAnotherIfItHasAllOfThat() {
    String rest = "strategies: {a: {type: fixed, shard: s0}}\ntables: {t: {key: {id: integer},";
    TopologyDocument published = TopologyDocument.of(parts(SHARDS + rest + " strategy: a}}"));
    assertThat(published.keeps(published)).isTrue();
    assertThat(
            Stream.of(
                    SHARDS + "  s3: {url: \"r2dbc:mysql://app@h/d\"}\n" + rest + " strategy: a}}",
                    SHARDS + rest + " strategy: a}, u: {reference: true}}",
                    SHARDS
                        + rest.replace("s0}}", "s0}, b: {type: fixed, shard: s1}}")
                        + " strategy: a}}")
                .map(text -> TopologyDocument.of(parts(text))))
        .allMatch(document -> document.keeps(published))
        .noneMatch(published::keeps);
    assertThat(
            Stream.of(
                    SHARDS + rest.replace("shard: s0", "shard: s1") + " strategy: a}}",
                    SHARDS + rest.replace("id:", "uid:") + " strategy: a}}")
                .map(text -> TopologyDocument.of(parts(text))))
        .noneMatch(document -> document.keeps(published))
        .noneMatch(published::keeps);
  }

  /** A shard that was added lacks a table until a move has copied it, whatever a document says. */
  @Test
  void aDocumentKeepsWhatShardsLack() {
    String everywhere = SHARDS + "tables: {t: {reference: true}}";
    TopologyDocument lacking =
        TopologyDocument.of(parts(SHARDS + "tables: {t: {reference: true, absent: [s1]}}"));
    TopologyDocument all = TopologyDocument.of(parts(everywhere));
    assertThat(lacking.json()).contains("{\"reference\":true,\"absent\":[\"s1\"]}");
    assertThat(all.json()).contains("\"t\":{\"reference\":true}}");
    assertThat(all.keeps(lacking)).isFalse();
    assertThat(lacking.keeps(all)).isFalse();
    assertThat(lacking.keeps(lacking)).isTrue();
    assertThat(all.differences(lacking))
        .containsExactly("tables.t.absent: only in what is published");
  }

  @Test
  void onlyAPublishedTopologyHasAStrategyOnItsWay() {
    ShardingStrategy moving =
        TransitionStrategy.of(
            ShardingStrategy.fixed(S0),
            ShardingStrategy.hash(List.of(S0, S1)),
            List.of(new TransitionStrategy.Step(S0, S1, TransitionStrategy.Phase.SWITCHING)));
    String tree =
        "{\"type\":\"transition\",\"old\":{\"type\":\"fixed\",\"shard\":\"s0\"},\"next\":{\"type\":"
            + "\"hash\",\"function\":\"crc32\",\"shards\":[\"s0\",\"s1\"],\"slots\":1024},\"steps\":"
            + "[{\"from\":\"s0\",\"to\":\"s1\",\"phase\":\"switching\"}]}";
    assertThat(json(moving)).contains(tree);
    assertThat(TopologyDocument.parse(json(moving)).json()).isEqualTo(json(moving));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> RouterDocument.read(SHARDS + "strategies: {it: " + tree + "}"))
        .withMessageStartingWith("strategies.it.type: transition (expected: one of hash, ");
  }

  /** Keys of each type, and of several parts; both ends of a way ask one directory. */
  @Test
  void keysOfADirectoryOnTheirWayAreReadAsTheyAre() {
    TopologyDocument.Opened plain =
        TopologyDocument.of(parts(SHARDS + DIRECTORY)).open(1, parts(SHARDS + DIRECTORY), null);
    DirectoryStrategy directory =
        (DirectoryStrategy) requireNonNull(plain.topology().strategies().get("by_account"));
    for (List<ShardKey> keys :
        List.of(
            List.of(ShardKey.of(5), ShardKey.of(-7)),
            List.of(ShardKey.of("a, \"b\""), ShardKey.of("")),
            List.of(ShardKey.of(new byte[] {0, -1})),
            List.of(ShardKey.of(new UUID(1, 2))),
            List.of(ShardKey.of(LocalDate.of(2024, 2, 29))),
            List.of(ShardKey.of(Instant.parse("2024-02-29T01:02:03.000004Z"))),
            List.of(ShardKey.of(LocalDateTime.of(2024, 2, 29, 1, 2, 3))),
            List.of(ShardKey.of("x", 1), ShardKey.of("y", 2)),
            List.<ShardKey>of())) {
      Map<ShardKey, ShardId> from = new LinkedHashMap<>();
      Map<ShardKey, ShardId> to = new LinkedHashMap<>();
      keys.forEach(
          key -> {
            from.put(key, S0);
            to.put(key, ShardId.of("s2"));
          });
      TransitionStrategy way =
          TransitionStrategy.of(
              NamedKeysStrategy.of(from, directory),
              NamedKeysStrategy.of(to, directory),
              List.of());
      TopologyDocument document =
          plain
              .document()
              .next(plain.topology().withStrategy("by_account", way), List.of(), ACCOUNTS);
      TopologyDocument read = TopologyDocument.parse(document.json());
      assertThat(read.json()).isEqualTo(document.json());
      TopologyDocument.Opened opened = read.open(2, parts(SHARDS + DIRECTORY), plain);
      TransitionStrategy is =
          (TransitionStrategy) requireNonNull(opened.topology().strategies().get("by_account"));
      assertThat(((NamedKeysStrategy) is.old()).named()).isEqualTo(from);
      assertThat(((NamedKeysStrategy) is.next()).named()).isEqualTo(to);
      assertThat(((NamedKeysStrategy) is.next()).others())
          .isSameAs(((NamedKeysStrategy) is.old()).others());
      close(opened.directories());
    }
    close(plain.directories());
  }

  @Test
  void urlsAccountsAndTimesAreNoRouting() {
    TopologyDocument document = TopologyDocument.of(parts(SHARDS + DIRECTORY));
    TopologyDocument elsewhere =
        TopologyDocument.of(
            parts(
                (SHARDS + DIRECTORY)
                    .replace("127.0.0.1", "h9")
                    .replace("//h/control", "//h8/other?sslMode=REQUIRED")
                    .replace("username: Zq7user, password: Zq7hunter", "username: app")
                    .replace("5m", "6m")
                    .replace("cache-size: 9", "cache-size: 8")
                    .replace("timeout: 2s", "")));
    assertThat(elsewhere).isNotEqualTo(document);
    assertThat(elsewhere.sameRouting(document)).isTrue();
    assertThat(elsewhere.differences(document)).isEmpty();
  }

  @Test
  void aServerIsReachedAsTheRoutersOwnDocumentSays() {
    String url = "r2dbc:mysql://app:other@h9:9/z?sslMode=REQUIRED";
    RouterParts own = parts("shards: {s1: {url: \"" + url + "\", pool: {max-size: 3}}}");
    TopologyDocument document = TopologyDocument.of(parts(SHARDS + DIRECTORY));
    TopologyDocument.Opened opened = document.open(3, own, null);
    assertThat(opened.shards()).extracting(Shard::id).containsExactly(S0, S1, S2);
    assertThat(opened.shards().get(1)).isSameAs(own.shards().get(0));
    assertThat(opened.shards().get(0).options())
        .isEqualTo(Shard.of("s0", "r2dbc:mysql://app@127.0.0.1:3306/a").options());
    close(opened.directories());
  }

  @Test
  void whatIsPublishedKeepsItsServersWhoeverPublishesNext() {
    TopologyDocument published = TopologyDocument.of(parts(SHARDS + DIRECTORY));
    RouterParts elsewhere =
        parts(
            (SHARDS + DIRECTORY)
                .replace("app@127.0.0.1", "Zq7user:Zq7hunter@inside")
                .replace("//h/control", "//inside:9/control"));
    TopologyDocument.Opened opened = published.open(1, elsewhere, null);
    ShardId added = ShardId.of("s3");
    List<Shard> shards = new ArrayList<>(opened.shards());
    shards.add(Shard.of("s3", "r2dbc:mysql://Zq7user:Zq7hunter@h3/d"));
    TopologyDocument next =
        published.next(opened.topology().withShard(added), shards, elsewhere.accounts());
    assertThat(next.json())
        .isEqualTo(
            published
                .json()
                .replace(
                    "},\"strategies\"",
                    ",\"s3\":{\"url\":\"r2dbc:mysql://h3:3306/d\",\"credentials\":\"eu\"}},"
                        + "\"strategies\""));
    assertThat(next.next(opened.topology(), List.of(), Accounts.NONE).json())
        .isEqualTo(published.json());
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> published.next(opened.topology().withShard(added), List.of(), Accounts.NONE))
        .withMessage("shards.s3: missing (expected: its server)");
    close(opened.directories());
  }

  @Test
  void aDirectoryIsOpenedOnceAndKept() {
    TopologyDocument document = TopologyDocument.of(parts(SHARDS + DIRECTORY));
    assertThat(document.json()).doesNotContain("Zq7").contains("\"credentials\":\"eu\"");
    RouterParts stranger = stranger(ACCOUNTS);
    TopologyDocument.Opened first = document.open(1, stranger, null);
    assertThat(first.directories()).hasSize(1);
    TableDirectory.Location location = first.directories().get(0).location();
    assertThat(location.server().getValue(ConnectionFactoryOptions.PASSWORD))
        .isEqualTo("Zq7hunter");
    assertThat(location.name()).isEqualTo("by_account");

    TopologyDocument.Opened second = document.open(2, stranger, first);
    assertThat(second.directories()).isEqualTo(first.directories());
    assertThat(second.topology().strategies()).isEqualTo(first.topology().strategies());

    TopologyDocument changed =
        TopologyDocument.of(parts(SHARDS + DIRECTORY.replace("[s1, s0]", "[s2, s1, s0]")));
    TopologyDocument.Opened third = changed.open(3, stranger, second);
    assertThat(third.directories()).isEqualTo(first.directories());
    assertThat(third.topology().strategies()).isNotEqualTo(first.topology().strategies());

    TopologyDocument moved =
        TopologyDocument.of(parts(SHARDS + DIRECTORY.replace("h/control", "h/elsewhere")));
    TopologyDocument.Opened fourth = moved.open(4, stranger, third);
    assertThat(fourth.directories()).hasSize(1).isNotEqualTo(first.directories());
    close(first.directories());
    close(fourth.directories());
  }

  @Test
  void theRoutersOwnDirectoriesAreItsOwn() {
    RouterParts own = parts(SHARDS + DIRECTORY);
    TopologyDocument.Opened opened =
        TopologyDocument.of(parts(SHARDS + DIRECTORY.replace("5m", "9m"))).open(1, own, null);
    assertThat(opened.directories()).isEmpty();
    assertThat(opened.topology().strategies()).isEqualTo(own.topology().strategies());
    TopologyDocument.Opened changed =
        TopologyDocument.of(parts(SHARDS + DIRECTORY.replace("[s1, s0]", "[s2, s1, s0]")))
            .open(2, own, opened);
    assertThat(changed.directories()).isEmpty();
    assertThat(changed.topology().strategies()).isNotEqualTo(own.topology().strategies());
  }

  @Test
  void anAccountThatTheRouterHasNotIsNamed() {
    TopologyDocument document = TopologyDocument.of(parts(SHARDS + DIRECTORY));
    RouterParts poor = stranger(Accounts.of(Map.of("us", new Accounts.Account("u", "Zq7x"))));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> document.open(1, poor, null))
        .withMessage(
            "topology.shards.s0.credentials: default (expected: one of control.credentials of this"
                + " router's document, [us])");
  }

  @Test
  void aServerWhoseAccountHasNoNameIsRefused() {
    RouterParts parts = parts(SHARDS.replace("app@127.0.0.1:3308", "Zq7x:Zq7y@h"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TopologyDocument.of(parts))
        .withMessageStartingWith("shards.s2.username: of an account without a name (expected: ")
        .withMessageNotContaining("Zq7");
  }

  @Test
  void aDirectoryOfTheApplicationsOwnIsRefused() {
    Topology topology =
        Topology.builder()
            .shard(S0)
            .strategy(
                "mine",
                ShardingStrategy.tenant(
                    Map.of(
                        ShardKey.of(1),
                        ShardingStrategy.directory(new PublishedDirectory(Map.of()), List.of(S0))
                            .build())))
            .table(new TableRule.Sharded("t", List.of(KeyColumn.integer("id")), "mine"))
            .build();
    assertThatIllegalArgumentException()
        .isThrownBy(
            () ->
                TopologyDocument.of(
                    topology, List.of(Shard.of("s0", "r2dbc:mysql://app@h/d")), ACCOUNTS))
        .withMessageStartingWith(
            "strategies.mine: a directory of io.shardflux.r2dbc.config.PublishedDirectory"
                + " (expected: a TableDirectory, ");
  }

  @Test
  void aTopologyThatIsTooLargeIsRefused() {
    List<ShardId> slots = new ArrayList<>();
    for (int i = 0; i < 65_536; i++) {
      slots.add(i % 2 == 0 ? S0 : S1);
    }
    assertThat(json(ShardingStrategy.hashSlots(slots.subList(0, 30_000), HASH)).length())
        .isBetween(700_000, 1 << 20);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> json(ShardingStrategy.hashSlots(slots, HASH)))
        .withMessageStartingWith("topology: more than 1048576 characters as JSON (expected: ");
    // A few strategies that hold each other are as many as a tree has leaves.
    ShardingStrategy shared = ShardingStrategy.fixed(S0);
    for (int i = 0; i < 14; i++) {
      shared =
          ShardingStrategy.composite(
              ShardingStrategy.modulo(
                  new Random(1).ints(9).mapToObj(n -> ShardId.of("g" + n)).toList()),
              groups(shared));
    }
    ShardingStrategy wide = shared;
    assertThatIllegalArgumentException()
        .isThrownBy(() -> json(wide))
        .withMessageStartingWith("topology: more than 1048576 characters as JSON");
  }

  private static Map<ShardId, ShardingStrategy> groups(ShardingStrategy inside) {
    Map<ShardId, ShardingStrategy> groups = new HashMap<>();
    new Random(1).ints(9).forEach(n -> groups.put(ShardId.of("g" + n), inside));
    return groups;
  }

  @Test
  void aTopologyThatIsTooDeepIsRefused() {
    for (int levels : new int[] {14, 15, 40}) {
      ShardingStrategy deep = ShardingStrategy.fixed(S0);
      for (int i = 0; i < levels; i++) {
        deep = ShardingStrategy.tenant(Map.of(ShardKey.of(i), deep));
      }
      ShardingStrategy whole = deep;
      if (levels == 14) {
        assertThat(TopologyDocument.parse(json(whole)).json()).isEqualTo(json(whole));
      } else {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> json(whole))
            .withMessageContaining("nested too deeply (expected: at most 32 ");
      }
    }
  }

  private static final HashFunction HASH = HashFunction.CRC32;

  private static String json(ShardingStrategy strategy) {
    return TopologyDocument.of(
            Topology.builder().shard(S0).shard(S1).strategy("it", strategy).build(),
            List.of(
                Shard.of("s0", "r2dbc:mysql://app@h/d"), Shard.of("s1", "r2dbc:mysql://app@h/e")),
            ACCOUNTS)
        .json();
  }

  /** What is no topology, and the beginning of its refusal. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | topology.shards: missing (expected: a map of shards)",
        "null | topology.shards: missing",
        "[] | topology: a list (expected: a map)",
        "{\"shards\":{}} | topology.shards: none",
        "{\"pool\":{}} | topology.pool: unknown (expected: one of shards, strategies, tables)",
        "{\"shards\":{\"s0\":{}}} | topology.shards.s0.url: missing",
        "{\"shards\":{\"s0\":{\"url\":\"r2dbc:mysql://Zq7u:Zq7p@h/d\",\"credentials\":\"x\"}}} |"
            + " topology.shards.s0.url: not shown (expected: r2dbc:mysql://host:port/database,"
            + " without an account)",
        "{\"shards\":{\"s0\":{\"url\":\"r2dbc:mysql://h/d\"}}} | topology.shards.s0.credentials:"
            + " missing",
        "{\"shards\":{\"s0\":{\"url\":\"r2dbc:mysql://h/d\",\"credentials\":\"x\",\"password\":"
            + "\"Zq7\"}}} | topology.shards.s0.password: unknown",
        "{\"shards\":{\"s0\":{\"url\":\"r2dbc:mysql://h/d\",\"credentials\":\"x\"}},"
            + "\"strategies\":{\"a\":{\"type\":\"fixed\",\"shard\":\"s1\"}}} | topology:"
            + " strategies.a: s1 (expected: one of [s0])",
        "{\"shards\":{\"s0\":{\"url\":\"r2dbc:mysql://h/d\",\"credentials\":\"x\"}},"
            + "\"strategies\":{\"a\":{\"type\":\"odd\"}}} | topology.strategies.a.type: odd",
        "{\"shards\" | topology, character 10: malformed (expected: more of it"
      })
  void whatIsNoTopologyIsRefusedByName(String json, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TopologyDocument.parse(json))
        .withMessageStartingWith(message)
        .withMessageNotContaining("Zq7");
  }

  private static RouterParts parts(String yaml) {
    RouterDefinition definition = RouterDocument.read(yaml);
    Topology.Builder topology = Topology.builder();
    definition.shards().forEach(shard -> topology.shard(shard.id()));
    definition.strategies().forEach(topology::strategy);
    definition.tables().forEach(topology::table);
    return new RouterParts(topology.build(), definition.shards(), definition.options(), ACCOUNTS);
  }

  /** A router whose own document knows none of the shards. */
  private static RouterParts stranger(Accounts accounts) {
    return new RouterParts(
        Topology.builder().shard(ShardId.of("none")).build(),
        List.of(),
        RouterOptions.defaults(),
        accounts);
  }

  private static void close(List<TableDirectory> directories) {
    directories.forEach(
        directory -> StepVerifier.create(directory.close()).expectComplete().verify(BOUND));
  }
}
