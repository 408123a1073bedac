package io.shardflux.benchmarks;

import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import java.io.Serializable;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A shard as each contender reaches it: a user is on the one of its id modulo their number.
 *
 * @param password may be empty; never part of {@link #toString()}
 */
record Endpoint(String host, int port, String database, String user, String password)
    implements Serializable {

  static Endpoint of(Database database) {
    DatabaseServer server = database.server();
    return new Endpoint(
        server.host(), server.port(), database.name(), server.user(), server.password());
  }

  /** The name of the shard at an index from 0. */
  static String name(int index) {
    return "shard_" + index;
  }

  static List<String> names(int count) {
    return IntStream.range(0, count).mapToObj(Endpoint::name).toList();
  }

  String r2dbcUrl() {
    return new Database(new DatabaseServer(host, port, user, password), database).r2dbcUrl();
  }

  String jdbcUrl() {
    return "jdbc:mysql://"
        + host
        + ":"
        + port
        + "/"
        + database
        + "?sslMode=DISABLED&allowPublicKeyRetrieval=true&rewriteBatchedStatements=true";
  }

  @Override
  public String toString() {
    return user + "@" + host + ":" + port + "/" + database;
  }
}
