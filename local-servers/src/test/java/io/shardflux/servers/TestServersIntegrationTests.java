package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(180)
class TestServersIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final Duration SILENCE = Duration.ofSeconds(1);

  private final TestServers shared = TestServers.shared();

  @AfterEach
  void restore() {
    shared.restore();
  }

  @Test
  void thereAreThreeAndAlwaysTheSame() {
    assertThat(shared.servers()).hasSize(3).doesNotHaveDuplicates();
    assertThat(TestServers.shared()).isSameAs(shared);
  }

  @Test
  void closingTheSharedOnesLeavesThemToOtherTests() {
    TestServers.shared().close();
    assertThat(value(shared.servers().get(0), "SELECT 42")).isEqualTo("42");
  }

  @Test
  void freshDatabasesAreEmptyAndDifferEachTime() {
    List<Database> all = new ArrayList<>(shared.freshDatabases("fresh"));
    all.addAll(shared.freshDatabases("fresh"));
    assertThat(all.stream().map(Database::name)).hasSize(6).doesNotHaveDuplicates();
    for (int i = 0; i < all.size(); i++) {
      Database database = all.get(i);
      assertThat(database.server()).isEqualTo(shared.servers().get(i % 3));
      assertThat(value(database.server(), "SHOW CREATE DATABASE " + database.name()))
          .isEqualTo(database.name());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "A", "1a", "a-b", "a23456789012345678901234567890123"})
  void aPrefixThatMakesNoNameIsRefused(String prefix) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shared.freshDatabases(prefix))
        .withMessageContaining("prefix: '" + prefix + "' (expected: ");
  }

  @Test
  void aKilledServerComesBackWithItsData() {
    assumeTrue(shared.controllable());
    Database database = shared.freshDatabases("killed").get(1);
    String table = database.name() + ".numbers";
    Sql.run(database.server(), "CREATE TABLE " + table + " (number INT PRIMARY KEY)", BOUND);
    Sql.run(database.server(), "INSERT INTO " + table + " VALUES (7)", BOUND);

    shared.kill(database.server());
    shared.kill(database.server());
    assertGone(database.server());
    assertOthersAnswer(database.server());

    shared.restart(database.server());
    assertThat(value(database.server(), "SELECT number FROM " + table)).isEqualTo("7");
  }

  @Test
  void aRunningServerIsRestarted() {
    assumeTrue(shared.controllable());
    DatabaseServer server = shared.servers().get(0);
    shared.restart(server);
    assertThat(Integer.parseInt(uptime(server))).isLessThan(60);
  }

  @Test
  void aPausedServerSaysNothingUntilItIsResumed() {
    assumeTrue(shared.controllable());
    DatabaseServer server = shared.servers().get(2);
    shared.pause(server);
    assertThatIllegalStateException()
        .isThrownBy(() -> Sql.value(server, "SELECT 42", SILENCE))
        .withMessage(server + ": no answer within 1000 ms: silence");
    assertOthersAnswer(server);
    shared.resume(server);
    assertThat(value(server, "SELECT 42")).isEqualTo("42");
  }

  @Test
  void restoringUndoesEveryFault() {
    assumeTrue(shared.controllable());
    shared.pause(shared.servers().get(0));
    shared.kill(shared.servers().get(1));
    shared.pause(shared.servers().get(2));
    shared.kill(shared.servers().get(2));
    shared.restore();
    for (DatabaseServer server : shared.servers()) {
      assertThat(value(server, "SELECT 42")).isEqualTo("42");
    }
  }

  @Test
  void aServerOfOthersIsNotTouched() {
    assumeTrue(shared.controllable());
    DatabaseServer other = new DatabaseServer("127.0.0.1", 1, "root", "");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> shared.kill(other))
        .withMessageContaining("server: root@127.0.0.1:1 (expected: one of ");
  }

  private void assertOthersAnswer(DatabaseServer failed) {
    for (DatabaseServer server : shared.servers()) {
      if (!server.equals(failed)) {
        assertThat(value(server, "SELECT 42")).isEqualTo("42");
      }
    }
  }

  private static void assertGone(DatabaseServer server) {
    assertThatIllegalStateException()
        .isThrownBy(() -> Sql.value(server, "SELECT 42", SILENCE))
        .withMessageStartingWith(server + ": ");
  }

  private static String uptime(DatabaseServer server) {
    boolean mariaDb = value(server, "SELECT VERSION()").contains("MariaDB");
    String schema = mariaDb ? "information_schema" : "performance_schema";
    return value(
        server,
        "SELECT variable_value FROM " + schema + ".global_status WHERE variable_name = 'UPTIME'");
  }

  private static String value(DatabaseServer server, String query) {
    return Sql.value(server, query, BOUND);
  }
}
