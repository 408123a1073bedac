package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.groups.Tuple.tuple;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.config.IdSource;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.api.parallel.ResourceAccessMode;
import org.junit.jupiter.api.parallel.ResourceLock;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The way from one database to three shards, as the guide has it. */
@Execution(ExecutionMode.CONCURRENT)
@ResourceLock(value = "servers", mode = ResourceAccessMode.READ)
class OneDatabaseIntegrationTests {

  private static final Duration BOUND = MoveFixture.BOUND;
  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");
  private static final int USERS = 500;
  private static final ShardKey ANY = ShardKey.of("any");

  /** What an application that never heard of shards has. */
  private static final List<String> OLD =
      List.of(
          "CREATE TABLE users (id BIGINT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(100) NOT NULL,"
              + " version INT NOT NULL DEFAULT 0, UNIQUE KEY by_email (email))",
          "CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id BIGINT NOT NULL,"
              + " country CHAR(2) NOT NULL, KEY (user_id))",
          "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(50))",
          "CREATE TABLE settings (name VARCHAR(50) PRIMARY KEY, value VARCHAR(50))",
          "CREATE VIEW newest AS SELECT id, email FROM users ORDER BY id DESC LIMIT 10",
          "CREATE TRIGGER settings_noted BEFORE INSERT ON settings FOR EACH ROW SET NEW.value ="
              + " TRIM(NEW.value)",
          "CREATE TRIGGER users_noted BEFORE INSERT ON users FOR EACH ROW SET NEW.email ="
              + " TRIM(NEW.email)",
          "INSERT INTO countries VALUES ('de', 'Germany'), ('jp', 'Japan')",
          "INSERT INTO settings VALUES ('limit', '10')");

  private final List<Database> databases = TestServers.shared().freshDatabases("old");
  private ClusterRouter cluster;
  private ShardRouter router;
  private ShardMoves moves;

  /** Copies of a table to each new shard take their time; most tests are of other things. */
  @BeforeEach
  void open(TestInfo test) {
    boolean copies = test.getTags().contains("copies");
    cluster = ClusterRouter.open(document(copies)).blockOptional(BOUND).orElseThrow();
    router = cluster.router();
    moves = ShardMoves.of(cluster);
    OLD.forEach(sql -> run(S0, sql));
    String emails =
        IntStream.rangeClosed(1, USERS)
            .mapToObj(i -> "('user" + i + "')")
            .collect(Collectors.joining(", "));
    run(S0, "INSERT INTO users (email) VALUES " + emails);
    run(S0, "INSERT INTO orders (user_id, country) SELECT id, 'de' FROM users");
    cluster.addShard(Shard.of("shard_1", databases.get(1).r2dbcUrl()), "room").block(BOUND);
    cluster.addShard(Shard.of("shard_2", databases.get(2).r2dbcUrl()), "room").block(BOUND);
  }

  private String document(boolean copies) {
    return """
        shards:
          shard_0: {url: '%s'}
        tables:
          users: {pinned: shard_0}
          orders: {pinned: shard_0}
          %s
          settings: {pinned: shard_0}
        control:
          create-tables: true
          poll: 100ms
          lease: 1s
        timeouts: {acquire: 2s}
        """
        .formatted(databases.get(0).r2dbcUrl(), copies ? "countries: {reference: true}" : "");
  }

  @AfterEach
  void close() {
    moves.close().then(cluster.close()).block(BOUND);
  }

  private void run(ShardId shard, String sql) {
    router.on(shard).sql(sql).rowsUpdated().block(BOUND);
  }

  @Test
  @Tag("copies")
  void theTablesOfOneDatabaseAreSplitWhileTheApplicationGoesOn() {
    run(S2, "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(50))");
    run(S2, "INSERT INTO countries VALUES ('xx', 'of another application')");
    MovePlan plan = plan();
    assertThat(plan.refusals())
        .extracting(Refusal::code, Refusal::where)
        .containsExactlyInAnyOrder(
            tuple(Code.AUTO_INCREMENT, "users"),
            tuple(Code.AUTO_INCREMENT, "orders"),
            tuple(Code.UNIQUE_KEY, "users"),
            tuple(Code.UNIQUE_KEY, "orders"),
            tuple(Code.VIEW_OR_ROUTINE, "users"),
            tuple(Code.TRIGGER, "users on shard_0"),
            tuple(Code.REFERENCE_TABLE, "countries on shard_2"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> plan.accepting(Code.REFERENCE_TABLE))
        .withMessageStartingWith("code: REFERENCE_TABLE (expected: one of [AUTO_INCREMENT, ");
    run(S2, "DROP TABLE countries");
    MovePlan accepted =
        plan().accepting(Code.AUTO_INCREMENT, Code.UNIQUE_KEY, Code.VIEW_OR_ROUTINE, Code.TRIGGER);
    assertThat(accepted.refusals()).isEmpty();
    AtomicInteger updates = new AtomicInteger();
    AtomicInteger inserts = new AtomicInteger();
    Queue<Throwable> failed = new ConcurrentLinkedQueue<>();
    AtomicBoolean over = new AtomicBoolean();
    Mono<Void> application = application(updates, inserts, over).doOnError(failed::add).cache();
    application.onErrorComplete().subscribe();
    long job = moves.start(MoveFixture.brief(accepted)).blockOptional(BOUND).orElseThrow();
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
    over.set(true);
    application.onErrorComplete().block(BOUND);
    assertThat(updates.get()).isPositive();
    assertThat(failed).isEmpty();
    Map<ShardId, Long> spread = spread();
    assertThat(spread.values()).allMatch(users -> users > 0).hasSize(3);
    assertThat(spread.values().stream().mapToLong(Long::longValue).sum()).isEqualTo(USERS);
    assertThat(sum("SELECT SUM(version) FROM users")).isEqualTo(updates.get());
    assertThat(sum("SELECT COUNT(*) FROM orders")).isEqualTo(USERS + inserts.get());
    assertThat(
            sum(
                "SELECT COUNT(*) FROM users JOIN orders ON user_id = users.id JOIN countries ON"
                    + " code = country"))
        .isEqualTo(sum("SELECT COUNT(*) FROM orders"));
    assertThat(
            router
                .on(S0)
                .sql("SELECT value FROM settings")
                .map((row, metadata) -> String.valueOf(row.get(0)))
                .one()
                .block(BOUND))
        .isEqualTo("10");
  }

  /**
   * With ids the numbers of tables need no word of the operator, as long as they are below them.
   */
  @Test
  void idsTakeThePlaceOfCountedNumbers() {
    assertThat(counted(moves)).containsExactlyInAnyOrder("users", "orders");
    assertThat(plan().accepting(List.of("AUTO_INCREMENT:users")).refusals())
        .filteredOn(refusal -> refusal.code() == Code.AUTO_INCREMENT)
        .extracting(Refusal::where)
        .containsExactly("orders");
    ClusterRouter withIds =
        ClusterRouter.open(
                document(false) + "ids: {shard: shard_0}\nresharding: {enabled: false}\n")
            .blockOptional(BOUND)
            .orElseThrow();
    ShardMoves planner = ShardMoves.of(withIds);
    try {
      assertThat(counted(planner)).isEmpty();
      run(
          S0,
          "INSERT INTO users (id, email) VALUES (" + IdSource.below(Instant.now()) + ", 'now')");
      assertThat(counted(planner)).isEmpty();
      run(S0, "ALTER TABLE orders MODIFY id INT AUTO_INCREMENT");
      run(S0, "INSERT INTO users (id, email) VALUES (" + (Long.MAX_VALUE - 1) + ", 'last')");
      assertThat(counted(planner)).containsExactlyInAnyOrder("users", "orders");
      run(S0, "DELETE FROM users WHERE email = 'last'");
      assertThat(counted(planner)).containsExactly("orders");
    } finally {
      planner.close().then(withIds.close()).block(BOUND);
    }
  }

  private List<String> counted(ShardMoves planner) {
    return plan(planner).refusals().stream()
        .filter(refusal -> refusal.code() == Code.AUTO_INCREMENT)
        .map(Refusal::where)
        .toList();
  }

  @Test
  void aPinnedTableGoesBackToWhereItWas() {
    run(S0, "DROP TRIGGER settings_noted");
    MovePlan plan =
        moves
            .plan(new Intent.MoveTables(List.of("settings"), S1))
            .blockOptional(BOUND)
            .orElseThrow();
    long job = moves.start(plan).blockOptional(BOUND).orElseThrow();
    moves
        .progress(job)
        .concatMap(at -> router.locate("settings", ANY))
        .filter(S1::equals)
        .blockFirst(BOUND);
    setting(1).block(BOUND);
    moves.want(job, MoveProgress.Wanted.REVERSE).block(BOUND);
    moves.progress(job).blockLast(BOUND);
    assertThat(router.topology().table("settings")).isEqualTo(new TableRule.Pinned("settings", S0));
    assertThat(number(S0, "SELECT COUNT(*) FROM settings").block(BOUND)).isEqualTo(2);
    assertThat(number(S1, "SELECT COUNT(*) FROM settings").block(BOUND)).isZero();
  }

  @Test
  void aCancelPinsTheTablesAgain() {
    MovePlan plan =
        plan().accepting(Code.AUTO_INCREMENT, Code.UNIQUE_KEY, Code.VIEW_OR_ROUTINE, Code.TRIGGER);
    long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
    moves
        .progress(job)
        .filter(at -> router.topology().table("users") instanceof TableRule.Sharded)
        .blockFirst(BOUND);
    moves.want(job, MoveProgress.Wanted.CANCEL).block(BOUND);
    moves.progress(job).blockLast(BOUND);
    assertThat(router.topology().table("users")).isEqualTo(new TableRule.Pinned("users", S0));
    assertThat(router.topology().strategies()).isEmpty();
    assertThat(number(S0, "SELECT COUNT(*) FROM users").block(BOUND)).isEqualTo(USERS);
  }

  /** All that a pinned table may be asked goes on being answered: no statement names a key. */
  @Test
  void pinnedTablesGoToAnotherShardWhileTheyAreWritten() {
    run(S0, "DROP TRIGGER settings_noted");
    MovePlan plan =
        moves
            .plan(new Intent.MoveTables(List.of("settings"), S1))
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    AtomicInteger number = new AtomicInteger();
    Queue<Throwable> failed = new ConcurrentLinkedQueue<>();
    AtomicBoolean over = new AtomicBoolean();
    Mono<Void> application =
        Mono.defer(() -> setting(number.incrementAndGet()))
            .repeat(() -> !over.get())
            .then()
            .doOnError(failed::add)
            .cache();
    application.onErrorComplete().subscribe();
    long job = moves.start(MoveFixture.brief(plan)).blockOptional(BOUND).orElseThrow();
    assertThat(moves.progress(job).blockLast(BOUND)).extracting(MoveProgress::error).isNull();
    over.set(true);
    application.onErrorComplete().block(BOUND);
    assertThat(failed).isEmpty();
    assertThat(router.topology().table("settings")).isEqualTo(new TableRule.Pinned("settings", S1));
    assertThat(router.topology().strategies()).isEmpty();
    assertThat(number(S0, "SELECT COUNT(*) FROM settings").block(BOUND)).isZero();
    assertThat(number(S1, "SELECT COUNT(*) FROM settings").block(BOUND))
        .isEqualTo(number.get() + 1L);
    assertThat(number(S1, "SELECT SUM(value) FROM settings").block(BOUND))
        .isEqualTo(number.get() + 10L);
  }

  /** Stores one more setting, and counts all of them up by one that is read behind it. */
  private Mono<Long> setting(int number) {
    ShardKey text = ShardKey.of("any", number);
    return router
        .on("settings", text)
        .sql("INSERT INTO settings VALUES (:name, 1)")
        .bind("name", "name" + number)
        .rowsUpdated()
        .then(
            router
                .on("settings", text)
                .sql("SELECT COUNT(*) FROM settings")
                .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                .one())
        .doOnNext(rows -> assertThat(rows).isEqualTo(number + 1L));
  }

  /** Whatever their account is; a router elsewhere says which connections are its own. */
  @Test
  void connectionsOfOthersAreNamed() {
    run(S0, "CREATE USER IF NOT EXISTS cron@'%'");
    run(S0, "GRANT ALL ON *.* TO cron@'%'");
    String url = databases.get(0).r2dbcUrl();
    Connection sameAccount = connected(url);
    Connection cron = connected(url.replaceFirst("://[^@]*@", "://cron@"));
    try {
      assertThat(others())
          .hasSize(2)
          .allMatch(other -> other.matches("\\w+ at [\\w.:]+ is connected \\(expected: .*"))
          .anyMatch(other -> other.startsWith("cron at "));
      run(
          S0,
          "INSERT INTO shardflux_router VALUES (UUID(), 'elsewhere', '0', 1000, UTC_TIMESTAMP(6),"
              + " UTC_TIMESTAMP(6) + INTERVAL 1 HOUR, CONCAT('{\"connections to servers\":{\"',"
              + " @@hostname, ':', @@port, ':', @@server_id, '\":["
              + id(sameAccount)
              + ","
              + id(cron)
              + "]}}'))");
      assertThat(others()).isEmpty();
      Mono.from(sameAccount.close()).block(BOUND);
      run(S0, "UPDATE shardflux_router SET statistics = '{}' WHERE host = 'elsewhere'");
      // What is not told may be a router's, if it has its account.
      assertThat(others()).singleElement().asString().startsWith("cron at ");
    } finally {
      Mono.from(cron.close()).block(BOUND);
      run(S0, "DROP USER cron@'%'");
    }
  }

  private static Connection connected(String url) {
    return Mono.<Connection>from(ConnectionFactories.get(url).create())
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static long id(Connection connection) {
    return Flux.from(connection.createStatement("SELECT CONNECTION_ID()").execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))))
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private List<String> others() {
    return plan().refusals().stream()
        .filter(refusal -> refusal.code() == Code.OTHER_CLIENT)
        .map(Refusal::message)
        .toList();
  }

  private MovePlan plan() {
    return plan(moves);
  }

  private static MovePlan plan(ShardMoves planner) {
    return planner
        .plan(
            new Intent.ShardTables(
                List.of(
                    new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_user"),
                    new TableRule.Sharded(
                        "orders", List.of(KeyColumn.integer("user_id")), "by_user")),
                ShardingStrategy.hash(List.of(S0, S1, S2))))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** Writes of users and of orders, until it is over; counts those that succeeded. */
  private Mono<Void> application(AtomicInteger updates, AtomicInteger inserts, AtomicBoolean over) {
    AtomicInteger ids = new AtomicInteger(1_000_000);
    return Flux.range(0, 8)
        .flatMap(
            lane ->
                Mono.defer(() -> write(ids.incrementAndGet(), updates, inserts))
                    .then(Mono.delay(Duration.ofMillis(2)))
                    .repeat(() -> !over.get())
                    .then())
        .then();
  }

  private Mono<Long> write(int id, AtomicInteger updates, AtomicInteger inserts) {
    long user = 1L + ThreadLocalRandom.current().nextInt(USERS);
    return router
        .on("users", ShardKey.of(user))
        .sql("UPDATE users SET version = version + 1 WHERE id = :id")
        .bind("id", user)
        .rowsUpdated()
        .doOnNext(rows -> updates.addAndGet(rows.intValue()))
        .then(
            router
                .on("orders", ShardKey.of(user))
                .sql("INSERT INTO orders VALUES (:id, :user, 'jp')")
                .bind("id", id)
                .bind("user", user)
                .rowsUpdated())
        .doOnNext(rows -> inserts.addAndGet(rows.intValue()));
  }

  private Map<ShardId, Long> spread() {
    return Flux.just(S0, S1, S2)
        .flatMap(shard -> number(shard, "SELECT COUNT(*) FROM users").map(n -> Map.entry(shard, n)))
        .collectMap(Map.Entry::getKey, Map.Entry::getValue)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private long sum(String sql) {
    return Flux.just(S0, S1, S2)
        .flatMap(shard -> number(shard, sql))
        .reduce(0L, Long::sum)
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private Mono<Long> number(ShardId shard, String sql) {
    return router
        .on(shard)
        .sql(sql)
        .map((row, metadata) -> ((Number) Objects.requireNonNull(row.get(0))).longValue())
        .one();
  }
}
