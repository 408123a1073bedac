package io.shardflux.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.r2dbc.observe.ShardStatistics;
import java.util.List;
import java.util.stream.Collectors;

/** A router's statistics as JSON, for the registry. Names and numbers in them need no escapes. */
final class StatisticsText {

  private static final int MOST_BYTES = 16 << 10;

  private StatisticsText() {}

  static String of(List<ShardStatistics> all) {
    String text = all.stream().map(StatisticsText::of).collect(Collectors.joining(",", "{", "}"));
    return text.getBytes(UTF_8).length <= MOST_BYTES ? text : "{}";
  }

  private static String of(ShardStatistics shard) {
    return "\""
        + shard.id()
        + "\":{\"status\":\""
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
        + "}";
  }
}
