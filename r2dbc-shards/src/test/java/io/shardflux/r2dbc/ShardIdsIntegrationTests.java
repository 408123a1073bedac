package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.hypersistence.tsid.TSID;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.ids.IdsRefusedException;
import io.shardflux.r2dbc.ids.NodeLease;
import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Signal;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

@Tag("same-on-any-server")
class ShardIdsIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final ShardId CONTROL = ShardId.of("control");

  private final TestServers servers = TestServers.shared();
  private final Database database = servers.freshDatabases("ids").get(0);
  private final List<ShardIds> opened = new ArrayList<>();
  private final ShardRouter router = ShardRouter.builder().shard(server()).build();

  @BeforeEach
  void createTable() {
    StepVerifier.create(ids().createTable()).expectComplete().verify(BOUND);
  }

  @AfterEach
  void close() {
    if (servers.controllable()) {
      servers.restore();
    }
    StepVerifier.create(
            Flux.fromIterable(opened).flatMap(ShardIds::close).then().and(router.close()))
        .expectComplete()
        .verify(BOUND);
  }

  private Shard server() {
    return Shard.of(CONTROL, Shard.of("control", database.r2dbcUrl()).options());
  }

  private ShardIds ids() {
    return opened(ShardIds.of(server()));
  }

  private ShardIds ids(Duration lease, InstantSource clock) {
    return opened(ShardIds.of(server(), ShardIds.DEFAULT_TABLE, lease, Timeouts.defaults(), clock));
  }

  private ShardIds opened(ShardIds made) {
    opened.add(made);
    return made;
  }

  private static <T> T get(Mono<T> mono) {
    return Objects.requireNonNull(mono.block(BOUND));
  }

  private static int node(long id) {
    return (int) (id >>> 12) & 0x3ff;
  }

  private long number(String query) {
    return get(
        router
            .on(CONTROL)
            .sql(query)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one());
  }

  private void run(String sql) {
    get(router.on(CONTROL).sql(sql).rowsUpdated());
  }

  private void leaveOneNode() {
    run("DELETE FROM shardflux_nodes WHERE node > 0");
  }

  @Test
  void aDocumentSaysWhetherTheTableIsMade() {
    String document =
        "shards: {control: {url: \"%s\"}}\nids: {shard: control, table: made, create-table: %s}";
    ShardIds without = opened(ShardIds.fromYaml(document.formatted(database.r2dbcUrl(), false)));
    StepVerifier.create(without.next()).expectError(R2dbcBadGrammarException.class).verify(BOUND);
    ShardIds making = opened(ShardIds.fromYaml(document.formatted(database.r2dbcUrl(), true)));
    assertThat(get(making.next())).isLessThan(get(making.next()));
    assertThat(number("SELECT COUNT(*) FROM made")).isEqualTo(1_024);
    // Now that it is there, nobody has to make it.
    assertThat(node(get(without.next()))).isNotEqualTo(node(get(making.next())));
  }

  @Test
  void theTableHasEachNodeOnce() {
    get(ids().next());
    StepVerifier.create(Flux.range(0, 4).flatMap(i -> ids().createTable()).then())
        .expectComplete()
        .verify(BOUND);
    assertThat(number("SELECT COUNT(*) FROM shardflux_nodes")).isEqualTo(1_024);
    assertThat(number("SELECT MAX(node) FROM shardflux_nodes")).isEqualTo(1_023);
    assertThat(number("SELECT COUNT(holder) FROM shardflux_nodes")).isEqualTo(1);
  }

  @Test
  void aMillionIdsFromSeveralThreadsAreUniqueAndRise() {
    List<ShardIds> processes = List.of(ids(), ids());
    int threads = 4;
    int each = 250_000;
    Instant before = Instant.now();
    List<List<Long>> given =
        get(
            Flux.range(0, threads)
                .flatMap(
                    i ->
                        processes
                            .get(i % 2)
                            .next(each)
                            .collectList()
                            .subscribeOn(Schedulers.parallel()),
                    threads)
                .collectList());
    for (List<Long> mine : given) {
      assertThat(mine).hasSize(each).isSorted();
    }
    long[] all = given.stream().flatMap(List::stream).mapToLong(Long::longValue).toArray();
    assertThat(Arrays.stream(all).distinct().count()).isEqualTo(threads * (long) each);
    assertThat(Arrays.stream(all).map(ShardIdsIntegrationTests::node).distinct().count())
        .isEqualTo(2);
    long[] sorted = Arrays.stream(all).sorted().toArray();
    assertThat(TSID.from(sorted[0]).getInstant()).isAfterOrEqualTo(before.minusMillis(1));
    assertThat(TSID.from(sorted[sorted.length - 1]).getInstant())
        .isBefore(Instant.now().plusMillis(NodeLease.MAX_AHEAD_MILLIS + 1));
  }

  @Test
  void manyAtOnceHaveNodesOfTheirOwn() {
    int processes = 24;
    List<Long> first =
        get(
            Flux.fromStream(IntStream.range(0, processes).mapToObj(i -> ids()))
                .flatMap(ids -> ids.next().subscribeOn(Schedulers.parallel()), processes)
                .collectList());
    assertThat(first.stream().map(ShardIdsIntegrationTests::node).distinct()).hasSize(processes);
    assertThat(number("SELECT COUNT(DISTINCT holder) FROM shardflux_nodes")).isEqualTo(processes);
  }

  @Test
  void whereAllNodesAreTakenIdsAreRefusedUntilOneIsGivenBack() {
    leaveOneNode();
    ShardIds first = ids();
    long before = get(first.next());
    ShardIds second = ids();
    StepVerifier.create(second.next())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IdsRefusedException.class)
                    .hasMessage(
                        "nodes: all 1 are taken in shardflux_nodes on "
                            + server()
                            + " (expected: a free one; it is free once its holder is closed or its"
                            + " lease over)"))
        .verify(BOUND);
    StepVerifier.create(first.close()).expectComplete().verify(BOUND);
    long after = get(second.next());
    assertThat(node(after)).isEqualTo(node(before)).isZero();
    assertThat(after >>> 12).isGreaterThan(before >>> 12);
  }

  @Test
  void theTableOfThePageIsTheOneThatIsMade() throws IOException {
    String made = definition();
    run("DROP TABLE shardflux_nodes");
    String page = Files.readString(Path.of("../src/docs/ids.md"));
    int sql = page.indexOf("```sql\n") + 7;
    for (String statement : page.substring(sql, page.indexOf(";\n```", sql)).split(";\n", -1)) {
      run(statement);
    }
    assertThat(definition()).isEqualTo(made);
    assertThat(number("SELECT COUNT(*) FROM shardflux_nodes")).isEqualTo(1_024);
    assertThat(get(ids().next())).isPositive();
  }

  private String definition() {
    return get(
        router
            .on(CONTROL)
            .sql("SHOW CREATE TABLE shardflux_nodes")
            .map((row, metadata) -> Objects.requireNonNull(row.get(1, String.class)))
            .one());
  }

  @Test
  void anEmptyTableIsRefused() {
    run("DELETE FROM shardflux_nodes");
    StepVerifier.create(ids().next())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IdsRefusedException.class)
                    .hasMessageStartingWith("nodes: none in shardflux_nodes on "))
        .verify(BOUND);
  }

  @Test
  void aNodeIsNotTakenOverWhileItIsHeldAndIsWhenItsLeaseIsOver() {
    leaveOneNode();
    // So long that it is not renewed meanwhile.
    Duration lease = Duration.ofHours(1);
    long before = get(ids(lease, InstantSource.system()).next());
    ShardIds next = ids();
    StepVerifier.create(next.next())
        .expectErrorSatisfies(error -> assertThat(error).hasMessageStartingWith("nodes: all 1 "))
        .verify(BOUND);
    // As if the server's clock had been set forward, of which the holder knows nothing.
    run("UPDATE shardflux_nodes SET lease_until = '2020-01-01 00:00:00'");
    StepVerifier.create(next.next())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IdsRefusedException.class)
                    .hasMessageContaining("up to which ids of the free nodes"))
        .verify(BOUND);
    InstantSource later = () -> Instant.now().plus(lease).plusSeconds(1);
    long after = get(ids(ShardIds.DEFAULT_LEASE, later).next());
    assertThat(node(after)).isEqualTo(node(before));
    assertThat(after).isGreaterThan(before + (lease.toMillis() << 22));
  }

  @Test
  void aClockBehindWhatTheNodeWasUsedForNeverRepeatsAnId() {
    leaveOneNode();
    ShardIds first = ids();
    List<Long> given = new ArrayList<>(get(first.next(100_000).collectList()));
    StepVerifier.create(first.close()).expectComplete().verify(BOUND);

    InstantSource hourBehind = () -> Instant.now().minusSeconds(3_600);
    StepVerifier.create(ids(ShardIds.DEFAULT_LEASE, hourBehind).next())
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(IdsRefusedException.class)
                    .hasMessageStartingWith("clock: "))
        .verify(BOUND);

    InstantSource littleBehind = () -> Instant.now().minusMillis(300);
    given.addAll(get(ids(ShardIds.DEFAULT_LEASE, littleBehind).next(100_000).collectList()));
    assertThat(given).hasSize(200_000).isSorted().doesNotHaveDuplicates();
  }

  @Test
  void aHolderWhoseNodeWasTakenGoesOnWithAnother() {
    ShardIds ids = ids(Duration.ofSeconds(2), InstantSource.system());
    long before = get(ids.next());
    run("UPDATE shardflux_nodes SET holder = 'another' WHERE node = " + node(before));
    run(
        "UPDATE shardflux_nodes SET lease_until = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR WHERE node = "
            + node(before));
    long after = Await.until("an id of another node", ids.next(), id -> node(id) != node(before));
    assertThat(after).isGreaterThan(before);
  }

  @Test
  void aKilledServerMeansNoIdsFromTheLeasesEndOnAndItsReturnIdsAgain() {
    assumeTrue(servers.controllable());
    Duration lease = Duration.ofSeconds(4);
    ShardIds ids = ids(lease, InstantSource.system());
    List<Long> given = new ArrayList<>(get(ids.next(10).collectList()));
    servers.kill(database.server());
    // The rest of the lease is still good.
    Throwable refusal =
        Await.until("ids refused", ids.next().doOnNext(given::add).materialize(), Signal::isOnError)
            .getThrowable();
    assertThat(refusal).isInstanceOf(R2dbcException.class).hasMessageStartingWith("control: ");
    servers.restart(database.server());
    given.add(
        Await.until(
            "ids again",
            ids.next().onErrorResume(R2dbcException.class, error -> Mono.empty()),
            id -> true));
    assertThat(given).isSorted().doesNotHaveDuplicates();
    assertThat(given.stream().map(ShardIdsIntegrationTests::node).distinct()).hasSize(1);
  }
}
