package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.shard.ReplicaLag;
import io.shardflux.r2dbc.shard.ReplicaLag.Following;
import io.shardflux.r2dbc.shard.ReplicaLag.Severed;
import io.shardflux.r2dbc.shard.ReplicaLag.Unknown;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.function.Function;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class ReplicaLagIntegrationTests {

  private static final ReplicaLag NONE = new Following(Duration.ZERO);

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer source = servers.servers().get(0);
  private final DatabaseServer replica = servers.servers().get(1);
  private Replication replication;
  private Database database;

  @BeforeEach
  void replicate() {
    assumeTrue(servers.replicable(), "these servers can't follow one another");
    replication = servers.replicate(source, replica);
    database = servers.freshDatabases("lag").get(0);
    run(source, "CREATE TABLE " + table() + " (id INT PRIMARY KEY)");
    replication.catchUp();
  }

  @AfterEach
  void restore() {
    servers.restore();
    replication.close();
  }

  @Test
  void whatHasCaughtUpIsNotBehind() {
    assertThat(lag(replica)).isEqualTo(NONE);
  }

  @Test
  void aSourceIsNoReplica() {
    assertThat(lag(source)).isEqualTo(new Unknown("not a replica"));
  }

  @Test
  void aDelayedReplicaGrowsOlderAndCatchesUp() {
    replication.delay(Duration.ofMinutes(10));
    insert(1);
    awaitLag(
        lag -> lag instanceof Following it && it.behind().compareTo(Duration.ofSeconds(2)) >= 0);
    replication.delay(Duration.ZERO);
    replication.catchUp();
    awaitLag(NONE::equals);
  }

  @Test
  void aStoppedApplierIsToldApart() {
    replication.stopApplying();
    assertThat(lag(replica)).isEqualTo(new Unknown("applies nothing (applier: No)"));
    replication.resumeApplying();
    awaitLag(NONE::equals);
  }

  @Test
  void aStoppedReceiverIsSevered() {
    run(replica, "STOP REPLICA IO_THREAD");
    assertThat(lag(replica)).isEqualTo(new Severed("receives nothing (receiver: No)"));
    run(replica, "START REPLICA IO_THREAD");
    awaitLag(NONE::equals);
  }

  @Test
  void aLostSourceIsSeveredUntilItIsBack() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    servers.kill(source);
    awaitLag(new Severed("receives nothing (receiver: Connecting, error 2003)")::equals);
    servers.restart(source);
    awaitLag(NONE::equals);
  }

  @Test
  void aBrokenApplierTellsTheErrorAndNoRow() {
    run(replica, "INSERT INTO " + table() + " VALUES (1)");
    insert(1);
    awaitLag(new Unknown("applies nothing (applier: No, error 1062)")::equals);
  }

  @Test
  void ofTwoSourcesTheStoppedOneCounts() {
    String other = "_HOST='127.0.0.1', %s_PORT=1, %s_USER='root'";
    if (mariaDb()) {
      run(replica, "CHANGE MASTER 'second' TO MASTER" + other.replace("%s", "MASTER"));
    } else {
      run(
          replica,
          "CHANGE REPLICATION SOURCE TO SOURCE"
              + other.replace("%s", "SOURCE")
              + " FOR CHANNEL 'second'");
    }
    try {
      assertThat(lag(replica)).isEqualTo(new Unknown("applies nothing (applier: No)"));
    } finally {
      run(
          replica,
          mariaDb() ? "RESET REPLICA 'second' ALL" : "RESET REPLICA ALL FOR CHANNEL 'second'");
    }
    assertThat(lag(replica)).isEqualTo(NONE);
  }

  @Test
  void aMissingPrivilegeIsNamedAndItsGrantIsEnough() {
    String account = "'lag_reader'@'%'";
    run(replica, "CREATE USER " + account + " IDENTIFIED BY 'geheim'");
    try {
      DatabaseServer limited =
          new DatabaseServer(replica.host(), replica.port(), "lag_reader", "geheim");
      String privilege = mariaDb() ? "REPLICA MONITOR" : "REPLICATION CLIENT";
      assertThat(lag(limited)).isEqualTo(new Unknown("privilege missing: " + privilege));

      run(replica, "GRANT " + privilege + " ON *.* TO " + account);
      assertThat(lag(limited)).isEqualTo(NONE);
    } finally {
      run(replica, "DROP USER " + account);
    }
  }

  private String table() {
    return database.name() + ".numbers";
  }

  private void insert(int id) {
    run(source, "INSERT INTO " + table() + " VALUES (" + id + ")");
  }

  private boolean mariaDb() {
    return on(replica, connection -> Mono.just(connection.getMetadata().getDatabaseVersion()))
        .blockOptional(BOUND)
        .orElseThrow()
        .contains("MariaDB");
  }

  private void awaitLag(Predicate<ReplicaLag> expected) {
    StepVerifier.create(
            on(replica, ReplicaLag::of)
                .filter(expected)
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(100))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  private static ReplicaLag lag(DatabaseServer server) {
    return on(server, ReplicaLag::of).blockOptional(BOUND).orElseThrow();
  }

  private static void run(DatabaseServer server, String sql) {
    on(
            server,
            connection ->
                Flux.from(connection.createStatement(sql).execute())
                    .concatMap(Result::getRowsUpdated)
                    .then())
        .block(BOUND);
  }

  private static <T> Mono<T> on(
      DatabaseServer server, Function<Connection, ? extends Publisher<T>> work) {
    ConnectionFactoryOptions options = ConnectionFactoryOptions.parse(server.r2dbcUrl());
    return Mono.usingWhen(
        ConnectionFactories.get(options).create(),
        connection -> Mono.from(work.apply(connection)),
        Connection::close);
  }
}
