package io.shardflux.r2dbc.settings;

import static io.r2dbc.spi.ConnectionFactoryOptions.DATABASE;
import static io.r2dbc.spi.ConnectionFactoryOptions.HOST;
import static io.r2dbc.spi.ConnectionFactoryOptions.PORT;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.shardflux.router.Internal;
import java.util.Collection;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The place of rows: two shards of one address would have each row twice.
 *
 * @param host in lower case
 * @param port that of MySQL if none is given
 * @param database empty if none is given
 */
@Internal
public record ServerAddress(String host, String port, String database) {

  public static final String URL =
      "a URL, r2dbc:mysql://host:port/database, with no '_' in the host, and with special"
          + " characters of a password as %XX";

  private static final String MYSQL_PORT = "3306";

  public static ServerAddress of(ConnectionFactoryOptions options) {
    return new ServerAddress(
        text(options, HOST, "").toLowerCase(Locale.ROOT),
        text(options, PORT, MYSQL_PORT),
        text(options, DATABASE, ""));
  }

  /**
   * Refuses shards that share a server and database.
   *
   * @throws IllegalArgumentException if one of the servers is there twice
   */
  public static void check(Collection<Shard> shards) {
    Map<ServerAddress, String> known = new HashMap<>();
    for (Shard shard : shards) {
      String name = "shards." + shard.id();
      check(name, of(shard.options()), known);
      for (int i = 0; i < shard.replicas().size(); i++) {
        check(name + ".replicas[" + i + "]", of(shard.replicas().get(i)), known);
      }
    }
  }

  private static void check(String name, ServerAddress address, Map<ServerAddress, String> known) {
    String other = known.putIfAbsent(address, name);
    if (other != null) {
      // Neither database nor options, as a misplaced password may be in them.
      throw new IllegalArgumentException(
          name
              + ".url: "
              + address.host
              + ":"
              + address.port
              + " with the database of "
              + other
              + " (expected: a server or a database of its own for each)");
    }
  }

  private static String text(ConnectionFactoryOptions options, Option<?> option, String other) {
    Object value = options.getValue(option);
    return value == null ? other : value.toString();
  }
}
