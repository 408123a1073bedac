package io.shardflux.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.router.ShardId;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A router's statistics as JSON, for the registry. Names and numbers in them need no escapes. */
final class StatisticsText {

  private static final int MOST_BYTES = 16 << 10;

  /** No shard's name has a blank. */
  private static final String CONNECTIONS = "\"connections to servers\":{";

  private static final String REACHED = ",\"reached\":";

  private StatisticsText() {}

  /**
   * The text.
   *
   * @param reached the shards that have answered the router
   * @param connections the ids of its process' connections, by the servers' own names; left out
   *     where the text would be too long
   */
  static String of(
      List<ShardStatistics> all,
      Set<ShardId> reached,
      Map<String, ? extends Collection<Long>> connections) {
    String shards =
        all.stream()
            .map(shard -> of(shard, reached.contains(shard.id())))
            .collect(Collectors.joining(","));
    return Stream.of("{" + shards + "," + of(connections) + "}", "{" + shards + "}")
        .filter(text -> text.getBytes(UTF_8).length <= MOST_BYTES)
        .findFirst()
        .orElse("{}");
  }

  private static String of(Map<String, ? extends Collection<Long>> connections) {
    return connections.entrySet().stream()
        .map(
            server ->
                connectionsTo(server.getKey())
                    + server.getValue().stream()
                        .map(String::valueOf)
                        .collect(Collectors.joining(",", "", "]")))
        .collect(Collectors.joining(",", CONNECTIONS, "}"));
  }

  private static String connectionsTo(String server) {
    return "\"" + server + "\":[";
  }

  /** The connections to a server that a router's process has; null where it does not tell. */
  static @Nullable Set<Long> connections(String statistics, String server) {
    if (!statistics.contains(CONNECTIONS)) {
      return null;
    }
    String name = connectionsTo(server);
    int at = statistics.indexOf(name, statistics.indexOf(CONNECTIONS));
    return at < 0
        ? Set.of()
        : Stream.of(
                statistics
                    .substring(at + name.length(), statistics.indexOf(']', at))
                    .split(",", -1))
            .filter(id -> !id.isEmpty())
            .map(Long::valueOf)
            .collect(Collectors.toSet());
  }

  /** Tells whether a router has said that it reached a shard, or does not say. */
  static boolean reached(String statistics, ShardId shard) {
    int at = statistics.indexOf(name(shard));
    return at < 0
        ? statistics.equals("{}")
        : !statistics.substring(at, statistics.indexOf('}', at)).contains(REACHED + false);
  }

  private static String name(ShardId shard) {
    return "\"" + shard + "\":{";
  }

  private static String of(ShardStatistics shard, boolean reached) {
    return name(shard.id())
        + "\"status\":\""
        + shard.status()
        + "\",\"in_flight\":"
        + shard.inFlight()
        + ",\"acquired\":"
        + shard.pool().acquired()
        + ",\"pending\":"
        + shard.pool().pending()
        + ",\"p99_ms\":"
        + shard.latency().p99().toMillis()
        + ",\"errors\":"
        + shard.errors().values().stream().mapToLong(Long::longValue).sum()
        + REACHED
        + reached
        + "}";
  }
}
