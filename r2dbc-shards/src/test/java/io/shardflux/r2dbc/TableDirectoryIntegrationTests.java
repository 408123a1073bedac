package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.proxy.ProxyConnectionFactoryProvider;
import io.r2dbc.proxy.core.QueryExecutionInfo;
import io.r2dbc.proxy.core.QueryInfo;
import io.r2dbc.proxy.listener.ProxyExecutionListener;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.config.Accounts;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.server.ServerConnections;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.Topology;
import io.shardflux.router.UnroutableKeyException;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;
import reactor.util.retry.Retry;

class TableDirectoryIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  private final TestServers servers = TestServers.shared();
  private final Database database = servers.freshDatabases("directory").get(0);
  private final List<TableDirectory> opened = new ArrayList<>();
  private TableDirectory directory = directory("accounts");

  @BeforeEach
  void createTable() {
    StepVerifier.create(directory.createTable()).expectComplete().verify(BOUND);
  }

  @AfterEach
  void close() {
    StepVerifier.create(Flux.fromIterable(opened).flatMap(TableDirectory::close))
        .expectComplete()
        .verify(BOUND);
    if (servers.controllable()) {
      servers.restore();
    }
  }

  private TableDirectory directory(String name) {
    return opened(TableDirectory.of(server(), name));
  }

  private Shard server() {
    return Shard.of("control", database.r2dbcUrl());
  }

  private TableDirectory opened(TableDirectory made) {
    opened.add(made);
    return made;
  }

  private static <T> T get(Mono<T> mono) {
    return Objects.requireNonNull(mono.block(BOUND));
  }

  @Test
  void createTableTwiceIsCreateTable() {
    get(directory.assign(ShardKey.of(1), S0));
    StepVerifier.create(directory.createTable()).expectComplete().verify(BOUND);
    StepVerifier.create(directory.find(ShardKey.of(1)))
        .expectNext(S0)
        .expectComplete()
        .verify(BOUND);
  }

  /** Its control: the same statements of the last owner write. */
  @Test
  void onlyTheLastOwnerOfAJobWrites() {
    TableDirectory.Writer former = new TableDirectory.Writer(1, 99);
    TableDirectory.Writer last = new TableDirectory.Writer(1, 100);
    ShardKey key = ShardKey.of(1);
    ShardKey other = ShardKey.of(2, "a");
    get(directory.assign(key, S0));
    directory.take(former).block(BOUND);
    assertThat(get(directory.put(former, key, S1))).isEqualTo(S1);
    directory.take(last).block(BOUND);
    directory.take(former).block(BOUND);
    assertThat(get(directory.put(former, key, S2))).isEqualTo(S1);
    assertThat(directory.put(former, other, S2).block(BOUND)).isNull();
    directory.leave(former).block(BOUND);
    assertThat(get(directory.put(last, key, S2))).isEqualTo(S2);
    assertThat(get(directory.put(last, key, S2))).isEqualTo(S2);
    assertThat(get(directory.put(last, other, S0))).isEqualTo(S0);
    directory.leave(last).block(BOUND);
    directory.take(last).block(BOUND);
    assertThat(get(directory.put(last, key, S0))).isEqualTo(S2);
    assertThat(get(directory.assigned(S2).collectList())).containsExactly(key);
  }

  @Test
  void aPublishedTopologyAsksTheSameDirectory() {
    ConnectionFactoryOptions server = Objects.requireNonNull(Shard.optionsOf(database.r2dbcUrl()));
    Object password = server.getValue(ConnectionFactoryOptions.PASSWORD);
    Accounts accounts =
        Accounts.of(
            Map.of(
                Accounts.DEFAULT,
                new Accounts.Account(
                    String.valueOf(server.getValue(ConnectionFactoryOptions.USER)),
                    password == null ? null : password.toString())));
    ShardingStrategy strategy =
        ShardingStrategy.directory(directory, List.of(S0, S1))
            .assignUnknown(ShardingStrategy.fixed(S1))
            .build();
    Topology topology = Topology.builder().shard(S0).shard(S1).strategy("it", strategy).build();
    get(directory.assign(ShardKey.of(1), S0));
    get(strategy.resolve(ShardKey.of(2)));

    String json =
        TopologyDocument.of(topology, List.of(Shard.of(S0, server), Shard.of(S1, server)), accounts)
            .json();
    TopologyDocument.Opened read =
        TopologyDocument.parse(json)
            .open(
                1,
                new RouterParts(
                    Topology.builder().shard(S2).build(),
                    List.of(),
                    RouterOptions.defaults(),
                    accounts),
                null);
    read.directories().forEach(this::opened);
    ShardingStrategy same = Objects.requireNonNull(read.topology().strategies().get("it"));
    assertThat(read.directories()).hasSize(1).doesNotContain(directory);
    assertThat(get(same.resolve(ShardKey.of(1)))).isEqualTo(S0);
    assertThat(get(same.resolve(ShardKey.of(2)))).isEqualTo(S1);
    List<KeyColumn> columns = List.of(KeyColumn.integer("id"));
    assertThat(get(same.owns(S0, columns))).isEqualTo(get(strategy.owns(S0, columns)));
  }

  @Test
  void findsWhatWasAssigned() {
    ShardKey key = ShardKey.of("ada@example.com");
    StepVerifier.create(directory.find(key)).expectComplete().verify(BOUND);
    StepVerifier.create(directory.assign(key, S1)).expectNext(S1).expectComplete().verify(BOUND);
    StepVerifier.create(directory.find(key)).expectNext(S1).expectComplete().verify(BOUND);
    StepVerifier.create(directory.assign(key, S2)).expectNext(S1).expectComplete().verify(BOUND);
    StepVerifier.create(directory.find(key)).expectNext(S1).expectComplete().verify(BOUND);
  }

  @Test
  void keysOfEveryKindComeBackAsTheyWere() {
    UUID uuid = UUID.fromString("123e4567-e89b-12d3-a456-426614174000");
    List<ShardKey> keys =
        List.of(
            ShardKey.of(1),
            ShardKey.of("1"),
            ShardKey.of("1 "),
            ShardKey.of(" 1"),
            ShardKey.of(""),
            ShardKey.of("a"),
            ShardKey.of("A"),
            ShardKey.of("ä"),
            ShardKey.of("a\u0308"),
            ShardKey.of("a\u0000"),
            ShardKey.of("'\"\\\n?:x"),
            ShardKey.of("\uD83D\uDE00"),
            ShardKey.of("x".repeat(2_800)),
            ShardKey.of(Long.MIN_VALUE),
            ShardKey.of(new BigInteger("18446744073709551615")),
            ShardKey.of(uuid),
            ShardKey.of(uuid.toString()),
            ShardKey.of(LocalDate.of(2026, 1, 31)),
            ShardKey.of(LocalDateTime.of(2026, 1, 31, 12, 0)),
            ShardKey.of(Instant.parse("2026-01-31T12:00:00Z")),
            ShardKey.of("a", "b"),
            ShardKey.of("a,b"),
            ShardKey.of("a,b", "c"),
            ShardKey.of("a", "b,c"),
            ShardKey.of("acme", 42, uuid));
    // Each on its own shard, so that two keys taken for one would be seen.
    for (int i = 0; i < keys.size(); i++) {
      ShardId shard = ShardId.of("shard_" + i);
      assertThat(get(directory.assign(keys.get(i), shard))).as("%s", keys.get(i)).isEqualTo(shard);
    }
    for (int i = 0; i < keys.size(); i++) {
      ShardId shard = ShardId.of("shard_" + i);
      assertThat(get(directory.find(keys.get(i)))).isEqualTo(shard);
      assertThat(get(directory.assigned(shard).collectList())).containsExactly(keys.get(i));
    }
  }

  @Test
  void directoriesOfOneTableAreApart() {
    TableDirectory other = directory("Accounts");
    ShardKey key = ShardKey.of(7);
    get(directory.assign(key, S0));
    StepVerifier.create(other.find(key)).expectComplete().verify(BOUND);
    assertThat(get(other.assign(key, S1))).isEqualTo(S1);
    assertThat(get(directory.find(key))).isEqualTo(S0);
    assertThat(get(other.reassign(key, S0, S2))).isFalse();
    StepVerifier.create(other.assigned(S0)).expectComplete().verify(BOUND);
  }

  @Test
  void anotherTableIsAnotherDirectory() {
    TableDirectory other =
        opened(TableDirectory.of(server(), "my_keys", "accounts", Timeouts.defaults()));
    StepVerifier.create(other.createTable()).expectComplete().verify(BOUND);
    get(directory.assign(ShardKey.of(7), S0));
    StepVerifier.create(other.find(ShardKey.of(7))).expectComplete().verify(BOUND);
    assertThat(other).hasToString("accounts in my_keys on " + server());
  }

  @Test
  void concurrentAssignsAgreeOnOneWinner() {
    List<TableDirectory> instances =
        List.of(directory("accounts"), directory("accounts"), directory);
    for (int round = 0; round < 20; round++) {
      ShardKey key = ShardKey.of("round", round);
      List<ShardId> answers =
          get(
              Flux.range(0, 60)
                  .flatMap(
                      i ->
                          instances
                              .get(i % 3)
                              .assign(key, ShardId.of("shard_" + i))
                              .subscribeOn(Schedulers.parallel()),
                      60)
                  .collectList());
      assertThat(answers).hasSize(60);
      assertThat(new HashSet<>(answers)).hasSize(1);
      assertThat(get(directory.find(key))).isEqualTo(answers.get(0));
    }
  }

  @Test
  void concurrentAssignsOfManyKeysAllSucceed() {
    // Ascending, descending and moving at once: what would deadlock if locks were taken crosswise.
    TableDirectory other = directory("accounts");
    Flux<ShardId> up = Flux.range(0, 500).flatMap(i -> directory.assign(ShardKey.of(i), S0), 10);
    Flux<ShardId> down =
        Flux.range(0, 500).flatMap(i -> other.assign(ShardKey.of(499 - i), S1), 10);
    Flux<Boolean> moves =
        Flux.range(0, 500).flatMap(i -> other.reassign(ShardKey.of(i), S1, S0), 10);
    StepVerifier.create(Flux.merge(up, down, moves).then()).expectComplete().verify(BOUND);
    List<ShardKey> all =
        get(Flux.concat(directory.assigned(S0), directory.assigned(S1)).collectList());
    assertThat(all)
        .containsExactlyInAnyOrderElementsOf(
            IntStream.range(0, 500).mapToObj(ShardKey::of).toList());
  }

  @Test
  void reassignsOnlyFromTheShardTheKeyIsOn() {
    ShardKey key = ShardKey.of("acme", 1);
    assertThat(get(directory.reassign(key, S0, S1))).isFalse();
    StepVerifier.create(directory.find(key)).expectComplete().verify(BOUND);
    get(directory.assign(key, S0));
    assertThat(get(directory.reassign(key, S1, S2))).isFalse();
    assertThat(get(directory.find(key))).isEqualTo(S0);
    assertThat(get(directory.reassign(key, S0, S1))).isTrue();
    assertThat(get(directory.find(key))).isEqualTo(S1);
    assertThat(get(directory.reassign(key, S1, S1))).isTrue();
    assertThat(get(directory.reassign(key, S0, S0))).isFalse();
  }

  @Test
  void oneOfConcurrentReassignsWins() {
    ShardKey key = ShardKey.of(1);
    get(directory.assign(key, S0));
    List<Integer> winners =
        get(
            Flux.range(0, 40)
                .flatMap(
                    i ->
                        directory
                            .reassign(key, S0, ShardId.of("to_" + i))
                            .filter(moved -> moved)
                            .map(moved -> i),
                    40)
                .collectList());
    assertThat(winners).hasSize(1);
    assertThat(get(directory.find(key))).isEqualTo(ShardId.of("to_" + winners.get(0)));
  }

  @Test
  void assignedKeysAreReadAsTheyAreAskedFor() {
    StepVerifier.create(
            Flux.range(0, 3_000).flatMap(i -> directory.assign(ShardKey.of(i), S0), 10).then())
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(directory.assigned(S0), 0)
        .thenRequest(1)
        .expectNextCount(1)
        .thenRequest(999)
        .expectNextCount(999)
        .thenRequest(Long.MAX_VALUE)
        .expectNextCount(2_000)
        .expectComplete()
        .verify(BOUND);
    // A cancel frees the connection, and the directory goes on with more cancels than connections.
    for (int i = 0; i < 20; i++) {
      assertThat(get(directory.assigned(S0).take(5).count())).isEqualTo(5);
    }
    StepVerifier.create(directory.assigned(S1)).expectComplete().verify(BOUND);
  }

  @Test
  void ownsSelectsTheAssignedKeys() {
    ShardingStrategy strategy = ShardingStrategy.directory(directory, List.of(S0, S1)).build();
    get(directory.assign(ShardKey.of("o'neil"), S0));
    get(directory.assign(ShardKey.of("ada"), S1));
    get(directory.assign(ShardKey.of("éva"), S0));
    ShardRouter router =
        ShardRouter.builder().shard(Shard.of("shard_0", database.r2dbcUrl())).build();
    try {
      ShardTarget shard = router.on(S0);
      get(
          shard
              .sql("CREATE TABLE people (name VARCHAR(50) COLLATE utf8mb4_bin PRIMARY KEY)")
              .rowsUpdated());
      get(
          shard
              .sql("INSERT INTO people VALUES ('o''neil'), ('ada'), ('éva'), ('bob')")
              .rowsUpdated());
      String owned = get(strategy.owns(S0, List.of(KeyColumn.text("name"))));
      assertThat(
              get(
                  shard
                      .sql("SELECT name FROM people WHERE " + owned)
                      .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
                      .all()
                      .collectList()))
          .containsExactlyInAnyOrder("o'neil", "éva");
    } finally {
      StepVerifier.create(router.close()).expectComplete().verify(BOUND);
    }
  }

  @Test
  void aThousandRequestsForOneKeyMakeOneQuery() {
    Statements statements = new Statements();
    TableDirectory counted =
        opened(TableDirectory.of(statements.listeningTo(server()), "accounts"));
    ShardingStrategy strategy = ShardingStrategy.directory(counted, List.of(S0, S1)).build();
    get(directory.assign(ShardKey.of("known"), S0));

    List<Object> known = answeredTogether(strategy, ShardKey.of("known"));
    assertThat(known).hasSize(1_000).containsOnly(S0);
    assertThat(statements.seen).hasSize(1);

    statements.seen.clear();
    List<Object> unknown = answeredTogether(strategy, ShardKey.of("nobody"));
    assertThat(unknown).hasSize(1_000).hasOnlyElementsOfType(UnroutableKeyException.class);
    assertThat(statements.seen).hasSize(1);
  }

  @Test
  void aThousandRequestsForOneNewKeyAssignItOnce() {
    Statements statements = new Statements();
    TableDirectory counted =
        opened(TableDirectory.of(statements.listeningTo(server()), "accounts"));
    ShardingStrategy strategy =
        ShardingStrategy.directory(counted, List.of(S0, S1))
            .assignUnknown(ShardingStrategy.fixed(S1))
            .build();
    assertThat(answeredTogether(strategy, ShardKey.of("new"))).hasSize(1_000).containsOnly(S1);
    assertThat(statements.seen)
        .satisfiesExactly(
            lookup -> assertThat(lookup).startsWith("SELECT"),
            assignment -> assertThat(assignment).startsWith("INSERT"),
            outcome -> assertThat(outcome).startsWith("SELECT"));
  }

  /** A thousand answers or errors, all asked for before the server can give the first. */
  private List<Object> answeredTogether(ShardingStrategy strategy, ShardKey key) {
    Flux<Object> answers =
        Flux.range(0, 1_000)
            .flatMap(
                i -> strategy.resolve(key).cast(Object.class).onErrorResume(Mono::just), 1_000);
    return get(
        Mono.usingWhen(
            ConnectionFactories.get(database.r2dbcUrl()).create(),
            connection ->
                executed(connection, "LOCK TABLES shardflux_directory WRITE")
                    .then(Mono.fromSupplier(() -> answers.collectList().toFuture()))
                    .flatMap(
                        asked ->
                            executed(connection, "UNLOCK TABLES").then(Mono.fromFuture(asked))),
            Connection::close));
  }

  private static Mono<Void> executed(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .flatMap(Result::getRowsUpdated)
        .then();
  }

  @Test
  void aDocumentMakesTheDirectoryAndClosesItWithTheRouter() {
    String yaml =
        """
        shards:
          shard_0: {url: "%1$s", username: %2$s, password: "%3$s"}
          shard_1: {url: "%4$s", username: %2$s, password: "%3$s"}
        strategies:
          accounts:
            type: directory
            shards: [shard_0, shard_1]
            server: {url: "%1$s", username: %2$s, password: "%3$s", pool: {max-size: 2}}
            assign-unknown: {type: modulo, shards: [shard_0, shard_1]}
            cache-size: 0
        tables:
          accounts: {key: {id: integer}, strategy: accounts}
        """
            .formatted(
                "r2dbc:mysql://" + database.server().address() + "/" + database.name(),
                database.server().user(),
                database.server().password(),
                "r2dbc:mysql://" + database.server().address() + "/information_schema");
    ShardRouter router = ShardRouter.fromYaml(yaml);
    assertThat(get(router.locate("accounts", ShardKey.of(3)))).isEqualTo(S1);
    assertThat(get(directory.find(ShardKey.of(3)))).isEqualTo(S1);
    assertThat(get(router.on("accounts", ShardKey.of(3)).sql("SELECT 1").rowsUpdated()))
        .isNotNull();
    StepVerifier.create(router.close()).expectComplete().verify(BOUND);
    StepVerifier.create(router.locate("accounts", ShardKey.of(4)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessage("accounts: closing (expected: a router and a shard in use)"))
        .verify(BOUND);
  }

  @Test
  void aMissingTableIsTheServersError() {
    TableDirectory other =
        opened(TableDirectory.of(server(), "nowhere", "accounts", Timeouts.defaults()));
    StepVerifier.create(other.find(ShardKey.of(1)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(R2dbcBadGrammarException.class)
                    .hasMessageStartingWith("control: ")
                    .hasMessageContaining("nowhere"))
        .verify(BOUND);
  }

  @Test
  void aRowThatIsNoKeyIsAnError() {
    edit(
        "INSERT INTO shardflux_directory (directory, key_text, key_types, shard)"
            + " VALUES ('accounts', '007', 'integer', 'shard_0')");
    StepVerifier.create(directory.assigned(S0))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                        "accounts in shardflux_directory on "
                            + server()
                            + ", key: 007, integer (expected: canonical texts of parts of these"
                            + " types)"))
        .verify(BOUND);
  }

  @Test
  void aRowWrittenBySqlIsAnAssignment() {
    edit(
        "INSERT INTO shardflux_directory (directory, key_text, key_types, shard)"
            + " VALUES ('accounts', 'éva', 'text', 'shard_0'),"
            + " ('accounts', 'acme,42', 'text,integer', 'shard_1')");
    assertThat(get(directory.find(ShardKey.of("éva")))).isEqualTo(S0);
    assertThat(get(directory.find(ShardKey.of("acme", 42)))).isEqualTo(S1);
  }

  private void edit(String sql) {
    ShardRouter router = ShardRouter.builder().shard(server()).build();
    get(router.on(ShardId.of("control")).sql(sql).rowsUpdated());
    StepVerifier.create(router.close()).expectComplete().verify(BOUND);
  }

  @Test
  void lookupsGoByThePrimaryKey() {
    StepVerifier.create(
            Flux.range(0, 300).flatMap(i -> directory.assign(ShardKey.of(i), S0), 10).then())
        .expectComplete()
        .verify(BOUND);
    ShardRouter router = ShardRouter.builder().shard(server()).build();
    List<String> plan =
        get(
            router
                .on(ShardId.of("control"))
                .sql(
                    "EXPLAIN FORMAT=TRADITIONAL SELECT shard FROM shardflux_directory"
                        + " WHERE directory = ? AND key_text = ? AND key_types = ?")
                .bind(0, "accounts")
                .bind(1, "42".getBytes(StandardCharsets.UTF_8))
                .bind(2, "integer")
                .map(
                    (row, metadata) ->
                        row.get("type", String.class) + " " + row.get("key", String.class))
                .all()
                .collectList());
    StepVerifier.create(router.close()).expectComplete().verify(BOUND);
    assertThat(plan).containsExactly("const PRIMARY");
  }

  @Test
  void aKeyThatIsTooLongIsRefused() {
    ShardKey key = ShardKey.of("x".repeat(2_801));
    for (Mono<?> answer :
        List.of(directory.find(key), directory.assign(key, S0), directory.reassign(key, S0, S1))) {
      StepVerifier.create(answer)
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(IllegalArgumentException.class)
                      .hasMessage(
                          "key: 2801 bytes (expected: at most 2800 in a directory's table)"))
          .verify(BOUND);
    }
  }

  @Test
  void namesAreChecked() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TableDirectory.of(server(), "a`b", "x", Timeouts.defaults()))
        .withMessage("directory table: a`b (expected: 1 to 64 letters, digits or '_')");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TableDirectory.of(server(), ""))
        .withMessage("directory:  (expected: 1 to 64 letters, digits, '_', '-' or '.')");
  }

  @Test
  void aKilledServerIsAnErrorAndComesBack() {
    assumeTrue(servers.controllable());
    ShardingStrategy strategy =
        ShardingStrategy.directory(directory, List.of(S0)).cacheSize(0).build();
    get(directory.assign(ShardKey.of(1), S0));
    servers.kill(database.server());
    for (Mono<?> answer :
        List.of(
            directory.find(ShardKey.of(1)),
            directory.assign(ShardKey.of(2), S0),
            directory.reassign(ShardKey.of(1), S0, S1),
            directory.assigned(S0).collectList(),
            strategy.resolve(ShardKey.of(1)))) {
      StepVerifier.create(answer).expectError(R2dbcException.class).verify(BOUND);
    }
    servers.restart(database.server());
    ShardId found =
        get(
            directory
                .find(ShardKey.of(1))
                .retryWhen(
                    Retry.fixedDelay(300, Duration.ofMillis(100))
                        .filter(R2dbcException.class::isInstance)));
    assertThat(found).isEqualTo(S0);
  }

  @Test
  void aServerThatSaysNothingIsLate() {
    assumeTrue(servers.controllable());
    TableDirectory hasty =
        opened(
            TableDirectory.of(
                server(),
                TableDirectory.DEFAULT_TABLE,
                "accounts",
                Timeouts.of(Duration.ofMillis(500))));
    // To open a connection may take longer than that.
    Await.until(
        "an answer in time",
        hasty
            .assign(ShardKey.of(1), S0)
            .onErrorResume(ShardTimeoutException.class, late -> Mono.empty()),
        S0::equals);
    servers.pause(database.server());
    StepVerifier.create(hasty.find(ShardKey.of(1)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardTimeoutException.class)
                    .hasMessageStartingWith("control: no row within 500 ms"))
        .verify(BOUND);
    servers.resume(database.server());
  }

  /** The statements that reach the driver, save the question that each new connection asks. */
  private static final class Statements implements ProxyExecutionListener {

    final ConcurrentLinkedQueue<String> seen = new ConcurrentLinkedQueue<>();

    @Override
    public void beforeQuery(QueryExecutionInfo execution) {
      execution.getQueries().stream()
          .map(QueryInfo::getQuery)
          .filter(sql -> !sql.equals(ServerConnections.IDENTITY))
          .forEach(seen::add);
    }

    Shard listeningTo(Shard server) {
      ConnectionFactoryOptions options =
          server
              .options()
              .mutate()
              .option(ConnectionFactoryOptions.DRIVER, ProxyConnectionFactoryProvider.PROXY_DRIVER)
              .option(ConnectionFactoryOptions.PROTOCOL, "mysql")
              .option(ProxyConnectionFactoryProvider.PROXY_LISTENERS, this)
              .build();
      return Shard.of(server.id(), options);
    }
  }
}
