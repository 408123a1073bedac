package io.shardflux.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.router.ShardId;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A router's statistics as JSON, for the registry. Names and numbers in them need no escapes. */
final class StatisticsText {

  private static final int MOST_BYTES = 16 << 10;

  private static final String REACHED = ",\"reached\":";

  private StatisticsText() {}

  /**
   * The text.
   *
   * @param reached the shards that have answered the router
   */
  static String of(List<ShardStatistics> all, Set<ShardId> reached) {
    String text =
        all.stream()
            .map(shard -> of(shard, reached.contains(shard.id())))
            .collect(Collectors.joining(",", "{", "}"));
    return text.getBytes(UTF_8).length <= MOST_BYTES ? text : "{}";
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
