package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.LinkedHashMap;
import java.util.Map;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The place of a directory in a shared topology that is read and not used. It cannot be asked.
 *
 * @param tree the keys that say where it is
 */
record PublishedDirectory(Map<String, Object> tree) implements ShardDirectory {

  /** The directory that a strategy's tree of JSON names. */
  static PublishedDirectory read(Setting strategy) {
    return new PublishedDirectory(
        tree(name(strategy), table(strategy), PublishedServer.read(server(strategy)).tree()));
  }

  static String name(Setting strategy) {
    return RouterDocument.directoryName(strategy.get("name"), null);
  }

  static String table(Setting strategy) {
    return strategy.get("table").or(TableDirectory.DEFAULT_TABLE, it -> it.text("a name"));
  }

  static Setting server(Setting strategy) {
    return strategy.get("server").only("url", "credentials");
  }

  static Map<String, Object> tree(String name, String table, Object server) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("name", name);
    tree.put("table", table);
    tree.put("server", server);
    return tree;
  }

  @Override
  public Mono<ShardId> find(ShardKey key) {
    return Mono.error(PublishedDirectory::unopened);
  }

  @Override
  public Mono<ShardId> assign(ShardKey key, ShardId shard) {
    return Mono.error(PublishedDirectory::unopened);
  }

  @Override
  public Mono<Boolean> reassign(ShardKey key, ShardId from, ShardId to) {
    return Mono.error(PublishedDirectory::unopened);
  }

  @Override
  public Flux<ShardKey> assigned(ShardId shard) {
    return Flux.error(PublishedDirectory::unopened);
  }

  private static IllegalStateException unopened() {
    return new IllegalStateException("directory: not open (expected: a topology that is in use)");
  }
}
