package io.shardflux.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

/** Several routers over one topology, on real servers. */
class ClusterRouterIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Duration POLL = Duration.ofMillis(20);
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("cluster");
  private final List<ClusterRouter> opened = new ArrayList<>();

  @AfterEach
  void close() {
    servers.restore();
    opened.forEach(router -> router.close().block(BOUND));
  }

  @Test
  void theFirstPublishesAndTheOthersStartFromIt() {
    ClusterRouter first = open(document(2));
    ClusterRouter second = open(document(2));
    assertThat(history(second)).extracting(PublishedTopology::epoch).containsExactly(1L);
    assertThat(history(second))
        .extracting(PublishedTopology::origin)
        .containsExactly(PublishedTopology.Origin.DOCUMENT);
    ClusterState state = state(first);
    assertThat(state.routers()).hasSize(2).allMatch(RouterState::live);
    assertThat(state.routers()).extracting(RouterState::epoch).containsExactly(1L, 1L);
    assertThat(state.routers()).allMatch(each -> each.leaseUntil().isAfter(each.seenAt()));
    assertThat(state.routers()).allMatch(router -> router.statistics().contains("\"shard_1\""));
    assertThat(state.id()).isEqualTo(state(second).id());
    second.close().block(BOUND);
    assertThat(state(first).routers()).hasSize(1);
  }

  @Test
  void eachRouterSaysWhichShardsItReached() {
    ClusterRouter first = open(document(2));
    open(document(2));
    assertThat(ClusterAccess.of(first).unreached(Set.of(S0, S1), BOUND).block(BOUND)).isEmpty();
    assertThat(ClusterAccess.of(first).unreached(Set.of(S0, S2), Duration.ZERO).block(BOUND))
        .hasSize(2)
        .allMatch(router -> router.endsWith(" has not reached shard_2"));
  }

  @Test
  void routersThatStartAtOncePublishOnce() {
    List<ClusterRouter> all =
        Flux.range(0, 8)
            .flatMap(i -> ClusterRouter.open(document(2)))
            .doOnNext(opened::add)
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(history(all.get(0))).hasSize(1);
    assertThat(all).allMatch(router -> router.router().topology().epoch() == 1);
  }

  @Test
  void anOpeningThatIsGivenUpLeavesNoConnection() {
    ClusterRouter first = open(document(2));
    run("CREATE USER IF NOT EXISTS opener@'%'", first);
    run("GRANT ALL ON *.* TO opener@'%'", first);
    String document = document(databases.get(0)).replaceAll("://[^@]*@", "://opener@");
    document = document + "  publish: true\n";
    for (int i = 0; i < 10; i++) {
      // Each at another point, the last ones behind the end.
      ClusterRouter.open(document)
          .timeout(Duration.ofMillis(5 + 30 * i), Mono.empty())
          .blockOptional(BOUND)
          .ifPresent(router -> router.close().block(BOUND));
      await("connections", () -> connections(first, "opener"), count -> count == 0);
    }
    run("DROP USER opener@'%'", first);
  }

  private static long connections(ClusterRouter router, String account) {
    return router
        .router()
        .on(S0)
        .sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = :account")
        .bind("account", account)
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void aDocumentThatWasNeverPublishedIsRefusedWithTheDifference() {
    ClusterRouter first = open(document(2));
    StepVerifier.create(ClusterRouter.open(document(3)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith(
                        "control: a document that was never published (expected: one that was, or"
                            + " control.publish: true")
                    .hasMessageContaining("against epoch 1, ")
                    .hasMessageContaining("shards.shard_2"))
        .verify(BOUND);
    ClusterRouter second = open(document(3) + "  publish: true\n");
    assertThat(second.router().topology().epoch()).isEqualTo(2);
    awaitEpoch(first, 2);
    assertThat(first.router().topology().shards()).containsExactly(S0, S1, S2);
    // The older document was published once, and so it starts from what is in force.
    assertThat(open(document(2)).router().topology().epoch()).isEqualTo(2);
  }

  @Test
  void aDocumentTakesNoOperationBack() {
    ClusterRouter first = open(document(2));
    assertThat(first.addShard(shard(2), "more room").block(BOUND)).isEqualTo(2);
    StepVerifier.create(ClusterRouter.open(withTable(document(2)) + "  publish: true\n"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("control: a document that takes back what operations")
                    .hasMessageContaining("against epoch 2, ")
                    .hasMessageContaining("shards.shard_2: only in what is published"))
        .verify(BOUND);
    assertThat(history(first)).hasSize(2);
    ClusterRouter adding = open(withTable(document(3)) + "  publish: true\n");
    assertThat(adding.router().topology().epoch()).isEqualTo(3);
    // From one document to another all may change.
    ClusterRouter fewer = open(document(3) + "  publish: true\n");
    assertThat(fewer.router().topology().epoch()).isEqualTo(4);
  }

  @Test
  void aLateCopyOfAJobReplacesNoneOfTheSameOwner() {
    JobCopies copies = ClusterAccess.of(open(document(2))).copies();
    Set<ShardId> shards = Set.of(S0, S1);
    JobCopies.Copy newer = new JobCopies.Copy(1, "move", "plan", "newer", false, 5, 7);
    copies.write(newer, shards).block(BOUND);
    copies.write(new JobCopies.Copy(1, "move", "plan", "late", false, 4, 7), shards).block(BOUND);
    assertThat(copies.newest(1, shards).block(BOUND)).isEqualTo(newer);
  }

  /** Only a move makes a copy, whatever a document says. */
  @Test
  void aDocumentAddsAShardWithoutCopiesOfReferenceTables() {
    ClusterRouter first = open(withCopies(document(2)));
    TableRule.Reference everywhere = new TableRule.Reference("countries");
    assertThat(first.router().topology().table("countries")).isEqualTo(everywhere);
    String wider = withCopies(document(3)) + "  publish: true\n";
    ClusterRouter second = open(wider);
    assertThat(second.router().topology().epoch()).isEqualTo(3);
    assertThat(second.router().topology().table("countries")).isEqualTo(everywhere.absentOn(S2));
    awaitEpoch(first, 3);
    assertThat(first.router().topology().tables()).isEqualTo(second.router().topology().tables());
    assertThat(open(wider).router().topology().epoch()).isEqualTo(3);
    ClusterRouter third = open(withTable(withCopies(document(3))) + "  publish: true\n");
    assertThat(third.router().topology().table("countries")).isEqualTo(everywhere.absentOn(S2));
    assertThat(third.router().topology().tables()).containsKey("orders");
  }

  private static String withCopies(String document) {
    return document.replace("tables:\n", "tables:\n  countries: {reference: true}\n");
  }

  @Test
  void aShardWithDecisionsIsNotRemoved() {
    ClusterRouter cluster = open("transactions: {mode: atomic}\n" + document(2));
    ShardRouter router = cluster.router();
    router.operations().createTransactionTables().block(BOUND);
    router.onAll().sql("CREATE TABLE written (id INT)").rowsUpdated().blockLast(BOUND);
    router
        .inTransaction(
            transaction ->
                Flux.just(S1, S0)
                    .concatMap(
                        shard ->
                            transaction
                                .on(shard)
                                .sql("INSERT INTO written VALUES (1)")
                                .rowsUpdated()))
        .blockLast(BOUND);
    assertThatThrownBy(() -> cluster.removeShard(S1, "not needed").block(BOUND))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("shard_1: has 1 decisions of transactions over shards and 0 ");
    router.on(S1).sql("DELETE FROM shardflux_decision").rowsUpdated().block(BOUND);
    assertThat(cluster.removeShard(S1, "not needed").block(BOUND)).isEqualTo(2);
  }

  @Test
  void aShardComesAndGoesForAllOfThem() {
    ClusterRouter first = open(document(2));
    ClusterRouter second = open(document(2));
    List<Long> seen = new CopyOnWriteArrayList<>();
    second.router().topologyEvents().subscribe(topology -> seen.add(topology.epoch()));
    List<Throwable> failed = new CopyOnWriteArrayList<>();
    Disposable reading =
        read(second.router(), S1).doOnError(failed::add).onErrorComplete().repeat().subscribe();
    assertThat(first.addShard(shard(2), "more room").block(BOUND)).isEqualTo(2);
    assertThat(first.router().topology().shards()).containsExactly(S0, S1, S2);
    awaitEpoch(second, 2);
    assertThat(read(second.router(), S2).block(BOUND)).isEqualTo(1);
    // A router that starts now has never heard of it, and reaches it by the default account.
    ClusterRouter third = open(document(2));
    assertThat(read(third.router(), S2).block(BOUND)).isEqualTo(1);
    assertThat(second.removeShard(S2, "not needed").block(BOUND)).isEqualTo(3);
    awaitEpoch(first, 3);
    awaitEpoch(third, 3);
    assertThat(first.router().topology().shards()).containsExactly(S0, S1);
    reading.dispose();
    assertThat(failed).isEmpty();
    await("told", () -> List.copyOf(seen), List.of(2L, 3L)::equals);
    assertThat(history(first))
        .extracting(PublishedTopology::why)
        .containsExactly("not needed", "more room", "the first topology");
  }

  @Test
  void whoPublishesLeavesTheServersOfOthersAsTheyAre() {
    String url = databases.get(1).r2dbcUrl();
    assumeTrue(url.contains("127.0.0.1"));
    ClusterRouter first = open(document(2));
    ClusterRouter elsewhere = open(document(2).replace(url, url.replace("127.0.0.1", "localhost")));
    assertThat(elsewhere.addShard(shard(2), "more").block(BOUND)).isEqualTo(2);
    awaitEpoch(first, 2);
    assertThat(((DefaultClusterRouter) first).opened().document().json())
        .contains("\"shard_1\":{\"url\":\"r2dbc:mysql://127.0.0.1:")
        .doesNotContain("localhost");
  }

  @Test
  void oneRouterAloneDoesNotChangeIt() {
    ShardRouter router = open(document(2)).router();
    StepVerifier.create(router.operations().addShard(shard(2)))
        .expectErrorMessage(
            "topology: shared with other routers (expected: a change for all of them, by the"
                + " operations of its ClusterRouter)")
        .verify(BOUND);
    assertThat(router.topology().shards()).containsExactly(S0, S1);
  }

  @Test
  void routersThatPublishAtOnceEachGetAnEpoch() {
    ClusterRouter first = open(document(1));
    ClusterRouter second = open(document(1));
    List<Long> epochs =
        Flux.merge(first.addShard(shard(1), "one"), second.addShard(shard(2), "two"))
            .collectSortedList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(epochs).containsExactly(2L, 3L);
    awaitEpoch(first, 3);
    assertThat(first.router().topology().shards()).containsExactlyInAnyOrder(S0, S1, S2);
  }

  /** What is made of one topology is not published over the next, which would be lost. */
  @Test
  void whatIsPublishedWhileAnotherIsMadeStays() {
    ClusterRouter first = open(document(1));
    ClusterRouter second = open(document(1));
    ShardRouter there = ShardRouter.builder().shard(shard(2)).build();
    there
        .on(S2)
        .sql(
            "CREATE TABLE shardflux_identity (id TINYINT NOT NULL PRIMARY KEY, cluster CHAR(36) NOT"
                + " NULL, shard VARCHAR(64) NOT NULL, epoch BIGINT NOT NULL, document MEDIUMTEXT"
                + " NOT NULL) ENGINE = InnoDB CHARACTER SET ascii")
        .rowsUpdated()
        .block(BOUND);
    Sinks.Empty<Void> holding = Sinks.empty();
    Sinks.Empty<Void> gate = Sinks.empty();
    String insert =
        "INSERT INTO shardflux_identity VALUES (1, '" + state(first).id() + "', 'shard_2', 0, '')";
    Mono<Void> held =
        there
            .on(S2)
            .inTransaction(
                connection ->
                    Flux.from(connection.createStatement(insert).execute())
                        .concatMap(Result::getRowsUpdated)
                        .doOnComplete(() -> holding.tryEmitEmpty().orThrow())
                        .then(gate.asMono()))
            .then()
            .cache();
    held.subscribe();
    holding.asMono().block(BOUND);
    Mono<Long> more = first.addShard(shard(2), "made before").cache();
    more.subscribe();
    await("made", () -> claiming(there), count -> count == 1);
    assertThat(second.addShard(shard(1), "meanwhile").block(BOUND)).isEqualTo(2);
    awaitEpoch(first, 2);
    gate.tryEmitEmpty().orThrow();
    held.block(BOUND);
    assertThat(more.block(BOUND)).isEqualTo(3);
    there.close().block(BOUND);
    assertThat(first.router().topology().shards()).containsExactlyInAnyOrder(S0, S1, S2);
  }

  private static long claiming(ShardRouter router) {
    return router
        .on(S2)
        .sql(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
                + " AND DB = DATABASE() AND INFO LIKE '%INSERT IGNORE INTO shardflux_identity%'")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void aShardThatIsWrongIsRefusedBeforeItIsPublished() {
    ClusterRouter router = open(document(2));
    assertThatThrownBy(() -> router.addShard(shard(1), "again").block(BOUND))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("shard: shard_1 (expected: one that is not yet there)");
    Shard sameDatabase = Shard.of("shard_9", databases.get(1).r2dbcUrl());
    assertThatThrownBy(() -> router.addShard(sameDatabase, "twice").block(BOUND))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageStartingWith("shards.shard_9: the database of shard shard_1 of cluster ");
    assertThat(history(router)).hasSize(1);
  }

  @Test
  void swappedUrlsAreRefusedBeforeAnyStatement() {
    open(document(2));
    ClusterRouter swapped =
        open(
            document(databases.get(1), databases.get(0))
                .replace("control:\n", "control:\n  url: '" + databases.get(0).r2dbcUrl() + "'\n"));
    StepVerifier.create(read(swapped.router(), S1))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageContaining("a database of shard shard_0 of cluster ")
                    .hasMessageContaining("this is shard shard_1"))
        .verify(BOUND);
  }

  @Test
  void anotherClustersDatabaseIsRefused() {
    open(document(2));
    List<Database> others = servers.freshDatabases("other");
    StepVerifier.create(ClusterRouter.open(document(others.get(0), databases.get(1))))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith(
                        "shards.shard_1: the database of shard shard_1 of cluster "))
        .verify(BOUND);
    // Nothing is left of that in the first one's own database.
    open(document(others.get(0)));
  }

  @Test
  void oneDatabaseUnderTwoNamesIsRefused() {
    String url = databases.get(0).r2dbcUrl();
    assumeTrue(url.contains("127.0.0.1"));
    String twice =
        document(1)
            .replace(
                "strategies:",
                "  shard_1: {url: '" + url.replace("127.0.0.1", "localhost") + "'}\nstrategies:");
    StepVerifier.create(ClusterRouter.open(twice))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith("shards.shard_1: the database of shard shard_0 of"))
        .verify(BOUND);
  }

  @Test
  void missingTablesAreRefused() {
    StepVerifier.create(ClusterRouter.open(document(2).replace("  create-tables: true\n", "")))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageStartingWith("control: no control tables"))
        .verify(BOUND);
  }

  @Test
  void tablesOfAnotherVersionAreRefused() {
    run("UPDATE shardflux_control SET version = 7", open(document(2)));
    StepVerifier.create(ClusterRouter.open(document(2)))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith("control: tables of version 7 (expected: version 1"))
        .verify(BOUND);
  }

  @Test
  void anOrderIsObeyedByAllAlsoLater() {
    ClusterRouter first = open(document(2));
    ClusterRouter second = open(document(2));
    first.drain(S1, "a new disk").block(BOUND);
    awaitStatus(first, S1, Status.DRAINING);
    awaitStatus(second, S1, Status.DRAINING);
    ClusterRouter third = open(document(2));
    awaitStatus(third, S1, Status.DRAINING);
    assertThat(state(third).orders())
        .extracting(ShardOrder::shard, ShardOrder::kind, ShardOrder::why)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(S1, ShardOrder.Kind.DRAIN, "a new disk"));
    second.takeOut(S1, "worse").block(BOUND);
    awaitStatus(third, S1, Status.DOWN);
    third.resume(S1).block(BOUND);
    for (ClusterRouter router : opened) {
      awaitStatus(router, S1, Status.ACTIVE);
      await("read", () -> read(router.router(), S1).onErrorReturn(0).block(BOUND), one -> one == 1);
    }
    assertThat(state(first).orders()).isEmpty();
    StepVerifier.create(first.drain(S2, "unknown"))
        .expectErrorMessage("shard: shard_2 (expected: one of [shard_0, shard_1])")
        .verify(BOUND);
  }

  @Test
  void aLostControlServerStopsNoStatementAndNoStart() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    String apart =
        document(databases.get(1), databases.get(2))
            .replace("control:\n", "control:\n  url: '" + databases.get(0).r2dbcUrl() + "'\n");
    ClusterRouter first = open(apart);
    List<ClusterEvent> met = new CopyOnWriteArrayList<>();
    first.events().subscribe(met::add);
    List<Throwable> failed = new CopyOnWriteArrayList<>();
    Disposable reading =
        Flux.merge(read(first.router(), S0), read(first.router(), S1))
            .then()
            .doOnError(failed::add)
            .onErrorComplete()
            .repeat()
            .subscribe();
    servers.kill(databases.get(0).server());
    await("lost", () -> List.copyOf(met), all -> all.size() == 1);
    assertThat(met.get(0)).isInstanceOf(ClusterEvent.ControlLost.class);
    ClusterRouter second = open(apart);
    assertThat(read(second.router(), S1).block(BOUND)).isEqualTo(1);
    assertThat(second.router().topology().epoch()).isEqualTo(1);
    servers.restore();
    await("back", () -> List.copyOf(met), all -> all.size() == 2);
    assertThat(met.get(1)).isInstanceOf(ClusterEvent.ControlBack.class);
    await("registered", () -> state(first).routers(), routers -> routers.size() == 2);
    reading.dispose();
    assertThat(failed).isEmpty();
  }

  /** Whoever starts beside a shard that stands still asks it in vain what it knows. */
  @Test
  void aSilentShardLeavesTheKeysOfOthersAlone() {
    assumeTrue(servers.controllable(), "these servers can't be stopped");
    // Longer than the time within which the shards are not asked again.
    String document = document(2).replace("lease: 1s", "lease: 4s");
    var unused = open(document);
    servers.pause(databases.get(1).server());
    ClusterRouter late = open(document);
    Mono<Integer> read =
        late.router().on("users", ShardKey.of(7)).sql("SELECT 1").map((row, metadata) -> 1).one();
    StepVerifier.create(read.delayElement(Duration.ofMillis(50)).repeat(60))
        .expectNextCount(61)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aRouterThatAloneHasLostTheControlServerFollowsTheShards() {
    ClusterRouter first = open(document(2));
    run("CREATE USER IF NOT EXISTS alone@'%'", first);
    run("GRANT ALL ON *.* TO alone@'%'", first);
    ClusterRouter alone =
        open(document(2).replace("control:\n", "control:\n  username: alone\n  password: ''\n"));
    List<ClusterEvent> met = new CopyOnWriteArrayList<>();
    alone.events().subscribe(met::add);
    run("DROP USER alone@'%'", first);
    first
        .router()
        .on(S0)
        .sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'alone'")
        .map((row, metadata) -> String.valueOf(row.get(0)))
        .all()
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow()
        .forEach(id -> run("KILL " + id, first));
    await("lost", () -> List.copyOf(met), all -> !all.isEmpty());
    assertThat(met.get(0)).isInstanceOf(ClusterEvent.ControlLost.class);
    assertThat(first.addShard(shard(2), "more room").block(BOUND)).isEqualTo(2);
    awaitEpoch(alone, 2);
    assertThat(read(alone.router(), S2).block(BOUND)).isEqualTo(1);
  }

  @Test
  void anOlderControlServerIsNotFollowed() {
    ClusterRouter router = open(document(2));
    assertThat(router.addShard(shard(2), "more").block(BOUND)).isEqualTo(2);
    List<ClusterEvent> met = new CopyOnWriteArrayList<>();
    router.events().subscribe(met::add);
    run("UPDATE shardflux_control SET epoch = 1", router);
    await("told", () -> List.copyOf(met), all -> !all.isEmpty());
    assertThat(met.get(0))
        .isInstanceOfSatisfying(
            ClusterEvent.ControlBehind.class,
            behind -> {
              assertThat(behind.published()).isEqualTo(1);
              assertThat(behind.inForce()).isEqualTo(2);
            });
    assertThat(router.router().topology().epoch()).isEqualTo(2);
    assertThat(met).hasSize(1);
  }

  /** As where the tables were made anew, with the cluster's id. */
  @Test
  void aCopyThatHasForgottenAllIsPublishedOver() {
    ClusterRouter first = open(document(2));
    first.drain(S1, "a new disk").block(BOUND);
    awaitStatus(first, S1, Status.DRAINING);
    assertThat(first.addShard(shard(2), "more").block(BOUND)).isEqualTo(2);
    await("noted", () -> epochOn(first, S0), epoch -> epoch == 2);
    run("UPDATE shardflux_control SET epoch = 0", first);
    run("DELETE FROM shardflux_topology", first);
    run("DELETE FROM shardflux_order", first);
    ClusterRouter late = open(document(2));
    assertThat(late.router().topology().epoch()).isEqualTo(2);
    StepVerifier.create(late.addShard(Shard.of("shard_9", databases.get(0).r2dbcUrl()), "more"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith("control: epoch 0, an older copy (expected: 2, which"))
        .verify(BOUND);
    StepVerifier.create(first.republish("restored")).expectNext(4L).expectComplete().verify(BOUND);
    awaitEpoch(late, 4);
    awaitStatus(late, S1, Status.DRAINING);
    assertThat(first.router().operations().status(S1)).isEqualTo(Status.DRAINING);
    assertThat(history(first))
        .extracting(PublishedTopology::origin)
        .containsExactly(PublishedTopology.Origin.OPERATION, PublishedTopology.Origin.DOCUMENT);
    assertThat(open(document(2)).router().topology().shards()).containsExactly(S0, S1, S2);
    StepVerifier.create(first.republish("again"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith("control: epoch 4, which is the newest"))
        .verify(BOUND);
  }

  /** Its number may not be given to an older one. */
  @ParameterizedTest
  @CsvSource({
    "'\"shards\":{',"
        + " '\"shards\":{\"more\":{\"url\":\"r2dbc:mysql://127.0.0.1/x\",\"credentials\":\"none\"},'",
    "'{', '{\"later\":{},'",
  })
  void whatCannotBePutInForceIsNotPublishedOver(String part, String refused) {
    ClusterRouter router = open(document(2));
    assertThat(router.addShard(shard(2), "more").block(BOUND)).isEqualTo(2);
    await("noted", () -> epochOn(router, S0), epoch -> epoch == 2);
    run("UPDATE shardflux_control SET epoch = 1", router);
    String document =
        ((DefaultClusterRouter) router)
            .opened()
            .document()
            .json()
            .replaceFirst(Pattern.quote(part), Matcher.quoteReplacement(refused));
    assertThat(document).contains(refused);
    run("UPDATE shardflux_identity SET epoch = 3, document = '" + document + "'", router);
    StepVerifier.create(router.republish("restored"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .hasMessageStartingWith("topology: epoch 3 of the database of shard_0, which"))
        .verify(BOUND);
    assertThat(state(router).epoch()).isEqualTo(1);
  }

  @Test
  void aFreshConnectionLearnsTheEpoch() {
    String slow =
        document(2).replace("poll: 100ms", "poll: 20s").replace("lease: 1s", "lease: 60s");
    ClusterRouter first = open(slow);
    ClusterRouter second = open(slow);
    assertThat(first.addShard(shard(2), "more").block(BOUND)).isEqualTo(2);
    // The shards' databases are told behind the call.
    await("noted", () -> epochOn(first, S1), epoch -> epoch == 2);
    assertThat(second.router().topology().epoch()).isEqualTo(1);
    assertThat(read(second.router(), S1).block(BOUND)).isEqualTo(1);
    assertThat(second.router().topology().epoch()).isEqualTo(2);
  }

  /** A look that is under way may have read the epoch before what is to be confirmed. */
  @Test
  void aConfirmationReadsTheEpochAnew() {
    ClusterRouter router =
        open(document(1).replace("poll: 100ms", "poll: 20s").replace("lease: 1s", "lease: 60s"));
    TopologyWatch watch = ((DefaultClusterRouter) router).watch();
    // The next look tells that the router lives.
    Mono.delay(TopologyWatch.RENEWAL).block(BOUND);
    ShardTransaction lock =
        router
            .router()
            .on(S0)
            .begin(IsolationLevel.READ_COMMITTED)
            .blockOptional(BOUND)
            .orElseThrow();
    lock.sql("SELECT epoch FROM shardflux_router FOR UPDATE")
        .map((row, metadata) -> 1)
        .all()
        .blockLast(BOUND);
    Mono<Void> early = watch.look().cache();
    early.subscribe();
    await(
        "the look waits",
        () ->
            router
                .router()
                .on(S0)
                .sql(
                    "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE()"
                        + " AND COMMAND <> 'Sleep' AND ID <> CONNECTION_ID()")
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                .one()
                .blockOptional(BOUND)
                .orElseThrow(),
        count -> count == 1);
    run(
        "INSERT INTO shardflux_topology SELECT 2, document, routing, origin, made_by, made_at, why"
            + " FROM shardflux_topology WHERE epoch = 1",
        router);
    run("UPDATE shardflux_control SET epoch = 2", router);
    Mono<Void> confirmed = watch.confirm().cache();
    confirmed.subscribe();
    lock.rollback().block(BOUND);
    confirmed.block(BOUND);
    assertThat(router.router().topology().epoch()).isEqualTo(2);
    assertThat(watch.confirmed()).isTrue();
  }

  @Test
  void aRouterWhoseLeaseIsOverIsNotLive() {
    ClusterRouter router = open(document(1));
    run(
        "INSERT INTO shardflux_router VALUES (UUID(), 'dead', '0', 1, UTC_TIMESTAMP(6),"
            + " UTC_TIMESTAMP(6) - INTERVAL 1 SECOND, '{}')",
        router);
    assertThat(state(router).routers())
        .extracting(RouterState::host, RouterState::live)
        .contains(org.assertj.core.groups.Tuple.tuple("dead", false));
  }

  /** Writes must not wait for a router that stands still, so nothing begins that they wait for. */
  @Test
  void aSilentRouterIsWaitedForUntilItsLeaseIsOver() {
    ClusterRouter router = open(document(1));
    ClusterAccess access = ClusterAccess.of(router);
    access.attentive().block(BOUND);
    run(
        "INSERT INTO shardflux_router VALUES (UUID(), 'still', '0', 1,"
            + " UTC_TIMESTAMP(6) - INTERVAL 4 SECOND, UTC_TIMESTAMP(6) + INTERVAL 2 SECOND, '{}')",
        router);
    access.attentive().block(BOUND);
    assertThat(state(router).routers())
        .extracting(RouterState::host, RouterState::live)
        .contains(org.assertj.core.groups.Tuple.tuple("still", false));
    run(
        "UPDATE shardflux_router SET lease_until = lease_until + INTERVAL 1 HOUR"
            + " WHERE host = 'still'",
        router);
    StepVerifier.create(access.awaited(2, Duration.ofMillis(100)))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("epoch 2"))
        .verify(BOUND);
  }

  @Test
  void noTableHasASecret() {
    String account = "c" + Integer.toHexString(Objects.hash(databases));
    String password = "s3cr3t-" + account;
    String user = "'" + account + "'@'%'";
    Database database = databases.get(0);
    ShardRouter root =
        ShardRouter.builder().shard(Shard.of("shard_0", database.r2dbcUrl())).build();
    root.on(S0)
        .sql("CREATE USER " + user + " IDENTIFIED BY '" + password + "'")
        .rowsUpdated()
        .block(BOUND);
    root.on(S0)
        .sql("GRANT ALL ON `" + database.name() + "`.* TO " + user)
        .rowsUpdated()
        .block(BOUND);
    String url =
        "r2dbc:mysql://"
            + account
            + ":"
            + password
            + "@"
            + database.server().address()
            + "/"
            + database.name();
    ClusterRouter router = open(document(1).replace(database.r2dbcUrl(), url));
    String all = history(router) + " " + state(router) + " " + dump(root);
    assertThat(all).contains("shardflux_identity", "shard_0").doesNotContain(password, account);
    root.on(S0).sql("DROP USER " + user).rowsUpdated().block(BOUND);
    root.close().block(BOUND);
  }

  private static String dump(ShardRouter root) {
    return root.on(S0)
        .sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
        .map((row, metadata) -> String.valueOf(row.get(0)))
        .all()
        .concatMap(
            table ->
                root.on(S0)
                    .sql("SELECT * FROM " + table)
                    .map(
                        (row, metadata) ->
                            table
                                + IntStream.range(0, metadata.getColumnMetadatas().size())
                                    .mapToObj(i -> String.valueOf(row.get(i)))
                                    .toList())
                    .all())
        .collectList()
        .map(Object::toString)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void aRouterOfADocumentWithoutControlIsNone() {
    String without = document(2).substring(0, document(2).indexOf("control:"));
    StepVerifier.create(ClusterRouter.open(without))
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageStartingWith("control: missing (expected: "))
        .verify(BOUND);
  }

  private ClusterRouter open(String document) {
    ClusterRouter router = ClusterRouter.open(document).blockOptional(BOUND).orElseThrow();
    opened.add(router);
    return router;
  }

  private static String withTable(String document) {
    return document.replace(
        "tables:\n", "tables:\n  orders: {key: {user_id: integer}, strategy: by_user}\n");
  }

  private String document(int shards) {
    return document(databases.subList(0, shards).toArray(Database[]::new));
  }

  private static String document(Database... databases) {
    StringBuilder text = new StringBuilder("shards:\n");
    for (int i = 0; i < databases.length; i++) {
      text.append("  shard_")
          .append(i)
          .append(": {url: '")
          .append(databases[i].r2dbcUrl())
          .append("'}\n");
    }
    return text
        + """
        strategies:
          by_user: {type: hash, shards: [shard_0]}
        tables:
          users: {key: {id: integer}, strategy: by_user}
        control:
          create-tables: true
          poll: 100ms
          lease: 1s
        """;
  }

  private Shard shard(int number) {
    return Shard.of("shard_" + number, databases.get(number).r2dbcUrl());
  }

  private static Mono<Integer> read(ShardRouter router, ShardId shard) {
    return router.on(shard).sql("SELECT 1").map((row, metadata) -> 1).one();
  }

  private static List<PublishedTopology> history(ClusterRouter router) {
    return router.history(100).collectList().blockOptional(BOUND).orElseThrow();
  }

  private static ClusterState state(ClusterRouter router) {
    return router.state().blockOptional(BOUND).orElseThrow();
  }

  private static void run(String sql, ClusterRouter router) {
    router.router().on(S0).sql(sql).rowsUpdated().block(BOUND);
  }

  private static void awaitEpoch(ClusterRouter router, long epoch) {
    await("epoch", () -> router.router().topology().epoch(), now -> now == epoch);
    assertThat(router.router().locate("users", ShardKey.of(7)).block(BOUND)).isEqualTo(S0);
  }

  private static void awaitStatus(ClusterRouter router, ShardId shard, Status status) {
    await("" + status, () -> router.router().operations().status(shard), status::equals);
  }

  private static long epochOn(ClusterRouter router, ShardId shard) {
    return router
        .router()
        .on(shard)
        .sql("SELECT epoch FROM shardflux_identity")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static <T> void await(
      String what, Supplier<T> question, java.util.function.Predicate<T> wanted) {
    Mono.fromSupplier(question)
        .subscribeOn(reactor.core.scheduler.Schedulers.boundedElastic())
        .filter(wanted)
        .repeatWhenEmpty(tries -> tries.delayElements(POLL))
        .timeout(BOUND, Mono.error(() -> new AssertionError(what + ": " + question.get())))
        .block(BOUND.plusSeconds(5));
  }
}
