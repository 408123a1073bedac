package io.shardflux.r2dbc.config;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.settings.ServerAddress;
import io.shardflux.r2dbc.settings.ServerUrl;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A server as a shared topology has it.
 *
 * @param url its URL, without an account
 * @param account the name of its account
 */
record PublishedServer(String url, String account) {

  private static final String ACCOUNT =
      "one of control.credentials, as a shared topology names accounts and holds no password";

  /**
   * A server as a router reaches it.
   *
   * @param path the place of the server in the document, for errors
   */
  static PublishedServer of(String path, ConnectionFactoryOptions server, Accounts accounts) {
    String account = accounts.nameOf(server);
    if (account == null) {
      throw new IllegalArgumentException(
          path
              + ".username: of an account without a name (expected: that of "
              + ACCOUNT
              + "; there are "
              + accounts.names()
              + ")");
    }
    try {
      return new PublishedServer(ServerUrl.of(server), account);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(path + "." + e.getMessage(), e);
    }
  }

  /** A server as the tree of JSON has it. */
  static PublishedServer read(Setting server) {
    Setting url = server.get("url");
    ConnectionFactoryOptions options = Shard.optionsOf(url.secret(ServerAddress.URL));
    if (options == null
        || options.hasOption(ConnectionFactoryOptions.USER)
        || options.hasOption(ConnectionFactoryOptions.PASSWORD)) {
      throw url.refusedUnseen("r2dbc:mysql://host:port/database, without an account");
    }
    String account = server.get("credentials").text("the name of an account");
    return new PublishedServer(url.checked(() -> ServerUrl.of(options)), account);
  }

  Map<String, Object> tree() {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("url", url);
    tree.put("credentials", account);
    return tree;
  }

  /**
   * The options by which a router reaches the server.
   *
   * @param server the server's setting, for errors
   */
  ConnectionFactoryOptions options(Setting server, Accounts accounts) {
    Accounts.Account known = accounts.get(account);
    ConnectionFactoryOptions options = Shard.optionsOf(url);
    if (known == null || options == null) {
      throw server
          .get("credentials")
          .refused("one of control.credentials of this router's document, " + accounts.names());
    }
    return known.on(options);
  }

  /** A shard with its replicas, as the tree of JSON has it. */
  static Map<String, Object> shardTree(Setting shard) {
    shard.only("url", "credentials", "replicas");
    return tree(read(shard), replicas(shard).stream().map(PublishedServer::replica).toList());
  }

  /** A shard with its replicas, as a router reaches it. */
  static Map<String, Object> shardTree(Shard shard, Accounts accounts) {
    String path = "shards." + shard.id();
    List<PublishedServer> replicas = new ArrayList<>();
    for (ConnectionFactoryOptions replica : shard.replicas()) {
      replicas.add(of(path + ".replicas[" + replicas.size() + "]", replica, accounts));
    }
    return tree(of(path, shard.options(), accounts), replicas);
  }

  private static Map<String, Object> tree(PublishedServer primary, List<PublishedServer> replicas) {
    Map<String, Object> tree = primary.tree();
    if (!replicas.isEmpty()) {
      tree.put("replicas", replicas.stream().map(PublishedServer::tree).toList());
    }
    return tree;
  }

  /** A shard with its replicas, with the accounts of a router. */
  static Shard shard(Setting shard, ShardId id, Accounts accounts) {
    Shard whole = Shard.of(id, read(shard).options(shard, accounts));
    for (Setting replica : replicas(shard)) {
      whole = whole.withReplica(read(replica).options(replica, accounts));
    }
    return whole;
  }

  private static List<Setting> replicas(Setting shard) {
    return shard.get("replicas").or(List.of(), it -> it.items("a list of servers"));
  }

  private static PublishedServer replica(Setting replica) {
    return read(replica.only("url", "credentials"));
  }
}
