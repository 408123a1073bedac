package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Servers that exist before they are named: embedded ones, here in the user's part. */
@Timeout(120)
@DisabledOnOs(OS.WINDOWS)
class NamedServersIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(10);

  private static final TestServers users = TestServers.embedded();

  private final Map<String, String> before = new TreeMap<>();

  @BeforeAll
  static void createAccount() {
    for (DatabaseServer server : users.servers()) {
      Sql.run(server, "CREATE USER tester@'127.0.0.1' IDENTIFIED BY 'geheim %'", BOUND);
      Sql.run(server, "GRANT ALL ON *.* TO tester@'127.0.0.1'", BOUND);
    }
  }

  @AfterAll
  static void close() {
    users.close();
  }

  @BeforeEach
  void nameThem() {
    System.getProperties()
        .forEach(
            (name, value) -> {
              if (name.toString().startsWith("shardflux.servers")) {
                before.put(name.toString(), value.toString());
              }
            });
    before.keySet().forEach(System::clearProperty);
    System.setProperty(
        "shardflux.servers",
        users.servers().stream().map(DatabaseServer::address).collect(Collectors.joining(",")));
    System.setProperty("shardflux.servers.user", "tester");
    System.setProperty("shardflux.servers.password", "geheim %");
  }

  @AfterEach
  void forgetThem() {
    for (String name : List.of("", ".user", ".password", ".control")) {
      System.clearProperty("shardflux.servers" + name);
    }
    before.forEach(System::setProperty);
  }

  @Test
  void freshDatabasesAreDroppedAtTheEnd() {
    TestServers named = TestServers.choose();
    List<Database> fresh = named.freshDatabases("named");
    assertThat(countOf(fresh)).isEqualTo(3);
    named.close();
    assertThat(countOf(fresh)).isZero();
  }

  @Test
  void withoutACommandTheyCannotBeControlled() {
    try (TestServers named = TestServers.choose()) {
      assertThat(named.controllable()).isFalse();
      assertThatIllegalStateException()
          .isThrownBy(() -> named.kill(named.servers().get(0)))
          .withMessageContaining("shardflux.servers.control");
    }
  }

  /** Writes down its arguments, and signals the server, which is known by its port. */
  private static final String CONTROL =
      """
      #!/bin/sh
      echo "$@" >> %s
      [ "$1" = pause ] && signal=STOP || signal=CONT
      for process in /proc/[0-9]*; do
        if tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q "mariadbd .*--port=$2 "; then
          kill -$signal ${process#/proc/}
        fi
      done
      """;

  @Test
  void theCommandIsCalledWithVerbAndPortAndUndoesWhatIsLeft(@TempDir Path folder)
      throws IOException {
    Path calls = folder.resolve("calls");
    Path command = folder.resolve("control");
    Files.writeString(command, CONTROL.formatted(calls));
    assertThat(command.toFile().setExecutable(true)).isTrue();
    System.setProperty("shardflux.servers.control", command.toString());
    TestServers named = TestServers.choose();
    DatabaseServer server = named.servers().get(1);

    named.pause(server);
    named.resume(server);
    named.pause(server);
    named.close();

    assertThat(calls)
        .content()
        .isEqualTo("pause P\nresume P\npause P\nresume P\n".replace("P", "" + server.port()));
  }

  @Test
  void aServerThatRefusesTheAccountIsNamedAtOnceAndThePasswordIsNot() {
    System.setProperty("shardflux.servers.password", "falsch");
    assertThatIllegalStateException()
        .isThrownBy(TestServers::choose)
        .withMessageStartingWith("tester@" + users.servers().get(0).address() + ": Access denied")
        .withMessageNotContaining("falsch");
  }

  private static int countOf(List<Database> databases) {
    int count = 0;
    for (Database database : databases) {
      count +=
          Integer.parseInt(
              Sql.value(
                  database.server(),
                  "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '"
                      + database.name()
                      + "'",
                  BOUND));
    }
    return count;
  }
}
