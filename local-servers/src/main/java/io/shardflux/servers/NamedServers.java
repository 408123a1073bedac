package io.shardflux.servers;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** Servers that the user runs and names, and the command, if any, that makes them fail. */
final class NamedServers {

  static final String SERVERS = "shardflux.servers";
  private static final String USER = "shardflux.servers.user";
  private static final String PASSWORD = "shardflux.servers.password";
  private static final String CONTROL = "shardflux.servers.control";
  private static final String EXPECTED =
      "(expected: " + TestServers.COUNT + " different host:port, with commas between)";

  private NamedServers() {}

  /** The servers that the user named, or null. */
  static @Nullable List<DatabaseServer> named() {
    String named = Settings.get(SERVERS);
    if (named == null) {
      return null;
    }
    String user = Settings.get(USER);
    String password = Settings.get(PASSWORD);
    return parse(named, user == null ? "root" : user, password == null ? "" : password);
  }

  static @Nullable Faults faults() {
    String command = Settings.get(CONTROL);
    return command == null ? null : new CommandFaults(command);
  }

  static List<DatabaseServer> parse(String named, String user, String password) {
    if (named.contains("@")) {
      throw new IllegalArgumentException(
          SERVERS
              + ": holds an '@' "
              + EXPECTED
              + "; "
              + USER
              + " and "
              + PASSWORD
              + " name the account");
    }
    List<DatabaseServer> servers = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (String one : named.split(",", -1)) {
      DatabaseServer server = parseOne(one.strip(), user, password);
      if (!seen.add(server.address())) {
        throw new IllegalArgumentException(SERVERS + ": '" + named + "' " + EXPECTED);
      }
      servers.add(server);
    }
    if (servers.size() != TestServers.COUNT) {
      throw new IllegalArgumentException(SERVERS + ": '" + named + "' " + EXPECTED);
    }
    return List.copyOf(servers);
  }

  private static DatabaseServer parseOne(String text, String user, String password) {
    int colon = text.lastIndexOf(':');
    try {
      return new DatabaseServer(
          text.substring(0, Math.max(0, colon)),
          Integer.parseInt(text.substring(colon + 1)),
          user,
          password);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(SERVERS + ": '" + text + "' " + EXPECTED, e);
    }
  }

  /** Calls {@code <command> kill|pause|resume|restart <port>}. */
  private record CommandFaults(String command) implements Faults {

    private static final Duration BOUND = Duration.ofSeconds(60);
    private static final long LOOK_AGAIN_NANOS = 20_000_000;

    @Override
    public void kill(DatabaseServer server) {
      call("kill", server);
      awaitClosedPort(server);
    }

    @Override
    public void pause(DatabaseServer server) {
      call("pause", server);
    }

    @Override
    public void resume(DatabaseServer server) {
      call("resume", server);
    }

    @Override
    public void restart(DatabaseServer server) {
      call("restart", server);
    }

    /** A big process lets go of its port a little after it is reported dead. */
    private static void awaitClosedPort(DatabaseServer server) {
      long end = System.nanoTime() + BOUND.toNanos();
      while (Ports.accept(server.host(), server.port())) {
        if (System.nanoTime() > end) {
          throw new IllegalStateException(server + ": still accepts connections after kill");
        }
        LockSupport.parkNanos(LOOK_AGAIN_NANOS);
      }
    }

    private void call(String verb, DatabaseServer server) {
      Commands.run(BOUND, command, verb, Integer.toString(server.port()));
    }
  }
}
