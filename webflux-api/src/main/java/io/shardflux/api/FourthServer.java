package io.shardflux.api;

import io.shardflux.servers.Database;
import io.shardflux.servers.EmbeddedServers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One more server beside the embedded ones, once it was asked for. It keeps its port, because the
 * shared topology has its URL. Thread-safe; its methods block.
 */
final class FourthServer implements AutoCloseable {

  static final String SHARD = "shard_3";

  private final Path folder;
  private final Path port;
  private @Nullable EmbeddedServers servers;

  /** Beside the data of the others. */
  FourthServer(Path data) {
    this.folder = data.resolve(SHARD);
    this.port = data.resolve(SHARD + ".port");
  }

  /** Starts it, if an earlier run of the application had it. */
  void again() {
    if (Files.exists(port)) {
      var unused = started();
    }
  }

  /** Its database; it is started unless it runs. */
  synchronized Database started() {
    try {
      if (servers == null) {
        int known = Files.exists(port) ? Integer.parseInt(Files.readString(port).strip()) : 0;
        servers = EmbeddedServers.kept(folder, List.of(known)).endedByClose();
      }
      Database database = servers.servers().get(0).createDatabase(SHARD);
      Files.writeString(port, Integer.toString(database.server().port()));
      return database;
    } catch (IOException e) {
      throw new UncheckedIOException(port + ": " + e, e);
    }
  }

  @Override
  public synchronized void close() {
    if (servers != null) {
      servers.close();
    }
  }
}
