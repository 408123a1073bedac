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
 * The three servers that tests run against. They are the first of these that are available:
 *
 * <ol>
 *   <li>the servers that the user names: {@code -Dshardflux.servers=host:port,host:port,host:port},
 *       with {@code shardflux.servers.user} (default {@code root}) and {@code
 *       shardflux.servers.password} (default empty);
 *   <li>MySQL by Testcontainers, where that is on the class path and a Docker engine answers;
 *   <li>embedded MariaDB, see {@link EmbeddedServers}.
 * </ol>
 *
 * Each setting can be an environment variable instead, as {@code SHARDFLUX_SERVERS_USER}.
 *
 * <p>Faults (kill, pause and their undoing) work on embedded servers. They work on named servers if
 * {@code shardflux.servers.control} names a program that is called as {@code <program>
 * kill|pause|resume|restart PORT}. Tests that need faults ask {@link #controllable()} first, and
 * call {@link #restore()} after each test, so that the next one finds all servers well.
 *
 * <p>Thread-safe. Every method blocks for a bounded time, so none may be called from an event loop.
 */
public final class TestServers implements AutoCloseable {

  /** The number of servers. */
  public static final int COUNT = 3;

  private static final Duration ANSWER_BOUND = Duration.ofSeconds(30);
  private static final Duration SILENCE = Duration.ofMillis(300);
  private static final Duration DROP_BOUND = Duration.ofSeconds(10);
  private static final Pattern PREFIX = Pattern.compile("[a-z][a-z0-9_]{0,31}");

  private static @Nullable TestServers shared;
  private static @Nullable String sharedFailure;

  private final List<DatabaseServer> servers;
  private final @Nullable Faults faults;
  private final @Nullable AutoCloseable owned;
  private final boolean replicable;
  private final String why;
  private final Set<DatabaseServer> killed = new HashSet<>();
  private final Set<DatabaseServer> paused = new HashSet<>();
  private final List<Database> fresh = new ArrayList<>();
  private final List<Replication> replications = new ArrayList<>();

  /**
   * @param owned closed at the end; null if the user runs the servers
   * @param replicable whether they reach one another where we reach them
   */
  private TestServers(
      List<DatabaseServer> servers,
      @Nullable Faults faults,
      @Nullable AutoCloseable owned,
      boolean replicable,
      String why) {
    this.servers = List.copyOf(servers);
    this.faults = faults;
    this.owned = owned;
    this.replicable = replicable;
    this.why = why;
  }

  /**
   * {@return the servers of all tests in this JVM} The first call starts them, and they end with
   * the JVM. Prints which servers they are and why.
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
      Runtime.getRuntime().addShutdownHook(new Thread(shared::end, "shardflux-test-servers-end"));
      System.out.println("Test servers: " + shared);
    }
    return shared;
  }

  /**
   * Starts embedded servers only for the caller, who must close them. All faults work, except on
   * Windows.
   *
   * @return the running servers, which the caller must close
   */
  public static TestServers embedded() {
    return embedded("started for the caller alone");
  }

  /** {@return the servers, always in the same order} */
  public List<DatabaseServer> servers() {
    return servers;
  }

  /**
   * Makes an empty database on each server, in the order of {@link #servers()}. The names are new
   * and different. The databases are dropped when the servers are closed, or with the JVM.
   *
   * @param prefix the beginning of the names: a lower-case letter, then letters, digits and
   *     underscores, at most 32
   * @return the new databases, one for each server
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

  /** {@return whether one server can follow another; in containers none can} */
  public boolean replicable() {
    return replicable;
  }

  /**
   * Lets a server follow another, from what that does next. The caller must close the replication,
   * once both servers are well. Named servers are also freed of it when these servers are closed,
   * or with the JVM.
   *
   * @param source the server to follow
   * @param replica the server that follows it
   * @return the replication, which the caller must close
   * @throws IllegalArgumentException if they are not two of these servers
   * @throws IllegalStateException if servers are not {@link #replicable()}, the source has no
   *     binary log, the replica follows a server already, or they do not answer
   */
  public synchronized Replication replicate(DatabaseServer source, DatabaseServer replica) {
    check(source);
    check(replica);
    if (source.equals(replica)) {
      throw new IllegalArgumentException("replica: " + replica + " (expected: not its own source)");
    }
    if (!replicable) {
      throw new IllegalStateException(
          "test servers: cannot follow one another (expected: embedded or named ones; ask"
              + " replicable() first)");
    }
    Replication replication = Replication.start(source, replica);
    replications.add(replication);
    return replication;
  }

  /** {@return whether servers can be killed, paused, resumed and restarted} */
  public boolean controllable() {
    return faults != null;
  }

  /**
   * Ends a server as a crash would. Returns when it is gone. Does nothing to a server that was
   * killed before.
   *
   * @param server one of {@link #servers()}
   * @throws IllegalArgumentException if it is not one of these servers
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
   * Stops a server from running: it still accepts connections, and does not answer. Returns when it
   * has stopped. Throws as {@link #kill}.
   *
   * @param server one of {@link #servers()}
   */
  public synchronized void pause(DatabaseServer server) {
    Faults control = control(server);
    if (paused.add(server)) {
      control.pause(server);
      awaitSilence(server);
    }
  }

  /**
   * Lets a paused server run on. Returns when it answers. Throws as {@link #kill}.
   *
   * @param server one of {@link #servers()}
   */
  public synchronized void resume(DatabaseServer server) {
    Faults control = control(server);
    if (paused.remove(server)) {
      control.resume(server);
    }
    awaitAnswer(server);
  }

  /**
   * Starts a server again on its data, killing it first if it runs. Returns when it answers. Throws
   * as {@link #kill}.
   *
   * @param server one of {@link #servers()}
   */
  public synchronized void restart(DatabaseServer server) {
    kill(server);
    control(server).restart(server);
    killed.remove(server);
    awaitAnswer(server);
    replications.forEach(replication -> replication.afterRestart(server));
  }

  /** Resumes paused servers and restarts killed ones. Returns when all servers answer. */
  public synchronized void restore() {
    List.copyOf(paused).forEach(this::resume);
    List.copyOf(killed).forEach(this::restart);
  }

  /** Ends these servers. The shared ones stay, for later tests. */
  @Override
  public void close() {
    if (!isShared(this)) {
      end();
    }
  }

  private static synchronized boolean isShared(TestServers servers) {
    return servers == shared;
  }

  /** The kind of the servers, their addresses, and the reason for the choice. */
  @Override
  public String toString() {
    String versions =
        servers.stream().map(TestServers::version).distinct().collect(Collectors.joining(", "));
    String addresses =
        servers.stream().map(DatabaseServer::address).collect(Collectors.joining(", "));
    return versions + " at " + addresses + " (" + why + ")";
  }

  static TestServers choose() {
    List<DatabaseServer> named = NamedServers.named();
    if (named != null) {
      return ofUser(named);
    }
    String none = NamedServers.SERVERS + " names none, ";
    if (!hasTestcontainers()) {
      return embedded(none + "Testcontainers is not on the class path");
    }
    if (!DockerEngine.listens()) {
      return embedded(none + "no Docker engine answers");
    }
    try {
      return inContainers(none + "Docker answers");
    } catch (RuntimeException e) {
      return embedded(none + "Docker answers but failed: " + e.getMessage());
    }
  }

  private static TestServers ofUser(List<DatabaseServer> named) {
    Faults faults = NamedServers.faults();
    named.forEach(TestServers::awaitAnswer);
    String how = faults == null ? "cannot" : "can";
    return new TestServers(
        named,
        faults,
        null,
        true,
        NamedServers.SERVERS + " names them, they " + how + " be killed");
  }

  private static TestServers inContainers(String why) {
    ContainerServers containers = ContainerServers.start(COUNT);
    containers.servers().forEach(TestServers::awaitAnswer);
    return new TestServers(containers.servers(), null, containers, false, why);
  }

  private static TestServers embedded(String why) {
    EmbeddedServers embedded = EmbeddedServers.temporary(COUNT);
    Faults faults = EmbeddedServers.canFail() ? embedded.faults() : null;
    return new TestServers(embedded.servers(), faults, embedded, true, why);
  }

  private static boolean hasTestcontainers() {
    try {
      Class.forName(
          "org.testcontainers.containers.GenericContainer",
          false,
          TestServers.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static String version(DatabaseServer server) {
    String version = Sql.value(server, "SELECT VERSION()", ANSWER_BOUND);
    return version.contains("MariaDB") ? version : "MySQL " + version;
  }

  private static void awaitAnswer(DatabaseServer server) {
    Sql.awaitValue(server, "SELECT 1", ANSWER_BOUND, () -> true);
  }

  /** A signal takes effect a moment after it was sent, and until then the server answers. */
  private static void awaitSilence(DatabaseServer server) {
    long end = System.nanoTime() + ANSWER_BOUND.toNanos();
    while (Ports.greets(server.host(), server.port(), SILENCE)) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(server + ": still answers after pause");
      }
    }
  }

  /** Leaves servers of the user as they were found. */
  private synchronized void end() {
    if (owned == null) {
      restore();
      replications.forEach(Replication::close);
      dropFresh();
      return;
    }
    try {
      owned.close();
    } catch (Exception e) {
      throw new IllegalStateException("test servers: not ended: " + e.getMessage(), e);
    }
  }

  private synchronized void remember(Database database) {
    fresh.add(database);
    for (Replication replication : replications) {
      if (replication.follows(database.server())) {
        fresh.add(new Database(replication.replica(), database.name()));
      }
    }
  }

  private void dropFresh() {
    for (Database database : fresh) {
      Sql.run(database.server(), "DROP DATABASE IF EXISTS `" + database.name() + "`", DROP_BOUND);
    }
    fresh.clear();
  }

  private Faults control(DatabaseServer server) {
    check(server);
    if (faults == null) {
      throw new IllegalStateException(
          "test servers: cannot be made to fail (expected: embedded ones, or named ones with"
              + " shardflux.servers.control; ask controllable() first)");
    }
    return faults;
  }

  private void check(DatabaseServer server) {
    if (!servers.contains(server)) {
      throw new IllegalArgumentException(
          "server: " + server + " (expected: one of " + servers + ")");
    }
  }
}
