package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.Wrapped;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.statement.BuiltIns;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/**
 * Settings that one user of a connection made in its session, and the session that the next meets.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SessionStateIntegrationTests {

  /** Those of the moment, and of the last statement. */
  private static final Set<String> PASSING =
      Set.of(
          "timestamp",
          "pseudo_thread_id",
          "last_insert_id",
          "identity",
          "rand_seed1",
          "rand_seed2",
          "warning_count",
          "error_count",
          "gtid_executed",
          "last_gtid",
          "statement_id",
          "gtid_binlog_pos",
          "gtid_binlog_state",
          "gtid_current_pos",
          "innodb_redo_log_capacity");

  private static final Map<String, String> TEXTS = texts();

  private final List<Shard> shards = TestShards.fresh(TestServers.shared());
  private final ShardRouter router =
      TestShards.router(shards).pool(PoolOptions.builder().maxSize(1).build()).build();
  private final ShardTarget target = router.on(IDS.get(0));

  /** Not the router's, and so never lent. */
  private final ShardRouter other = TestShards.router(shards).build();

  private boolean mariaDb;
  private Map<String, String> asOpened = Map.of();

  private static Map<String, String> texts() {
    Map<String, String> texts = new TreeMap<>();
    texts.put("sql_mode", "SET sql_mode = 'ANSI'");
    texts.put("time zone", "SET time_zone = '+05:00'");
    texts.put("isolation", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED");
    texts.put("next isolation", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE");
    texts.put("next read only", "SET TRANSACTION READ ONLY");
    texts.put("read only", "SET SESSION TRANSACTION READ ONLY");
    texts.put("another database", "USE information_schema");
    texts.put("temporary table", "CREATE TEMPORARY TABLE users (id BIGINT, name VARCHAR(9))");
    texts.put("character set", "SET NAMES gbk");
    texts.put("limit", "SET sql_select_limit = 1");
    texts.put("time bound, commented", "/* a */ -- b\n SET /* c */ {max_time} = 1");
    texts.put("lock", "SELECT GET_LOCK('session', 0)");
    texts.put("lock, done", "DO GET_LOCK('session', 0)");
    texts.put("lock, quoted text", "SELECT 'a\\'', GET_LOCK /**/ ('session', 0)");
    texts.put("prepared statement", "PREPARE s FROM 'SELECT 1'");
    texts.put("locked table", "LOCK TABLES users READ");
    texts.put("variable", "SET @v = 1");
    texts.put("variable, selected", "SELECT @v := 1");
    texts.put("variable, parentheses", "(SELECT @v := 1)");
    texts.put("variable, into", "SELECT 1 FROM DUAL INTO/**/@v");
    texts.put("variable, with", "WITH c AS (SELECT 1 AS a) SELECT @v := a FROM c");
    texts.put("variable, explained", "EXPLAIN SELECT @v := 1");
    texts.put("variable, second statement", "SELECT 1; SET @v = 1");
    texts.put("autocommit", "SET autocommit = 0");
    texts.put("autocommit, run comment", "/*!50000 SET autocommit = 0 */");
    texts.put("handler", "HANDLER users OPEN");
    texts.put("inserted id", "SELECT LAST_INSERT_ID(42)");
    texts.put("procedure", "CALL leave_something()");
    texts.put("function", "SELECT leaving(1)");
    texts.put("function, quoted", "SELECT `leaving` (1)");
    texts.put("function, qualified", "SELECT {database}.concat(1)");
    texts.put("function, inserted", "INSERT INTO users (id) VALUES (10 + leaving(1))");
    texts.put("function, updated", "UPDATE users SET name = leaving(1) WHERE id = 1");
    texts.put("function, deleted", "DELETE FROM users WHERE id = 1 + leaving(1)");
    texts.put("function, replaced", "REPLACE INTO users (id) SELECT 10 + leaving(1)");
    return texts;
  }

  /** The way of a text to a connection of the router's. */
  private enum Way {
    UPDATE((target, sql) -> target.sql(sql).rowsUpdated()),
    ROWS((target, sql) -> target.sql(sql).map((row, metadata) -> 1).all()),
    RESULTS((target, sql) -> target.sql(sql).results(s -> s, Result::getRowsUpdated)),
    LENT((target, sql) -> target.inConnection(running(sql))),
    LENT_FAILING(
        (target, sql) ->
            target
                .inConnection(
                    connection ->
                        Flux.from(running(sql).apply(connection))
                            .thenMany(Flux.error(new CancellationException())))
                .onErrorComplete(CancellationException.class)),
    LENT_CANCELLED(
        (target, sql) ->
            target
                .inConnection(
                    connection ->
                        Flux.from(running(sql).apply(connection))
                            .thenMany(Flux.<Integer>never().startWith(1)))
                .take(1)),
    LENT_BATCH(
        (target, sql) ->
            target.inConnection(
                connection ->
                    Flux.from(connection.createBatch().add("SELECT 1").add(sql).execute())
                        .concatMap(Result::getRowsUpdated))),
    TRANSACTION((target, sql) -> target.inTransaction(running(sql))),
    HELD(
        (target, sql) ->
            target
                .begin(IsolationLevel.READ_COMMITTED)
                .flatMapMany(
                    held ->
                        held.sql(sql)
                            .rowsUpdated()
                            .then(held.commit())
                            .onErrorResume(e -> held.rollback().then(Mono.error(e)))));

    @SuppressWarnings("ImmutableEnumChecker")
    private final Touch touch;

    Way(Touch touch) {
      this.touch = touch;
    }

    /** In one, what is said of the next is refused. */
    boolean outsideTransactions() {
      return this != TRANSACTION && this != HELD;
    }
  }

  /** One user's doing. */
  private interface Touch {
    Publisher<?> of(ShardTarget target, String sql);
  }

  private enum Setter {
    AUTOCOMMIT(connection -> connection.setAutoCommit(false)),
    ISOLATION(
        connection -> connection.setTransactionIsolationLevel(IsolationLevel.READ_UNCOMMITTED)),
    LOCK_WAIT(connection -> connection.setLockWaitTimeout(Duration.ofSeconds(7))),
    STATEMENT_TIME(connection -> connection.setStatementTimeout(Duration.ofSeconds(7))),
    UNWRAPPED(
        connection ->
            Objects.requireNonNull(
                    ((Wrapped<?>) connection).unwrap() instanceof Connection own ? own : null)
                .setAutoCommit(false)),
    LOCK_WAIT_OF_LOST_TRANSACTION(
        connection ->
            Flux.concat(
                Mono.from(connection.beginTransaction(definition(7))),
                // The driver knows of no transaction any more then.
                Flux.from(connection.createStatement("COMMIT").execute())
                    .concatMap(Result::getRowsUpdated),
                Mono.from(connection.commitTransaction())));

    @SuppressWarnings("ImmutableEnumChecker")
    private final Function<Connection, Publisher<?>> call;

    Setter(Function<Connection, Publisher<?>> call) {
      this.call = call;
    }
  }

  @BeforeAll
  void load() {
    done("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(99))");
    done("INSERT INTO users (id) VALUES (1), (2), (3)");
    done("CREATE PROCEDURE leave_something() BEGIN SET sql_select_limit = 1; SET @v = 1; END");
    for (String name : List.of("leaving", "`concat`")) {
      done(
          "CREATE FUNCTION "
              + name
              + " (n INT) RETURNS INT NOT DETERMINISTIC NO SQL BEGIN SET @v = n; RETURN n; END");
    }
    mariaDb = rows(target, "SELECT VERSION()").get(0).contains("MariaDB");
    asOpened = met();
    assertThat(asOpened).hasSizeGreaterThan(100).containsEntry("autocommit", "ON");
  }

  @AfterAll
  void close() {
    router.close().and(other.close()).block(BOUND);
  }

  /** Each text by two ways, and by all with {@code -Dsessions.all=true}. */
  static Stream<Arguments> textsByWays() {
    List<Way> ways = List.of(Way.values());
    List<String> kinds = List.copyOf(TEXTS.keySet());
    return IntStream.range(0, kinds.size())
        .boxed()
        .flatMap(
            i ->
                ways.stream()
                    .filter(
                        way ->
                            Boolean.getBoolean("sessions.all")
                                || (ways.indexOf(way) + i) % ways.size() % 5 == 0)
                    .filter(way -> !kinds.get(i).startsWith("next ") || way.outsideTransactions())
                    .map(way -> Arguments.of(kinds.get(i), way)));
  }

  @ParameterizedTest
  @MethodSource("textsByWays")
  void whatATextLeavesIsNotMet(String kind, Way way) {
    String sql =
        Objects.requireNonNull(TEXTS.get(kind))
            .replace("{max_time}", mariaDb ? "max_statement_time" : "max_execution_time")
            .replace("{database}", Objects.requireNonNull(asOpened.get("database")));
    String before = connectionId();
    await(way.touch.of(target, sql));
    assertNothingIsMet(before);
  }

  @Test
  void whatATextLeavesIsNotMetBehindTheOtherTargets() {
    for (Flux<?> touch :
        List.of(
            router.onAll().sql("SET sql_select_limit = 1").rowsUpdated(),
            router.onAll().sql("SELECT @v := 1").map((row, metadata) -> 1).signals(),
            router
                .onKeys("users", Stream.of(1, 2, 3, 4, 5, 6).map(ShardKey::of).toList())
                .sql("SELECT id, @v := 1 FROM users WHERE id IN (:keys)")
                .map((row, metadata) -> 1)
                .signals(),
            router.on("users", key()).sql("SET @v = 1").rowsUpdated().flux())) {
      String before = connectionId();
      await(touch);
      assertNothingIsMet(before);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatASetterLeavesIsNotMet(Setter setter) {
    for (boolean inTransaction : List.of(false, true)) {
      String before = connectionId();
      Function<Connection, Publisher<Integer>> work =
          connection -> Flux.from(setter.call.apply(connection)).thenMany(Flux.empty());
      await(inTransaction ? target.inTransaction(work) : target.inConnection(work));
      assertNothingIsMet(before);
    }
  }

  /** A connection that nothing touched is the next one's as well. */
  @Test
  void plainStatementsAndWhatTheRouterSetsCostNoConnection() {
    String before = connectionId();
    String version = mariaDb ? "SELECT NVL(1, 2), @@version" : "SELECT IS_UUID('a'), @@version";
    await(target.sql(version).map((row, metadata) -> 1).all());
    await(target.sql("UPDATE users SET name = UPPER('a') WHERE id = 1").rowsUpdated());
    await(target.inConnection(running("SELECT COUNT(*) FROM users")));
    await(target.inTransaction(running("INSERT INTO users (id) VALUES (99)")));
    await(target.inTransaction(running("DELETE FROM users WHERE id IN (99)")));
    await(target.inTransaction(running("SELECT nothing")).onErrorComplete(R2dbcException.class));
    await(
        target.inConnection(
            connection ->
                Flux.concat(
                    Mono.from(connection.beginTransaction(definition(7))),
                    Mono.from(connection.rollbackTransaction()))));
    // Left open, and rolled back by the router.
    await(target.inConnection(connection -> connection.beginTransaction(definition(8))));
    for (Function<ShardTransaction, Mono<Void>> end :
        List.<Function<ShardTransaction, Mono<Void>>>of(
            ShardTransaction::commit, ShardTransaction::rollback)) {
      await(
          target
              .begin(definition(9))
              .flatMap(held -> held.sql("DO 0").rowsUpdated().then(end.apply(held))));
    }
    assertThat(connectionId()).isEqualTo(before);
    assertThat(met()).isEqualTo(asOpened);
  }

  @Test
  void theFunctionsThatAreTakenForTheServersOwnAreNoUsers() {
    Dialect dialect = mariaDb ? Dialect.MARIADB : Dialect.MYSQL;
    // MySQL 9.6 and newer have these by a component.
    Set<String> digests = Set.of("MD5", "SHA", "SHA1");
    List<String> users =
        BuiltIns.of(dialect)
            .filter(name -> !digests.contains(name))
            .filter(name -> !name.equals("SLEEP"))
            .filter(
                name -> {
                  try {
                    await(other.on(IDS.get(0)).sql("SELECT " + name + "()").map((r, m) -> 1).all());
                    return false;
                  } catch (R2dbcException e) {
                    return e.getErrorCode() == 1305;
                  }
                })
            .toList();
    assertThat(users).isEmpty();
  }

  @Test
  void closedConnectionsCostThePoolNoPlaceUnderLoadAndCancels() {
    ShardRouter loaded =
        TestShards.router(shards).pool(PoolOptions.builder().maxSize(3).build()).build();
    ShardTarget busy = loaded.on(IDS.get(0));
    try {
      StepVerifier.create(
              Flux.range(0, 400)
                  .flatMap(
                      i ->
                          i % 3 == 0
                              ? touching(busy, i).take(Duration.ofMillis(i % 7)).then(Mono.just(1))
                              : busy.sql("SELECT 1").map((row, metadata) -> 1).one(),
                      40)
                  .count())
          .expectNext(400L)
          .expectComplete()
          .verify(BOUND);
      Await.until(
          "no connection taken",
          loaded.operations().statistics(),
          all -> all.stream().allMatch(shard -> shard.pool().acquired() == 0));
      // All places at once.
      StepVerifier.create(
              Flux.range(0, 3)
                  .flatMap(i -> busy.sql("SELECT SLEEP(0.05)").map((row, metadata) -> 1).one())
                  .count())
          .expectNext(3L)
          .expectComplete()
          .verify(BOUND);
      assertThat(rows(busy, "SELECT @@sql_select_limit <> 1, @@autocommit"))
          .containsExactly("1", "1");
    } finally {
      loaded.close().block(BOUND);
    }
  }

  private static Flux<?> touching(ShardTarget target, int i) {
    return switch (i % 4) {
      case 0 -> target.sql("SET sql_select_limit = 1").rowsUpdated().flux();
      case 1 -> target.inConnection(connection -> connection.setAutoCommit(false));
      case 2 -> target.inTransaction(running("SELECT @v := 1, SLEEP(0.005)"));
      default -> target.inConnection(running("SET sql_select_limit = 1"));
    };
  }

  private void assertNothingIsMet(String before) {
    await(target.sql("REPLACE INTO users (id) VALUES (1)").rowsUpdated());
    assertThat(rows(other.on(IDS.get(0)), "SELECT COUNT(*) FROM users WHERE id = 1"))
        .containsExactly("1");
    assertThat(met()).isEqualTo(asOpened);
    assertThat(connectionId()).isNotEqualTo(before);
    await(target.sql("DELETE FROM users WHERE id > 3").rowsUpdated());
  }

  /** Its variables, its database, a lock, a variable of the user's and what else has a name. */
  private Map<String, String> met() {
    return Objects.requireNonNull(
        target
            .inConnection(
                connection -> {
                  Map<String, String> all = new TreeMap<>();
                  return Flux.concat(
                          read(connection, "SHOW SESSION VARIABLES", 0, all),
                          read(
                              connection,
                              "SELECT 'v', CAST(COALESCE(@v, 'none') AS CHAR) UNION ALL SELECT"
                                  + " 'database', DATABASE() UNION ALL SELECT 'lock',"
                                  + " COALESCE(IS_USED_LOCK('session') = CONNECTION_ID(), 'free')",
                              0,
                              all),
                          refused(connection, "EXECUTE s", all),
                          refused(connection, "HANDLER users READ FIRST", all),
                          refused(connection, "DROP TEMPORARY TABLE users", all))
                      .thenMany(Mono.just(all));
                })
            .blockLast(BOUND));
  }

  private static Mono<Void> read(
      Connection connection, String sql, int first, Map<String, String> all) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(
            result ->
                result.map(
                    (row, metadata) -> {
                      String name = Objects.requireNonNull(row.get(first, String.class));
                      return PASSING.contains(name)
                          ? 0
                          : Objects.hash(
                              all.put(name, String.valueOf(row.get(first + 1, String.class))));
                    }))
        .then();
  }

  private static Mono<Void> refused(Connection connection, String sql, Map<String, String> all) {
    return Flux.from(running(sql).apply(connection))
        .doOnComplete(() -> all.put(sql, "done"))
        .doOnError(error -> all.put(sql, "refused"))
        .onErrorComplete(R2dbcException.class)
        .then();
  }

  /** As a plain statement reads it, so that the connection stays. */
  private String connectionId() {
    return rows(target, "SELECT CONNECTION_ID()").get(0);
  }

  private ShardKey key() {
    return Objects.requireNonNull(
        Flux.range(1, 100)
            .map(ShardKey::of)
            .filterWhen(key -> router.locate("users", key).map(IDS.get(0)::equals))
            .blockFirst(BOUND));
  }

  private static List<String> rows(ShardTarget target, String sql) {
    return Objects.requireNonNull(
        target
            .sql(sql)
            .map(
                (row, metadata) -> {
                  List<String> values = new ArrayList<>();
                  for (int i = 0; i < metadata.getColumnMetadatas().size(); i++) {
                    values.add(String.valueOf(row.get(i)));
                  }
                  return values;
                })
            .one()
            .block(BOUND));
  }

  private void done(String sql) {
    await(target.sql(sql).rowsUpdated());
  }

  private static void await(Publisher<?> work) {
    Flux.from(work).blockLast(BOUND);
  }

  private static TransactionDefinition definition(int lockWaitSeconds) {
    return new TransactionDefinition() {
      @Override
      public <T> @Nullable T getAttribute(Option<T> option) {
        return option.equals(TransactionDefinition.LOCK_WAIT_TIMEOUT)
            ? option.cast(Duration.ofSeconds(lockWaitSeconds))
            : option.equals(TransactionDefinition.ISOLATION_LEVEL)
                ? option.cast(IsolationLevel.SERIALIZABLE)
                : null;
      }
    };
  }

  private static Function<Connection, Publisher<Long>> running(String sql) {
    return connection ->
        Flux.from(connection.createStatement(sql).execute()).concatMap(Result::getRowsUpdated);
  }
}
