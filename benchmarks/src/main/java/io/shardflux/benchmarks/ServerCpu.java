package io.shardflux.benchmarks;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The CPU that a server has taken.
 *
 * @param process null if it can't be seen, as where it runs on another machine
 */
record ServerCpu(@Nullable ProcessHandle process) {

  private static final Duration BOUND = Duration.ofSeconds(30);

  /** That of a shard's server, by the file that it writes with its process. */
  static ServerCpu of(ShardRouter router, ShardId shard) {
    Path file =
        router
            .on(shard)
            .sql("SELECT @@datadir, @@pid_file")
            .map(
                (row, metadata) ->
                    Path.of(Objects.requireNonNull(row.get(0, String.class)))
                        .resolve(Objects.requireNonNull(row.get(1, String.class))))
            .one()
            .blockOptional(BOUND)
            .orElseThrow();
    return new ServerCpu(Files.isReadable(file) ? process(file) : null);
  }

  static ServerCpu ofThis() {
    return new ServerCpu(ProcessHandle.current());
  }

  private static @Nullable ProcessHandle process(Path file) {
    try {
      return ProcessHandle.of(Long.parseLong(Files.readString(file).strip())).orElse(null);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The seconds until now; zero if the process can't be seen. */
  double seconds() {
    return process == null
        ? 0
        : process.info().totalCpuDuration().orElse(Duration.ZERO).toMillis() / 1e3;
  }
}
