package io.shardflux.servers;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The three servers that tests run against. One order decides which they are:
 *
 * <ol>
 *   <li>those that the user names: {@code -Dshardflux.servers=host:port,host:port,host:port}, with
 *       {@code shardflux.servers.user} (default {@code root}) and {@code
 *       shardflux.servers.password} (default empty);
 *   <li>MySQL by Testcontainers, where that is on the class path and a Docker engine answers;
 *   <li>embedded MariaDB, see {@link EmbeddedServers}.
 * </ol>
 *
 * Each setting can be an environment variable instead, as {@code SHARDFLUX_SERVERS_USER}.
 *
 * <p>Faults (kill, pause and their undoing) work on embedded servers, and on named ones if {@code
 * shardflux.servers.control} names a program that is called as {@code <program>
 * kill|pause|resume|restart PORT}. Tests that need them ask {@link #controllable()} first, and call
 * {@link #restore()} after each test, so that the next one finds all servers well.
 *
 * <p>Safe for use by many threads; every method blocks for a bounded time, so none is to be called
 * from an event loop.
 */
public final class TestServers implements AutoCloseable {

  /** How many servers there are. */
  public static final int COUNT = 3;

  private static final Duration ANSWER_BOUND = Duration.ofSeconds(60);
  private static final Duration DROP_BOUND = Duration.ofSeconds(10);
  private static final Pattern PREFIX = Pattern.compile("[a-z][a-z0-9_]{0,31}");

  private static @Nullable TestServers shared;
  private static @Nullable String sharedFailure;

  private final List<DatabaseServer> servers;
  private final @Nullable Faults faults;
  private final AutoCloseable source;
  private final Set<DatabaseServer> killed = new HashSet<>();
  private final Set<DatabaseServer> paused = new HashSet<>();
  private final List<Database> fresh = new ArrayList<>();

  private TestServers(List<DatabaseServer> servers, @Nullable Faults faults, AutoCloseable source) {
    this.servers = servers;
    this.faults = faults;
    this.source = source;
  }

  /**
   * The servers of all tests in this JVM: started by the first call, ended with the JVM. Prints
   * which they are and why.
   *
   * @throws IllegalArgumentException if a setting is wrong
   * @throws RuntimeException if they cannot be started or do not answer; later calls do not try
   *     again
   */
  public static synchronized TestServers shared() {
    if (sharedFailure != null) {
      throw new IllegalStateException("test servers: failed before: " + sharedFailure);
    }
    if (shared == null) {
      try {
        shared = choose();
      } catch (RuntimeException e) {
        sharedFailure = String.valueOf(e.getMessage());
        throw e;
      }
      Runtime.getRuntime().addShutdownHook(new Thread(shared::close, "shardflux-test-servers-end"));
    }
    return shared;
  }

  /**
   * Starts embedded servers for the caller alone, who closes them. All faults work, except on
   * Windows.
   */
  public static TestServers embedded() {
    EmbeddedServers embedded = EmbeddedServers.temporary(COUNT);
    Faults faults = EmbeddedServers.canFail() ? embedded.faults() : null;
    return new TestServers(embedded.servers(), faults, embedded);
  }

  /** The servers, always in the same order. */
  public List<DatabaseServer> servers() {
    return servers;
  }

  /**
   * Makes an empty database on each server, in the order of {@link #servers()}. Their names are new
   * and different; they are dropped when the servers are closed, or with the JVM.
   *
   * @param prefix what the names begin with: a lower-case letter, then letters, digits and
   *     underscores, at most 32
   */
  public List<Database> freshDatabases(String prefix) {
    if (!PREFIX.matcher(prefix).matches()) {
      throw new IllegalArgumentException(
          "prefix: '" + prefix + "' (expected: a-z, then a-z, 0-9 and _, at most 32)");
    }
    String run = Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
    List<Database> made = new ArrayList<>();
    for (int i = 0; i < servers.size(); i++) {
      Database database = servers.get(i).createDatabase(prefix + "_" + run + "_" + i);
      made.add(database);
      remember(database);
    }
    return List.copyOf(made);
  }

  /** Whether servers can be killed, paused, resumed and restarted. */
  public boolean controllable() {
    return faults != null;
  }

  /**
   * Ends a server as a crash would; back when it is gone. Nothing happens to one that was killed
   * before.
   *
   * @throws IllegalArgumentException if it is none of these
   * @throws IllegalStateException if servers are not {@link #controllable()}, or the fault cannot
   *     be made
   */
  public synchronized void kill(DatabaseServer server) {
    Faults control = control(server);
    if (killed.add(server)) {
      control.kill(server);
      paused.remove(server);
    }
  }

  /**
   * Stops a server from running: it still accepts connections, and says nothing. Throws as {@link
   * #kill}.
   */
  public synchronized void pause(DatabaseServer server) {
    Faults control = control(server);
    if (paused.add(server)) {
      control.pause(server);
    }
  }

  /** Lets a paused server run on; back when it answers. Throws as {@link #kill}. */
  public synchronized void resume(DatabaseServer server) {
    Faults control = control(server);
    if (paused.remove(server)) {
      control.resume(server);
    }
    awaitAnswer(server);
  }

  /**
   * Starts a server again on its data, killing it first if it runs; back when it answers. Throws as
   * {@link #kill}.
   */
  public synchronized void restart(DatabaseServer server) {
    kill(server);
    control(server).restart(server);
    killed.remove(server);
    awaitAnswer(server);
  }

  /** Resumes what is paused and restarts what was killed; back when all servers answer. */
  public synchronized void restore() {
    List.copyOf(paused).forEach(this::resume);
    List.copyOf(killed).forEach(this::restart);
  }

  /** Ends these servers, or, where the user runs them, leaves them as they were found. */
  @Override
  public synchronized void close() {
    try {
      source.close();
    } catch (Exception e) {
      throw new IllegalStateException("test servers: not ended: " + e.getMessage(), e);
    }
  }

  private static TestServers choose() {
    List<DatabaseServer> named = NamedServers.named();
    if (named != null) {
      return ofUser(named);
    }
    String whyNoContainers = whyNoContainers();
    if (whyNoContainers.isEmpty()) {
      ContainerServers containers = ContainerServers.start(COUNT);
      return announced(
          new TestServers(containers.servers(), null, containers),
          NamedServers.SERVERS + " names none, and Docker answers");
    }
    return announced(embedded(), NamedServers.SERVERS + " names none, and " + whyNoContainers);
  }

  private static TestServers ofUser(List<DatabaseServer> named) {
    List<AutoCloseable> end = new ArrayList<>();
    TestServers servers =
        new TestServers(
            named,
            NamedServers.faults(),
            () -> {
              for (AutoCloseable step : end) {
                step.close();
              }
            });
    end.add(servers::restore);
    end.add(servers::dropFresh);
    String how = servers.controllable() ? "can be killed" : "cannot be killed";
    return announced(servers, NamedServers.SERVERS + " names them; they " + how);
  }

  private static String whyNoContainers() {
    try {
      Class.forName(
          "org.testcontainers.containers.GenericContainer",
          false,
          TestServers.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      return "Testcontainers is not on the class path";
    }
    return DockerEngine.listens() ? "" : "no Docker engine answers";
  }

  private static TestServers announced(TestServers servers, String why) {
    String version =
        servers.servers.stream()
            .map(TestServers::awaitVersion)
            .distinct()
            .collect(Collectors.joining(", "));
    String addresses =
        servers.servers.stream().map(DatabaseServer::address).collect(Collectors.joining(", "));
    System.out.println("Test servers: " + version + " at " + addresses + " (" + why + ")");
    return servers;
  }

  private static String awaitVersion(DatabaseServer server) {
    return Sql.awaitValue(server, "SELECT VERSION()", ANSWER_BOUND, () -> true);
  }

  private static void awaitAnswer(DatabaseServer server) {
    Sql.awaitValue(server, "SELECT 1", ANSWER_BOUND, () -> true);
  }

  private synchronized void remember(Database database) {
    fresh.add(database);
  }

  private void dropFresh() {
    for (Database database : fresh) {
      Sql.run(database.server(), "DROP DATABASE IF EXISTS `" + database.name() + "`", DROP_BOUND);
    }
    fresh.clear();
  }

  private Faults control(DatabaseServer server) {
    if (!servers.contains(server)) {
      throw new IllegalArgumentException(
          "server: " + server + " (expected: one of " + servers + ")");
    }
    if (faults == null) {
      throw new IllegalStateException(
          "test servers: cannot be made to fail (expected: embedded ones, or named ones with"
              + " shardflux.servers.control; ask controllable() first)");
    }
    return faults;
  }
}
