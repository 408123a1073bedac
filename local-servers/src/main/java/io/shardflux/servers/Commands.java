package io.shardflux.servers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Runs other programs to their end. */
final class Commands {

  private Commands() {}

  /**
   * Runs a program.
   *
   * @throws IllegalStateException if it fails, with its output, or if it does not end within the
   *     bound
   */
  static void run(Duration bound, String... command) {
    try {
      // A file and no pipe: what the program leaves running may keep a pipe open for ever.
      Path output = Files.createTempFile("shardflux-", ".out");
      try {
        Process process =
            new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        boolean ended = process.waitFor(bound.toMillis(), TimeUnit.MILLISECONDS);
        if (!ended) {
          process.destroyForcibly();
        }
        if (!ended || process.exitValue() != 0) {
          String end = ended ? "status " + process.exitValue() : "no end within " + bound;
          throw new IllegalStateException(
              String.join(" ", command) + ": " + end + ": " + Files.readString(output).strip());
        }
      } finally {
        Files.deleteIfExists(output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(String.join(" ", command) + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(String.join(" ", command) + ": interrupted", e);
    }
  }
}
