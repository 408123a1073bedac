package io.shardflux.benchmarks;

import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A table that is dumped, and loaded elsewhere at the same time. */
final class Dump {

  private Dump() {}

  /** The seconds that it took; null where there is no client of MariaDB to do it with. */
  static @Nullable Double seconds(Database from, Database to, String table) throws IOException {
    String dump = tool("mariadb-dump");
    String load = tool("mariadb");
    if (dump == null || load == null) {
      return null;
    }
    String command =
        dump
            + arguments(from.server())
            + " --single-transaction --no-tablespaces "
            + from.name()
            + " "
            + table
            + " | "
            + load
            + arguments(to.server())
            + " "
            + to.name();
    ProcessBuilder builder = new ProcessBuilder("bash", "-o", "pipefail", "-c", command);
    builder.environment().put("MYSQL_PWD", from.server().password());
    long start = System.nanoTime();
    int end = builder.inheritIO().start().onExit().orTimeout(1, TimeUnit.HOURS).join().exitValue();
    if (end != 0) {
      throw new IllegalStateException("dump of " + table + ": ended by " + end + " (expected: 0)");
    }
    return (System.nanoTime() - start) / 1e9;
  }

  private static String arguments(DatabaseServer server) {
    return " --protocol=tcp --host=%s --port=%d --user=%s"
        .formatted(server.host(), server.port(), server.user());
  }

  /** The one of the embedded servers, or of the path. */
  private static @Nullable String tool(String name) throws IOException {
    Path cache = Path.of(System.getProperty("user.home"), ".cache", "shardflux");
    List<Path> folders =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1)).map(Path::of).toList();
    try (Stream<Path> files =
        Files.isDirectory(cache) ? Files.walk(cache, 4) : Stream.<Path>empty()) {
      return Stream.concat(
              files.filter(file -> file.endsWith(Path.of("bin", name))),
              folders.stream().map(folder -> folder.resolve(name)))
          .filter(Files::isExecutable)
          .map(Path::toString)
          .findFirst()
          .orElse(null);
    }
  }
}
