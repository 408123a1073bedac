package io.shardflux.r2dbc.scatter;

import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.Topology;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The shards that a statement goes to, and the statements for each of them. */
@Internal
public sealed interface Reach {

  /** The marker that {@link Keys} fill. */
  String KEYS = "keys";

  /** Refuses a statement that can't go to these shards, before any shard is asked. */
  void check(SqlTemplate sql, Binds binds);

  /** The statements for each shard, which run one after the other. */
  Mono<Map<ShardId, List<BoundStatement>>> plan(Topology topology, SqlTemplate sql, Binds binds);

  /** Every shard, each with the same statement. */
  record All() implements Reach {

    @Override
    public void check(SqlTemplate sql, Binds binds) {
      binds.check(sql, null);
    }

    @Override
    public Mono<Map<ShardId, List<BoundStatement>>> plan(
        Topology topology, SqlTemplate sql, Binds binds) {
      List<BoundStatement> statement = List.of(BoundStatement.of(sql, binds));
      Map<ShardId, List<BoundStatement>> plan = new LinkedHashMap<>();
      topology.shards().forEach(shard -> plan.put(shard, statement));
      return Mono.just(plan);
    }
  }

  /**
   * The shards of some keys, each asked for its own.
   *
   * @param table the table
   * @param keys the keys, each once
   */
  record Keys(String table, Set<ShardKey> keys) implements Reach {

    public static final int KEYS_PER_STATEMENT = 1_000;
    private static final int LOOKUPS_AT_ONCE = 64;

    /** Copies the keys, keeping their order. */
    public Keys {
      keys = Collections.unmodifiableSet(new LinkedHashSet<>(keys));
    }

    @Override
    public void check(SqlTemplate sql, Binds binds) {
      if (!sql.named() || !sql.markers().contains(KEYS)) {
        throw new IllegalArgumentException(
            "sql: no :keys marker (expected: … IN (:keys), and :name markers alone) in: "
                + sql.text());
      }
      binds.check(sql, KEYS);
    }

    @Override
    public Mono<Map<ShardId, List<BoundStatement>>> plan(
        Topology topology, SqlTemplate sql, Binds binds) {
      return Flux.fromIterable(keys)
          .flatMapSequential(
              key -> topology.locate(table, key).map(shard -> Map.entry(shard, key)),
              LOOKUPS_AT_ONCE)
          .collect(
              LinkedHashMap<ShardId, List<ShardKey>>::new,
              (byShard, entry) ->
                  byShard
                      .computeIfAbsent(entry.getKey(), shard -> new ArrayList<>())
                      .add(entry.getValue()))
          .map(
              byShard -> {
                Map<ShardId, List<BoundStatement>> plan = new LinkedHashMap<>();
                byShard.forEach((shard, own) -> plan.put(shard, statements(sql, binds, own)));
                return plan;
              });
    }

    private static List<BoundStatement> statements(
        SqlTemplate sql, Binds binds, List<ShardKey> keys) {
      List<BoundStatement> statements = new ArrayList<>();
      for (int from = 0; from < keys.size(); from += KEYS_PER_STATEMENT) {
        int to = Math.min(keys.size(), from + KEYS_PER_STATEMENT);
        statements.add(statement(sql, binds, keys.subList(from, to)));
      }
      return statements;
    }

    /** One statement for at most {@link #KEYS_PER_STATEMENT} keys. */
    public static BoundStatement statement(SqlTemplate sql, Binds binds, List<ShardKey> keys) {
      String driverSql = sql.render(KEYS, group(keys.get(0).size()), keys.size());
      return new BoundStatement(driverSql, sql, binds, KEYS, values(keys));
    }

    private static String group(int parts) {
      return parts == 1 ? "?" : "(" + String.join(",", Collections.nCopies(parts, "?")) + ")";
    }

    private static List<Object> values(List<ShardKey> keys) {
      List<Object> values = new ArrayList<>(keys.size());
      keys.forEach(key -> key.parts().forEach(part -> values.add(bindable(part))));
      return values;
    }

    /** The part as its column holds it: see {@link io.shardflux.router.KeyType}. */
    private static Object bindable(Object part) {
      if (part instanceof Instant instant) {
        return LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
      }
      if (part instanceof ByteBuffer bytes) {
        byte[] array = new byte[bytes.remaining()];
        bytes.get(array);
        return array;
      }
      return part instanceof UUID uuid ? uuid.toString() : part;
    }
  }
}
