package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(180)
class ReplicationIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final String IDENTITY =
      "SELECT CONCAT(@@GLOBAL.server_id, ' ', @@GLOBAL.read_only)";

  private final TestServers servers = TestServers.shared();
  private final DatabaseServer source = servers.servers().get(0);
  private final DatabaseServer replica = servers.servers().get(1);

  @BeforeEach
  void check() {
    assumeTrue(servers.replicable());
  }

  @AfterEach
  void restore() {
    servers.restore();
  }

  @Test
  void whatIsMadeOnTheSourceAppearsOnTheReplica() {
    try (Replication replication = servers.replicate(source, replica)) {
      String table = newTable();
      replication.catchUp();
      assertThat(count(table)).isEqualTo("0");
      insert(table, 1);
      replication.catchUp();
      assertThat(count(table)).isEqualTo("1");
    }
  }

  @Test
  void whatWasThereBeforeIsNotRepeated() {
    String table = newTable();
    try (Replication replication = servers.replicate(source, replica)) {
      newTable();
      replication.catchUp();
      assertThatIllegalStateException()
          .isThrownBy(() -> count(table))
          .withMessageContaining(table.substring(0, table.indexOf('.')));
    }
  }

  @Test
  void aStoppedReplicaAppliesNothingUntilItIsResumed() {
    try (Replication replication = servers.replicate(source, replica)) {
      String table = newTable();
      replication.catchUp();
      replication.stopApplying();
      insert(table, 1);
      assertThat(count(table)).isEqualTo("0");
      replication.resumeApplying();
      replication.catchUp();
      assertThat(count(table)).isEqualTo("1");
    }
  }

  @Test
  void aDelayedReplicaAppliesLater() {
    try (Replication replication = servers.replicate(source, replica)) {
      String table = newTable();
      replication.catchUp();
      replication.delay(Duration.ofMinutes(10));
      insert(table, 1);
      assertThat(count(table)).isEqualTo("0");
      replication.delay(Duration.ZERO);
      replication.catchUp();
      assertThat(count(table)).isEqualTo("1");
    }
  }

  @Test
  void itGoesOnAfterEitherServerWasKilled() {
    assumeTrue(servers.controllable());
    try (Replication replication = servers.replicate(source, replica)) {
      String table = newTable();
      insert(table, 1);
      replication.catchUp();
      for (DatabaseServer victim : List.of(replica, source)) {
        servers.restart(victim);
        insert(table, victim.port());
        replication.catchUp();
      }
      assertThat(count(table)).isEqualTo("3");
    }
  }

  @Test
  void closingLeavesTheServersAsTheyWereFound() {
    String before = Sql.value(replica, IDENTITY, BOUND);
    Replication replication = servers.replicate(source, replica);
    assertThatIllegalStateException()
        .isThrownBy(() -> servers.replicate(source, replica))
        .withMessage("replica: " + replica + " (expected: a server that follows no other)");
    replication.close();
    replication.close();

    assertThat(Sql.value(replica, IDENTITY, BOUND)).isEqualTo(before);
    String table = newTable();
    try (Replication again = servers.replicate(replica, source)) {
      again.catchUp();
      assertThatIllegalStateException().isThrownBy(() -> count(table));
    }
  }

  @Test
  void aServerCannotFollowItself() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> servers.replicate(source, source))
        .withMessage("replica: " + source + " (expected: not its own source)");
  }

  private String newTable() {
    String table = servers.freshDatabases("replicated").get(0).name() + ".numbers";
    Sql.run(source, "CREATE TABLE " + table + " (number INT PRIMARY KEY)", BOUND);
    return table;
  }

  private void insert(String table, int number) {
    Sql.run(source, "INSERT INTO " + table + " VALUES (" + number + ")", BOUND);
  }

  private String count(String table) {
    return Sql.value(replica, "SELECT COUNT(*) FROM " + table, BOUND);
  }
}
