package io.shardflux.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
@Tag("same-on-any-server")
class EmbeddedServersIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(10);

  private final Path folder;

  EmbeddedServersIntegrationTests(@TempDir Path folder) throws IOException {
    this.folder = folder.toRealPath();
  }

  @Test
  void serversAreSeparateAndOnLoopbackAlone() {
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder, 3)) {
      assertThat(values(embedded, "SELECT @@datadir"))
          .containsExactly(dataOf(0), dataOf(1), dataOf(2));
      assertThat(values(embedded, "SELECT @@tmpdir")).doesNotHaveDuplicates();
      assertThat(values(embedded, "SELECT @@basedir").stream().distinct()).hasSize(1);
      assertThat(values(embedded, "SELECT @@bind_address")).containsOnly("127.0.0.1");
      assertThat(values(embedded, "SELECT @@innodb_buffer_pool_size"))
          .containsOnly(Integer.toString(64 << 20));
    }
  }

  @Test
  void keptDataIsThereInTheNextRun() {
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder, 2)) {
      write(embedded.servers().get(0), 10);
      write(embedded.servers().get(1), 11);
    }
    assertThat(processesOn(folder)).isZero();
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder, 2)) {
      assertThat(read(embedded.servers().get(0))).isEqualTo("10");
      assertThat(read(embedded.servers().get(1))).isEqualTo("11");
    }
  }

  @Test
  void temporaryDataIsDeleted() {
    EmbeddedServers embedded = EmbeddedServers.temporary(1);
    Path all = folderOf(embedded.servers().get(0));
    assertThat(all.resolve("server-0/data")).isDirectory();
    embedded.close();
    embedded.close();
    assertThat(all).doesNotExist();
  }

  @Test
  void aLongFolderNameIsNoObstacle() {
    Path deep = folder.resolve("d".repeat(120)).resolve("e".repeat(120));
    try (EmbeddedServers embedded = EmbeddedServers.kept(deep, 1)) {
      assertThat(value(embedded.servers().get(0), "SELECT 42")).isEqualTo("42");
    }
  }

  @Test
  void portsCanBeGiven() throws IOException {
    int port = freePort();
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder, List.of(0, port))) {
      assertThat(embedded.servers().get(0).port()).isNotEqualTo(port);
      assertThat(embedded.servers().get(1).port()).isEqualTo(port);
    }
  }

  @Test
  void aGivenPortThatIsTakenIsNamedAndNothingIsLeftRunning() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThatThrownBy(() -> EmbeddedServers.kept(folder, List.of(0, taken.getLocalPort())))
          .hasMessageContaining("port " + taken.getLocalPort())
          .hasMessageContaining("Address already in use");
    }
    assertThat(processesOn(folder)).isZero();
    EmbeddedServers.kept(folder, 2).close();
  }

  @Test
  void aFolderInUseIsRefused() throws Exception {
    EmbeddedServers first = EmbeddedServers.kept(folder, 1);
    try (first) {
      assertRefused(ProcessHandle.current().pid());
      assertThat(value(first.servers().get(0), "SELECT 1")).isEqualTo("1");
    }
    Path link = folder.resolveSibling(folder.getFileName() + "-link");
    try (OtherJvm other = OtherJvm.withServers(folder, 1)) {
      assertThat(other.answer()).contains("127.0.0.1");
      assertThatIllegalStateException()
          .isThrownBy(() -> EmbeddedServers.kept(Files.createSymbolicLink(link, folder), 1))
          .withMessageContaining("folder: " + folder + " (expected: ");
    } finally {
      Files.deleteIfExists(link);
    }
    EmbeddedServers.kept(folder, 1).close();
  }

  @Test
  void dataThatAnotherServerUsesIsRefused() throws Exception {
    EmbeddedServers.kept(folder, 1).close();
    Path data = folder.resolve("server-0/data");
    try (OtherJvm other = OtherJvm.withLocked(data.resolve("ibdata1"))) {
      assertThat(other.answer()).isNotEmpty();
      assertThatIllegalStateException()
          .isThrownBy(() -> EmbeddedServers.kept(folder, 1))
          .withMessageContaining("folder: " + data + " (expected: data that no other server uses");
    }
    EmbeddedServers.kept(folder, 1).close();
  }

  @Test
  void fewerServersThanTheFolderHoldsAreRefused() {
    EmbeddedServers.kept(folder, 2).close();
    assertThatIllegalArgumentException()
        .isThrownBy(() -> EmbeddedServers.kept(folder, 1))
        .withMessage("count: 1 (expected: 2, as many as " + folder + " holds)");
  }

  @Test
  void whatACrashedJvmLeftIsRecovered() throws Exception {
    OtherJvm other = OtherJvm.withServers(folder, 1);
    other.crash();
    assertThat(processesOn(folder)).isEqualTo(1);
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder, 1)) {
      assertThat(processesOn(folder)).isEqualTo(1);
      write(embedded.servers().get(0), 12);
      assertThat(read(embedded.servers().get(0))).isEqualTo("12");
    }
    assertThat(processesOn(folder)).isZero();
  }

  @Test
  void whatACrashedJvmLeftInTheTemporaryFolderIsCleared() throws Exception {
    OtherJvm other = OtherJvm.withTemporaryServers(MariaDbBase.cache());
    DatabaseServer left = server(other.answer());
    Path all = folderOf(left);
    other.crash();
    EmbeddedServers.temporary(1).close();
    assertThat(all).doesNotExist();
    assertThat(processesOn(all)).isZero();
  }

  @Test
  void serversEndWithTheJvm() throws Exception {
    OtherJvm other = OtherJvm.withServers(folder, 2);
    assertThat(processesOn(folder)).isEqualTo(2);
    other.close();
    assertThat(processesOn(folder)).isZero();
  }

  @Test
  void manyCanStartAtOnce() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      List<CompletableFuture<Integer>> ports =
          IntStream.range(0, 3)
              .mapToObj(i -> CompletableFuture.supplyAsync(() -> portOfOne(i), threads))
              .toList();
      for (CompletableFuture<Integer> port : ports) {
        assertThat(port.get(100, TimeUnit.SECONDS)).isBetween(20_000, 31_999);
      }
    } finally {
      threads.shutdown();
    }
  }

  @Test
  void twoJvmsUnpackOnce() throws Exception {
    Path cache = folder.resolve("cache");
    CompletableFuture<OtherJvm> first =
        CompletableFuture.supplyAsync(() -> OtherJvm.withTemporaryServers(cache));
    CompletableFuture<OtherJvm> second =
        CompletableFuture.supplyAsync(() -> OtherJvm.withTemporaryServers(cache));
    try (OtherJvm one = first.get(100, TimeUnit.SECONDS);
        OtherJvm other = second.get(100, TimeUnit.SECONDS)) {
      assertThat(value(server(one.answer()), "SELECT 42")).isEqualTo("42");
      assertThat(value(server(other.answer()), "SELECT 42")).isEqualTo("42");
    }
    assertThat(cache.toFile().list()).hasSize(2).contains("lock");
  }

  private int portOfOne(int i) {
    try (EmbeddedServers embedded = EmbeddedServers.kept(folder.resolve("many-" + i), 1)) {
      return embedded.servers().get(0).port();
    }
  }

  private void assertRefused(long holder) {
    assertThatIllegalStateException()
        .isThrownBy(() -> EmbeddedServers.kept(folder, 1))
        .withMessageContaining("folder: " + folder + " (expected: ")
        .withMessageContaining("process " + holder);
  }

  private String dataOf(int server) {
    return folder.resolve("server-" + server).resolve("data") + "/";
  }

  private static List<String> values(EmbeddedServers embedded, String query) {
    return embedded.servers().stream().map(server -> value(server, query)).toList();
  }

  private static String value(DatabaseServer server, String query) {
    return Sql.value(server, query, BOUND);
  }

  private static Path folderOf(DatabaseServer server) {
    return Path.of(value(server, "SELECT @@datadir")).resolve("../..").normalize();
  }

  private static void write(DatabaseServer server, int number) {
    server.createDatabase("kept");
    Sql.run(server, "CREATE TABLE kept.numbers (number INT PRIMARY KEY)", BOUND);
    Sql.run(server, "INSERT INTO kept.numbers VALUES (" + number + ")", BOUND);
  }

  private static String read(DatabaseServer server) {
    return value(server, "SELECT number FROM kept.numbers");
  }

  private static DatabaseServer server(String address) {
    int colon = address.lastIndexOf(':');
    int port = Integer.parseInt(address.substring(colon + 1));
    return new DatabaseServer(address.substring(0, colon), port, "root", "");
  }

  private static long processesOn(Path folder) {
    return ProcessHandle.allProcesses()
        .map(process -> List.of(process.info().arguments().orElse(new String[0])))
        .filter(
            arguments -> arguments.stream().anyMatch(one -> one.startsWith("--datadir=" + folder)))
        .count();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
