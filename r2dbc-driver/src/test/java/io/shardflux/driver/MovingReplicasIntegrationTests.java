package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.Replication;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.test.StepVerifier;

/** Reads that prefer replicas, while that of the shard where keys went does not have them yet. */
@Tag("same-on-any-server")
class MovingReplicasIntegrationTests extends MovingUsers {

  private static final TestServers SERVERS = TestServers.shared();
  private static final DatabaseServer REPLICA = SERVERS.servers().get(1);
  private static final String PREFER = "/* shardflux: read-preference=replica-preferred */ ";
  private static final List<String> READS =
      List.of(
          "SELECT id FROM users WHERE id IN (" + listed(all()) + ")",
          "SELECT id FROM users WHERE id IN (" + listed(MOVING) + ")",
          "SELECT id FROM users ORDER BY id",
          "SELECT DISTINCT id FROM users");
  private static @Nullable Replication replication;
  private static @Nullable Database copy;

  /** Before the databases are made. */
  @BeforeAll
  static void replicate() {
    assumeTrue(SERVERS.replicable(), "these servers can't follow one another");
    replication = SERVERS.replicate(SERVERS.servers().get(2), REPLICA);
  }

  @AfterAll
  static void end() {
    if (replication != null) {
      replication.close();
    }
  }

  @Override
  Shard shard(int number, Database database) {
    Shard shard = super.shard(number, database);
    if (number != 2) {
      return shard;
    }
    copy = new Database(REPLICA, database.name());
    return shard.withReplica(copy.r2dbcUrl());
  }

  private static void emptyReplica() {
    Objects.requireNonNull(replication).catchUp();
    try (Session session = new Session(Objects.requireNonNull(copy))) {
      session.run("DELETE FROM users");
    }
  }

  @Test
  void keysThatCameAreReadFromThePrimary() {
    started();
    published(Phase.COPYING);
    known();
    switched();
    emptyReplica();
    // The router looks at the replica's lag once a second.
    StepVerifier.create(
            read("/* shardflux: shard=shard_2, read-preference=replica-preferred */ SELECT COUNT(*)"
                    + " FROM users")
                .filter(count -> count == 0)
                .next()
                .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(50))))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
    known();
    for (long id : all()) {
      StepVerifier.create(read(PREFER + of(id))).expectNext(1L).expectComplete().verify(BOUND);
    }
    READS.forEach(
        sql ->
            StepVerifier.create(read(PREFER + sql).count())
                .expectNext(sql.contains("(" + listed(MOVING) + ")") ? 3L : 7L)
                .expectComplete()
                .verify(BOUND));
  }
}
