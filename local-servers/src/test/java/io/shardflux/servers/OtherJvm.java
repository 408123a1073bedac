package io.shardflux.servers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/** A JVM beside the tests' own, which does one thing, says so, and then waits to be ended. */
final class OtherJvm implements AutoCloseable {

  private static final String READY = "ready ";

  private final Process process;
  private final String answer;

  private OtherJvm(Process process, String answer) {
    this.process = process;
    this.answer = answer;
  }

  /** Runs servers on a folder to keep. */
  static OtherJvm withServers(Path folder, int count) throws IOException {
    return run("servers", folder.toString(), Integer.toString(count));
  }

  /** Runs one server on a temporary folder, with binaries unpacked to the cache. */
  static OtherJvm withTemporaryServers(Path cache) {
    try {
      return run("temporary", cache.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Locks a file. */
  static OtherJvm withLocked(Path file) throws IOException {
    return run("lock", file.toString());
  }

  /** Says whether it {@code locked} a folder or was {@code refused}. */
  static OtherJvm tryingToLock(Path folder) throws IOException {
    return run("folder", folder.toString());
  }

  /** The line that the JVM printed when it was ready. */
  String answer() {
    return answer;
  }

  /** Ends it with no chance to clean up. */
  void crash() {
    process.destroyForcibly();
    awaitEnd();
  }

  /** Ends it in peace. */
  @Override
  public void close() {
    process.destroy();
    awaitEnd();
  }

  private void awaitEnd() {
    process.onExit().orTimeout(60, TimeUnit.SECONDS).join();
  }

  private static OtherJvm run(String... arguments) throws IOException {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    ProcessBuilder builder =
        new ProcessBuilder(java.toString(), "-cp", System.getProperty("java.class.path"));
    builder.command().add(OtherJvm.class.getName());
    builder.command().addAll(List.of(arguments));
    Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
    BufferedReader output = process.inputReader(StandardCharsets.UTF_8);
    String line = Objects.requireNonNull(output.readLine(), "the other JVM ended at once");
    while (!line.startsWith(READY)) {
      line = Objects.requireNonNull(output.readLine(), "the other JVM ended");
    }
    return new OtherJvm(process, line.substring(READY.length()));
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    String answer =
        switch (arguments[0]) {
          case "servers" ->
              kept(Path.of(arguments[1]), Integer.parseInt(arguments[2])).servers().toString();
          case "temporary" -> temporary(arguments[1]);
          case "folder" -> FolderLock.tryLock(Path.of(arguments[1])) == null ? "refused" : "locked";
          case "lock" -> lock(Path.of(arguments[1]));
          default -> throw new IllegalArgumentException(arguments[0]);
        };
    System.out.println(READY + answer);
    Thread.currentThread().join();
  }

  private static String temporary(String cache) {
    System.setProperty("shardflux.servers.cache", cache);
    return EmbeddedServers.temporary(1).servers().get(0).address();
  }

  private static EmbeddedServers kept(Path folder, int count) {
    return EmbeddedServers.kept(folder, count);
  }

  private static String lock(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.WRITE).lock().toString();
  }
}
