package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/** Reads of a replica that must have got as far as a write. */
class CausalReadsIntegrationTests {

  /** User 2 tells the server, user 1 how far it is. */
  private static final String STATE =
      "SELECT CONCAT(s.name, ' ', u.name) FROM users s, users u WHERE s.id = 2 AND u.id = 1";

  private static final Duration LONG = Duration.ofSeconds(20);
  private static final Duration SHORT = Duration.ofMillis(1);

  /** Each change is applied so much later. */
  private static final Duration DELAY = Duration.ofSeconds(2);

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer primary = servers.servers().get(0);
  private final DatabaseServer replica = servers.servers().get(1);
  private final boolean mariaDb = servers.toString().contains("MariaDB");
  private String before = "";
  private Replication replication;
  private Database original;
  private Database copy;
  private ShardRouter router;

  @BeforeEach
  void load() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    before = mariaDb ? "" : mode();
    gtids("ON");
    if (!mariaDb) {
      knowFormer();
    }
    replication = servers.replicate(primary, replica);
    original = servers.freshDatabases("causal").get(0);
    copy = new Database(replica, original.name());
    router = router();
    TestShards.load(router);
    write("UPDATE users SET name = 'primary' WHERE id = 2");
    write("UPDATE users SET name = 'old' WHERE id = 1");
    replication.catchUp();
    run(copy.r2dbcUrl(), "UPDATE users SET name = 'replica' WHERE id = 2");
    Await.until("reads of the replica", read(router, context -> context), "replica old"::equals);
    replication.delay(DELAY);
    Await.until("reads of the replica", read(router, context -> context), "replica old"::equals);
  }

  @AfterEach
  void restore() {
    replication.delay(Duration.ZERO);
    replication.close();
    router.close().block(BOUND);
    gtids(before);
  }

  /** MySQL takes one step at a time, on all servers. */
  private static final List<String> MODES = List.of("OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON");

  private void gtids(String wanted) {
    if (mariaDb) {
      return;
    }
    int to = MODES.indexOf(wanted);
    if (to == MODES.size() - 1) {
      onBoth("enforce_gtid_consistency = ON");
    }
    for (int at = MODES.indexOf(mode()); at != to; ) {
      at += at < to ? 1 : -1;
      onBoth("gtid_mode = " + MODES.get(at));
    }
  }

  /** A replica counts as having what its source did before it was filled. */
  private void knowFormer() {
    String lacking =
        value(
            replica,
            "SELECT GTID_SUBTRACT('"
                + value(primary, "SELECT @@GLOBAL.gtid_executed")
                + "', @@GLOBAL.gtid_executed)");
    if (!lacking.isEmpty()) {
      run(new Database(replica, "mysql").r2dbcUrl(), "SET GLOBAL gtid_purged = '+" + lacking + "'");
    }
  }

  private String mode() {
    return value(primary, "SELECT @@GLOBAL.gtid_mode");
  }

  private static String value(DatabaseServer server, String sql) {
    return Mono.usingWhen(
            ConnectionFactories.get(new Database(server, "mysql").r2dbcUrl()).create(),
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(result -> result.map(row -> String.valueOf(row.get(0))))
                    .single(),
            connection -> connection.close())
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void onBoth(String setting) {
    List.of(primary, replica)
        .forEach(server -> run(new Database(server, "mysql").r2dbcUrl(), "SET GLOBAL " + setting));
  }

  private ShardRouter router() {
    Shard shard = Shard.of("shard_0", original.r2dbcUrl()).withReplica(copy.r2dbcUrl());
    return TestShards.router(List.of(shard))
        .reads(
            ReadOptions.defaults()
                .withPreference(ReadPreference.REPLICA_PREFERRED)
                .withMaxLag(Duration.ofSeconds(60)))
        .build();
  }

  private static void run(String url, String sql) {
    Mono.usingWhen(
            ConnectionFactories.get(url).create(),
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(Result::getRowsUpdated)
                    .then(),
            connection -> connection.close())
        .block(BOUND);
  }

  private void write(String sql) {
    router.on(IDS.get(0)).sql(sql).rowsUpdated().block(BOUND);
  }

  private CausalToken written(String name) {
    return router
        .on(IDS.get(0))
        .sql("UPDATE users SET name = ? WHERE id = 1")
        .bind(0, name)
        .rowsUpdated()
        .then(router.causalToken(List.of(IDS.get(0))))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static Mono<String> read(ShardRouter router, Function<Context, Context> context) {
    return router
        .on(IDS.get(0))
        .sql(STATE)
        .map((row, metadata) -> String.valueOf(row.get(0)))
        .one()
        .contextWrite(context);
  }

  @Test
  void aReplicaThatGetsThereInTimeIsRead() {
    CausalToken token = written("new");
    assertThat(read(router, router.after(token, LONG)).block(BOUND)).isEqualTo("replica new");
  }

  /** The control: nothing else makes it wait. */
  @Test
  void withoutATokenAReadIsStale() {
    written("new");
    assertThat(read(router, context -> context).block(BOUND)).isEqualTo("replica old");
  }

  @Test
  void thePrimaryIsReadWhereTheReplicaIsLate() {
    CausalToken token = written("new");
    assertThat(read(router, router.after(token, SHORT)).block(BOUND)).isEqualTo("primary new");
  }

  @Test
  void aTokenGoesToAnotherRouterAsText() {
    String text = written("new").toString();
    ShardRouter other = router();
    try {
      Await.until("reads of the replica", read(other, context -> context), "replica old"::equals);
      assertThat(read(other, other.after(CausalToken.parse(text), LONG)).block(BOUND))
          .isEqualTo("replica new");
      assertThat(text).startsWith("1;" + router.topology().epoch() + ";shard_0=");
    } finally {
      other.close().block(BOUND);
    }
  }

  @Test
  void aPrimaryWithoutGtidsTellsNone() {
    assumeTrue(!mariaDb, "a mode of MySQL's");
    gtids("ON_PERMISSIVE");
    CausalToken token = written("new");
    assertThat(token.toString()).endsWith(";shard_0=-");
    assertThat(read(router, router.after(token, LONG)).block(BOUND)).isEqualTo("primary new");
  }

  @Test
  void thePrimaryIsReadByATokenThatSaysNothingOfTheShard() {
    written("new");
    long epoch = router.topology().epoch();
    for (String text :
        List.of("1;" + epoch, "1;" + epoch + ";shard_0=-", "1;" + (epoch + 1) + ";shard_0=0-1-1")) {
      assertThat(read(router, router.after(CausalToken.parse(text), LONG)).block(BOUND))
          .as(text)
          .isEqualTo("primary new");
    }
  }

  /** A position that no replica ever has, of the servers' kind or of another one. */
  @Test
  void thePrimaryIsReadByATokenOfOtherServers() {
    written("new");
    long epoch = router.topology().epoch();
    for (String position :
        List.of("0-1-999999999", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-99", "nonsense")) {
      CausalToken token = CausalToken.parse("1;" + epoch + ";shard_0=" + position);
      assertThat(read(router, router.after(token, Duration.ofMillis(50))).block(BOUND))
          .as(position)
          .isEqualTo("primary new");
    }
  }

  /** A token may come from outside, so that its wait must not keep all others off the replica. */
  @Test
  void waitsHoldHalfOfAReplicasConnections() {
    CausalToken token = written("new");
    int most = PoolOptions.defaults().maxSize() / 2;
    List<String> read =
        Flux.range(0, 4 * most)
            .flatMap(i -> read(router, router.after(token, LONG)), 4 * most)
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(read).containsOnly("replica new", "primary new");
    assertThat(read).filteredOn("replica new"::equals).hasSizeBetween(1, most);
  }

  @Test
  void anEndlessOrEmptyWaitIsRefused() {
    for (Duration wait : List.of(Duration.ZERO, Duration.ofSeconds(61))) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> router.after(CausalToken.parse("1;1"), wait))
          .withMessage("wait: " + wait + " (expected: from 1 ms to 60 s)");
    }
  }
}
