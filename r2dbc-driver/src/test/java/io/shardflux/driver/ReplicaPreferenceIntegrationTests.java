package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Two shards, of which the first has a replica where a row tells that it is one. */
@Tag("same-on-any-server")
class ReplicaPreferenceIntegrationTests {

  private static final List<ShardId> IDS = List.of(ShardId.of("shard_0"), ShardId.of("shard_1"));
  private static final String REPLICA = "/* shardflux: read-preference=replica-preferred */ ";
  private static final String WHO = "SELECT name FROM users WHERE id = 2";
  private static final String ALL = "SELECT name FROM users ORDER BY id";

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer primary = servers.servers().get(0);
  private final DatabaseServer replica = servers.servers().get(1);
  private Replication replication;
  private ShardRouter router;
  private ShardfluxConnectionFactory factory;

  @BeforeEach
  void load() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    replication = servers.replicate(primary, replica);
    List<Database> databases = servers.freshDatabases("preference");
    Database copy = new Database(replica, databases.get(0).name());
    router =
        ShardRouter.builder()
            .shard(Shard.of("shard_0", databases.get(0).r2dbcUrl()).withReplica(copy.r2dbcUrl()))
            .shard(Shard.of("shard_1", databases.get(2).r2dbcUrl()))
            .strategy("by_id", ShardingStrategy.modulo(IDS))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"))
            .reads(ReadOptions.defaults().withMaxLag(Duration.ofSeconds(30)))
            .build();
    factory = ShardfluxConnectionFactory.of(router);
    IDS.forEach(
        shard ->
            router
                .on(shard)
                .sql("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20))")
                .rowsUpdated()
                .block(BOUND));
    write("INSERT INTO users VALUES (1, 'other'), (2, 'primary')");
    replication.catchUp();
    try (Session session = new Session(copy)) {
      session.run("UPDATE users SET name = 'replica' WHERE id = 2");
    }
    // The router looks at the replica's lag once a second.
    StepVerifier.create(
            read(REPLICA + WHO)
                .filter("replica"::equals)
                .next()
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  @AfterEach
  void close() {
    if (router != null) {
      router.close().block(BOUND);
      replication.close();
    }
  }

  @Test
  void whatPrefersTheReplicaGoesThere() {
    expect(REPLICA + WHO, "replica");
    expect(REPLICA + ALL, "other", "replica");
  }

  @Test
  void allElseGoesToThePrimary() {
    expect(WHO, "primary");
    expect(ALL, "other", "primary");
    expect(REPLICA + WHO + " FOR UPDATE", "primary");
    write(REPLICA + "UPDATE users SET name = CONCAT(name, '!') WHERE id IN (1, 2)");
    expect(ALL, "other!", "primary!");
  }

  @Test
  void aTransactionIsOnThePrimary() {
    StepVerifier.create(
            Flux.usingWhen(
                factory.create(),
                connection ->
                    Mono.from(connection.beginTransaction())
                        .thenMany(read(connection, REPLICA + WHO)),
                Connection::close))
        .expectNext("primary")
        .expectComplete()
        .verify(BOUND);
  }

  private void expect(String sql, String... names) {
    StepVerifier.create(read(sql)).expectNext(names).expectComplete().verify(BOUND);
  }

  private Flux<String> read(String sql) {
    return Flux.usingWhen(factory.create(), connection -> read(connection, sql), Connection::close);
  }

  private static Flux<String> read(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, String.class))));
  }

  private void write(String sql) {
    assertThat(
            Flux.usingWhen(
                    factory.create(),
                    connection ->
                        Flux.from(connection.createStatement(sql).execute())
                            .concatMap(Result::getRowsUpdated),
                    Connection::close)
                .blockLast(BOUND))
        .isEqualTo(2);
  }
}
