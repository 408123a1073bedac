package io.shardflux.driver;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.Statement;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Three shards and a driver over them: {@code users} by {@code id}, {@code orders} by {@code
 * user_id}, {@code countries} on each, and {@code settings} on the second.
 */
public final class DriverShards implements AutoCloseable {

  public static final Duration BOUND = Duration.ofSeconds(60);
  static final List<ShardId> IDS =
      List.of(ShardId.of("shard_0"), ShardId.of("shard_1"), ShardId.of("shard_2"));

  static final List<String> TABLES =
      List.of(
          "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100), age INT,"
              + " country CHAR(2)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
          "CREATE TABLE orders (user_id BIGINT, no INT, total DECIMAL(10,2),"
              + " PRIMARY KEY (user_id, no))",
          "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, label VARCHAR(50))"
              + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
          "CREATE TABLE settings (id INT AUTO_INCREMENT PRIMARY KEY, label VARCHAR(50))");

  final List<Database> databases;
  final ShardRouter router;
  final ShardfluxConnectionFactory factory;

  DriverShards() {
    this(UnaryOperator.identity());
  }

  /**
   * With a router of its own kind.
   *
   * @param settings what else it is told
   */
  DriverShards(UnaryOperator<ShardRouterBuilder> settings) {
    this(settings, ShardfluxConnectionFactory::of);
  }

  /**
   * The same with a driver of its own kind.
   *
   * @param driver makes the driver over the router
   */
  DriverShards(
      UnaryOperator<ShardRouterBuilder> settings,
      Function<ShardRouter, ShardfluxConnectionFactory> driver) {
    this(TestServers.shared().freshDatabases("driver"), settings, driver);
  }

  /** The same over databases of the caller's own. */
  DriverShards(
      List<Database> databases,
      UnaryOperator<ShardRouterBuilder> settings,
      Function<ShardRouter, ShardfluxConnectionFactory> driver) {
    this.databases = databases;
    router = settings.apply(builder(databases)).build();
    factory = driver.apply(router);
    TABLES.forEach(this::everywhere);
  }

  private static ShardRouterBuilder builder(List<Database> databases) {
    ShardRouterBuilder builder =
        ShardRouter.builder()
            .strategy("by_user", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_user"))
            .table(
                new TableRule.Sharded("orders", List.of(KeyColumn.integer("user_id")), "by_user"))
            .table(new TableRule.Reference("countries"))
            .table(new TableRule.Pinned("settings", IDS.get(1)));
    IntStream.range(0, databases.size())
        .mapToObj(i -> Shard.of("shard_" + i, databases.get(i).r2dbcUrl()))
        .forEach(builder::shard);
    return builder;
  }

  boolean onMariaDb() {
    String version =
        router
            .on(IDS.get(0))
            .sql("SELECT VERSION()")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
            .one()
            .block(BOUND);
    return String.valueOf(version).contains("MariaDB");
  }

  /** Runs it on every shard, not by the driver. */
  void everywhere(String sql) {
    router.onAll().sql(sql).onFailure(FailurePolicy.failFast()).rowsUpdated().blockLast(BOUND);
  }

  /** Users 1 to that number, each with as many orders as its id modulo 4. */
  void load(int users) {
    Flux.range(1, users)
        .flatMap(
            id ->
                updated(
                        "INSERT INTO users (id, name, age, country) VALUES (?, ?, ?, ?)",
                        id,
                        "user " + id,
                        id % 50 == 0 ? null : id % 50,
                        id % 2 == 0 ? "DE" : "FR")
                    .thenMany(
                        Flux.range(1, id % 4)
                            .concatMap(
                                no ->
                                    updated(
                                        "INSERT INTO orders (user_id, no, total) VALUES (?, ?, ?)",
                                        id,
                                        no,
                                        BigDecimal.valueOf(id * 100L + no, 2)))),
            8)
        .blockLast(BOUND);
  }

  Mono<Long> updated(String sql, @Nullable Object... values) {
    return on(connection ->
            Flux.from(bound(connection, sql, values).execute()).concatMap(Result::getRowsUpdated))
        .reduce(0L, Long::sum);
  }

  /** Waits until no connection is taken. */
  void awaitIdle() {
    router
        .operations()
        .statistics()
        .filter(all -> all.stream().allMatch(shard -> shard.pool().acquired() == 0))
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
        .block(BOUND);
  }

  /** The mapping of a row. */
  interface Mapping<T> {
    @Nullable T of(Row row);
  }

  <T> Flux<T> rows(Mapping<T> mapping, String sql, @Nullable Object... values) {
    return on(
        connection ->
            Flux.from(bound(connection, sql, values).execute())
                .concatMap(
                    result ->
                        result.map((row, metadata) -> Objects.requireNonNull(mapping.of(row)))));
  }

  <T> Flux<T> on(Function<Connection, Publisher<T>> work) {
    return Flux.usingWhen(factory.create(), work, Connection::close);
  }

  static Statement bound(Connection connection, String sql, @Nullable Object... values) {
    Statement statement = connection.createStatement(sql);
    for (int i = 0; i < values.length; i++) {
      Object value = values[i];
      if (value == null) {
        statement.bindNull(i, Object.class);
      } else {
        statement.bind(i, value);
      }
    }
    return statement;
  }

  @Override
  public void close() {
    router.close().block(BOUND);
  }
}
