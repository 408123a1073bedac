package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What {@link Writes} were told, to be compared with what stands on the servers. */
final class Told {

  static final int USERS = 1_200;
  static final String NAME = "a name";

  private final Map<Long, Integer> stored = new ConcurrentHashMap<>();

  /** The versions of writes whose end is not known: they are there, or not. */
  final Map<Long, Integer> unknown = new ConcurrentHashMap<>();

  final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  final Queue<String> unread = new ConcurrentLinkedQueue<>();

  /** Errors of writes whose keys never move. */
  final Queue<String> unserved = new ConcurrentLinkedQueue<>();

  final AtomicInteger served = new AtomicInteger();
  final AtomicInteger late = new AtomicInteger();
  final AtomicInteger fenced = new AtomicInteger();
  final AtomicInteger writes = new AtomicInteger();

  /** How many writes were refused or have no known end, by the beginning of the error. */
  final Map<String, Integer> refused = new ConcurrentHashMap<>();

  Told() {
    IntStream.rangeClosed(1, USERS).forEach(id -> stored.put((long) id, 0));
  }

  /** Makes the tables on all shards. */
  static void create(ShardRouter router) {
    List.of(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), version INT NOT NULL)",
            "CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
            "CREATE TABLE orders (user_id BIGINT, no INT, PRIMARY KEY (user_id, no))")
        .forEach(
            sql ->
                router
                    .onAll()
                    .sql(sql)
                    .onFailure(FailurePolicy.failFast())
                    .rowsUpdated()
                    .blockLast(BOUND));
  }

  /** Stores the users that the strategy has on each shard. */
  static void load(ShardRouter router, ShardingStrategy strategy) {
    IntStream.rangeClosed(1, USERS)
        .boxed()
        .collect(Collectors.groupingBy(id -> strategy.locate(ShardKey.of(id.longValue()))))
        .forEach(
            (shard, ids) -> {
              String rows =
                  ids.stream()
                      .map(id -> "(" + id + ", '" + NAME + "', 0)")
                      .collect(Collectors.joining(", "));
              router.on(shard).sql("INSERT INTO users VALUES " + rows).rowsUpdated().block(BOUND);
            });
  }

  /** Takes in a line of {@link Writes}; gives whether it was one. */
  boolean said(String line) {
    String[] words = line.split(" ", 4);
    switch (words[0]) {
      case "stored" -> {
        stored.put(Long.parseLong(words[1]), Integer.parseInt(words[2]));
        writes.incrementAndGet();
      }
      case "refused" -> refused(words[3]);
      case "unknown" -> {
        unknown.put(Long.parseLong(words[1]), Integer.parseInt(words[2]));
        refused(words[3]);
      }
      case "late" -> {
        stored.put(Long.parseLong(words[1]), Integer.parseInt(words[2]));
        late.incrementAndGet();
      }
      case "fenced" -> fenced.incrementAndGet();
      case "served" -> served.incrementAndGet();
      case "unserved" -> unserved.add(line);
      case "unread" -> unread.add(line);
      case "wrong" -> wrong.add(line);
      default -> {
        return false;
      }
    }
    return true;
  }

  private void refused(String error) {
    String kind = error.replaceAll("[0-9]+", "N");
    refused.merge(kind.substring(0, Math.min(kind.length(), 150)), 1, Integer::sum);
  }

  /** What is wrong with the rows on the servers themselves. */
  List<String> misplaced(ShardRouter router, ShardingStrategy strategy) {
    Map<Long, List<String>> found = new TreeMap<>();
    for (ShardId shard : router.topology().shards()) {
      router
          .on(shard)
          .sql("SELECT id, version, name FROM users")
          .map(
              (row, metadata) ->
                  Map.entry(
                      Objects.requireNonNull(row.get(0, Long.class)),
                      shard + " " + row.get(1) + " " + row.get(2)))
          .all()
          .onErrorComplete(error -> String.valueOf(error.getMessage()).contains("doesn't exist"))
          .doOnNext(
              row ->
                  found.computeIfAbsent(row.getKey(), id -> new ArrayList<>()).add(row.getValue()))
          .blockLast(BOUND);
    }
    List<String> misplaced = new ArrayList<>();
    stored.forEach(
        (id, version) -> {
          String place = strategy.locate(ShardKey.of(id)) + " ";
          List<String> rows = found.getOrDefault(id, List.of());
          if (!rows.equals(List.of(place + version + " " + NAME))
              && !rows.equals(List.of(place + unknown.get(id) + " " + NAME))) {
            misplaced.add(
                "user %d: %s (expected: %s%d, or %s)"
                    .formatted(id, rows, place, version, unknown.get(id)));
          }
        });
    found.forEach(
        (id, rows) -> {
          if (rows.size() != 1) {
            misplaced.add("user " + id + ": " + rows);
          }
        });
    return misplaced;
  }
}
