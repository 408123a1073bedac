package io.shardflux.api;

import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.ReadRequest;
import io.shardflux.api.request.UserReader;
import io.shardflux.api.users.Users;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.math.BigInteger;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/** The routes {@code /shards}: the state of the shards, and where a key goes. */
@RestController
final class ShardController {

  private static final int MAX_SHOWN_PREDICATE = 500;
  private static final Pattern NOT_A_KIND = Pattern.compile("[^a-z].*", Pattern.DOTALL);

  private final ShardRouter router;

  ShardController(ShardRouter router) {
    this.router = router;
  }

  /** A shard's statistics; the row count is null if it did not answer. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record ShardView(
      String id,
      String host,
      int port,
      String status,
      double load,
      @Nullable Long rowCount,
      PoolView pool) {

    static ShardView of(ShardStatistics shard) {
      ShardStatistics.Pool pool = shard.pool();
      return new ShardView(
          shard.id().value(),
          shard.host(),
          shard.port(),
          shard.status().name(),
          shard.load(),
          shard.rowCount(),
          new PoolView(pool.acquired(), pool.idle(), pool.pending(), pool.maxSize()));
    }
  }

  /** A pool's connections. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record PoolView(int acquired, int idle, int pending, int maxSize) {}

  /** The shard that a key goes to. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Route(
      String table,
      String key,
      String shardId,
      @Nullable String strategy,
      @Nullable String kind,
      String why,
      long epoch) {}

  @GetMapping(path = "/shards", produces = "application/json")
  Mono<List<ShardView>> shards() {
    return router
        .operations()
        .statistics(Users.TABLE)
        .map(
            shards ->
                shards.stream()
                    .sorted(Comparator.comparing(ShardStatistics::id))
                    .map(ShardView::of)
                    .toList());
  }

  @GetMapping(path = "/shards/route", produces = "application/json")
  Mono<Route> route(@RequestParam MultiValueMap<String, String> query) {
    String table = ReadRequest.single(query, "table");
    List<String> parts = query.getOrDefault("key", List.of());
    Topology topology = router.topology();
    TableRule rule = table == null ? null : topology.tables().get(table);
    if (rule == null) {
      throw Refusal.invalid(
          "table: " + shown(table) + " (expected: one of " + topology.tables().keySet() + ")");
    }
    if (rule instanceof TableRule.Sharded sharded) {
      return route(topology, sharded, key(sharded, parts));
    }
    if (rule instanceof TableRule.Pinned pinned) {
      String why = "the whole table lies on this shard";
      return Mono.just(
          new Route(
              pinned.table(),
              String.join(", ", parts),
              pinned.shard().value(),
              null,
              "pinned",
              why,
              topology.epoch()));
    }
    throw Refusal.invalid(
        "table: " + table + ", with a copy on every shard (expected: a table with keys)");
  }

  private static Mono<Route> route(Topology topology, TableRule.Sharded rule, ShardKey key) {
    ShardingStrategy strategy = topology.strategy(rule.table());
    return topology
        .locate(rule.table(), key)
        .flatMap(
            shard ->
                why(strategy, rule, key, shard)
                    .map(
                        why ->
                            new Route(
                                rule.table(),
                                key.toString(),
                                shard.value(),
                                rule.strategy(),
                                NOT_A_KIND.matcher(strategy.toString()).replaceFirst(""),
                                why,
                                topology.epoch())));
  }

  /** A sentence; with the rule as SQL where that is short, and can be had from memory. */
  private static Mono<String> why(
      ShardingStrategy strategy, TableRule.Sharded rule, ShardKey key, ShardId shard) {
    String sentence = strategy + " puts " + key + " on " + shard;
    if (!strategy.immediate()) {
      return Mono.just(sentence);
    }
    return strategy
        .owns(shard, rule.key())
        .map(
            sql -> sql.length() > MAX_SHOWN_PREDICATE ? sentence : sentence + ", which has " + sql);
  }

  private static ShardKey key(TableRule.Sharded rule, List<String> parts) {
    List<KeyColumn> columns = rule.key();
    if (parts.size() != columns.size()) {
      throw Refusal.invalid(
          "key: "
              + parts.size()
              + " parts (expected: one key=… for each of "
              + columns.stream().map(KeyColumn::name).toList()
              + ")");
    }
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < parts.size(); i++) {
      values.add(value(columns.get(i), String.valueOf(parts.get(i))));
    }
    try {
      return ShardKey.of(values.toArray());
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }

  private static Object value(KeyColumn column, String text) {
    try {
      return switch (column.type()) {
        case INTEGER -> new BigInteger(text);
        case TEXT -> text;
        case BINARY ->
            column.uuid() != null && !text.startsWith("0x")
                ? UUID.fromString(text)
                : KeyType.bytes(text);
        case UUID -> UUID.fromString(text);
        case DATE -> LocalDate.parse(text);
        case DATETIME -> LocalDateTime.parse(text);
        case INSTANT -> Instant.parse(text);
      };
    } catch (IllegalArgumentException | DateTimeException e) {
      throw Refusal.invalid("key: " + shown(text) + " (expected: " + column.type() + ")");
    }
  }

  private static String shown(@Nullable String text) {
    return text == null ? "none" : UserReader.cut(text);
  }
}
