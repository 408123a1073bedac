package io.shardflux.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** One MariaDB process with data, temporary files, socket and log in a folder of its own. */
final class EmbeddedServer {

  private static final String HOST = "127.0.0.1";
  private static final String USER = "root";

  /** Marks, together with the data folder, a process that outlived its JVM as one of ours. */
  private static final String MARK = "--pid-file=shardflux.pid";

  private static final Duration START_BOUND = Duration.ofSeconds(60);
  private static final Duration STOP_BOUND = Duration.ofSeconds(30);
  private static final Duration SIGNAL_BOUND = Duration.ofSeconds(10);
  private static final int PORT_ATTEMPTS = 5;
  private static final int LOG_TAIL_BYTES = 2_000;

  private final MariaDbBase base;
  private final Path folder;
  private final Path data;
  private final boolean kept;
  private final int wantedPort;
  private final List<String> options;

  private @Nullable Process process;
  private @Nullable DatabaseServer address;
  private boolean paused;
  private boolean closed;

  /**
   * @param wantedPort 0 for any free one
   * @param kept whether the data matters after this JVM: then it is written through, and the server
   *     is stopped in peace
   * @param options of the server program, which override those here
   */
  EmbeddedServer(
      MariaDbBase base, Path folder, int wantedPort, boolean kept, List<String> options) {
    this.base = base;
    this.folder = folder;
    this.data = folder.resolve("data");
    this.wantedPort = wantedPort;
    this.kept = kept;
    this.options = options;
  }

  /** Available only after {@link #start()}. */
  synchronized DatabaseServer address() {
    if (address == null) {
      throw new IllegalStateException(folder + ": the server was not started");
    }
    return address;
  }

  /** Starts on the data that is there, or on none. Returns when the server answers. */
  synchronized void start() {
    try {
      endLeftover(folder);
      refuseForeignServer();
      prepareFolders();
      startOnSomePort();
    } catch (IOException e) {
      throw new UncheckedIOException(
          folder + ": the server cannot be started: " + e.getMessage(), e);
    }
  }

  synchronized void restart() {
    kill();
    try {
      if (!startOn(address().port())) {
        throw new IOException("it ended at once: " + logTail());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(
          folder + ": the server cannot be restarted: " + e.getMessage(), e);
    }
  }

  synchronized void kill() {
    if (process != null) {
      end(process.toHandle());
    }
    paused = false;
  }

  synchronized void pause() {
    signal("STOP");
    paused = true;
  }

  synchronized void resume() {
    signal("CONT");
    paused = false;
  }

  /** Ends the process and starts no other. A kept server is given time to close its files. */
  synchronized void close() {
    closed = true;
    if (process == null || !process.isAlive()) {
      return;
    }
    if (kept) {
      if (paused) {
        resume();
      }
      process.destroy();
      awaitExit(process, STOP_BOUND);
    }
    kill();
  }

  /** Ends the server that a JVM left running on this folder when it was killed. */
  static void endLeftover(Path folder) {
    String itsData = "--datadir=" + folder.resolve("data");
    ProcessHandle.allProcesses()
        .filter(
            found -> {
              List<String> arguments = List.of(found.info().arguments().orElse(new String[0]));
              return arguments.contains(MARK) && arguments.contains(itsData);
            })
        .forEach(EmbeddedServer::end);
  }

  private void refuseForeignServer() throws IOException {
    if (FolderLock.isLocked(data.resolve("ibdata1"))) {
      throw new IllegalStateException(
          "folder: "
              + data
              + " (expected: data that no other server uses; stop that server first)");
    }
  }

  private void prepareFolders() throws IOException {
    Files.createDirectories(folder);
    Folders.delete(temporary());
    Files.createDirectories(temporary());
    if (Files.notExists(data)) {
      Folders.copy(base.template(), data);
    }
  }

  private void startOnSomePort() throws IOException {
    if (wantedPort != 0) {
      if (!startOn(wantedPort)) {
        throw new IOException("it ended at once on port " + wantedPort + ": " + logTail());
      }
      return;
    }
    for (int attempt = 1; attempt <= PORT_ATTEMPTS; attempt++) {
      if (startOn(Ports.free())) {
        return;
      }
    }
    throw new IOException("it ended at once on " + PORT_ATTEMPTS + " free ports: " + logTail());
  }

  /**
   * False if the process ended before it answered, as it does when another process took the port.
   */
  private boolean startOn(int port) throws IOException {
    if (closed) {
      throw new IOException("the servers were closed");
    }
    Process started = command(port).start();
    process = started;
    DatabaseServer server = new DatabaseServer(HOST, port, USER, "");
    try {
      String itsData = Sql.awaitValue(server, "SELECT @@datadir", START_BOUND, started::isAlive);
      if (!Path.of(itsData).equals(data)) {
        throw new IOException("port " + port + " is another server's, with data in " + itsData);
      }
    } catch (IOException | RuntimeException e) {
      boolean ended = !started.isAlive();
      end(started.toHandle());
      if (ended) {
        return false;
      }
      throw e;
    }
    address = server;
    return true;
  }

  private ProcessBuilder command(int port) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "--datadir=" + data,
                "--tmpdir=" + temporary(),
                // Relative to the data: a socket's whole path may be 107 bytes at most.
                "--socket=mysql.sock",
                MARK,
                "--bind-address=" + HOST,
                "--port=" + port,
                // Servers that follow one another need ids that differ.
                "--server-id=" + port,
                "--character-set-server=utf8mb4",
                "--max-allowed-packet=64M",
                // Both survive the death of the process; 1 survives that of the machine as well.
                "--innodb-flush-log-at-trx-commit=" + (kept ? 1 : 2)));
    if (!kept) {
      // For others to follow; kept data would grow by it for ever.
      all.add("--log-bin=binlog");
    }
    all.addAll(options);
    return base.serverCommand(all).redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
  }

  private Path temporary() {
    return folder.resolve("tmp");
  }

  private Path log() {
    return folder.resolve("server.log");
  }

  private String logTail() throws IOException {
    String text = Files.readString(log(), StandardCharsets.UTF_8);
    return text.substring(Math.max(0, text.length() - LOG_TAIL_BYTES)) + " (" + log() + ")";
  }

  private static void end(ProcessHandle found) {
    found.destroyForcibly();
    try {
      found.onExit().get(SIGNAL_BOUND.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("process " + found.pid() + " cannot be ended", e);
    }
  }

  private static void awaitExit(Process process, Duration bound) {
    try {
      process.waitFor(bound.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void signal(String name) {
    if (process == null || !process.isAlive()) {
      throw new IllegalStateException(folder + ": no server runs there (expected: one to signal)");
    }
    // The shell's own kill: the program of that name is not on every machine.
    Commands.run(SIGNAL_BOUND, "sh", "-c", "kill -" + name + " " + process.pid());
  }
}
