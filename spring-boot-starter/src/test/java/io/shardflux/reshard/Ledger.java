package io.shardflux.reshard;

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
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What {@link EveryWrite} was told, to be compared with what stands on the servers. */
final class Ledger {

  static final int USERS = 1_200;

  /** The lines of which it is made; the words behind are parted by spaces. */
  static final String STORED = "stored";

  static final String UNKNOWN = "unknown";
  static final String FENCED = "fenced";
  static final String SERVED = "served";
  static final String UNSERVED = "unserved";
  static final String READ = "read";
  static final String UNREAD = "unread";
  static final String WRONG = "wrong";

  /** A kind of write with an order beside the user. */
  static final Set<String> WITH_ORDER =
      Set.of("transaction", "sql-transaction", "late-transaction");

  private final Map<Long, Integer> stored = new ConcurrentHashMap<>();
  private final Map<Long, Integer> unknown = new ConcurrentHashMap<>();
  private final Set<String> orders = ConcurrentHashMap.newKeySet();
  private final Set<String> unknownOrders = ConcurrentHashMap.newKeySet();
  private final Map<String, Integer> refused = new ConcurrentHashMap<>();

  /** The writes of each kind that were acknowledged. */
  final Map<String, Integer> kinds = new ConcurrentSkipListMap<>();

  final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  final Queue<String> unread = new ConcurrentLinkedQueue<>();

  /** Errors of writes whose keys never move. */
  final Queue<String> unserved = new ConcurrentLinkedQueue<>();

  /** The same of a process that had just stood still. */
  final Queue<String> unservedAwake = new ConcurrentLinkedQueue<>();

  final AtomicInteger served = new AtomicInteger();
  final AtomicInteger fenced = new AtomicInteger();
  final AtomicInteger reads = new AtomicInteger();

  Ledger() {
    IntStream.rangeClosed(1, USERS).forEach(id -> stored.put((long) id, 0));
  }

  /** Makes the tables on all shards. */
  static void create(ShardRouter router) {
    List.of(
            "CREATE TABLE users (id BIGINT PRIMARY KEY, version INT NOT NULL)",
            "CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
            "CREATE TABLE orders (user_id BIGINT, no INT, PRIMARY KEY (user_id, no))")
        .forEach(
            sql ->
                router
                    .onAll()
                    .sql(sql)
                    .onFailure(FailurePolicy.failFast())
                    .rowsUpdated()
                    .blockLast(CopyFixture.BOUND));
  }

  /** Stores the users that the strategy has on each shard. */
  static void load(ShardRouter router, ShardingStrategy strategy) {
    IntStream.rangeClosed(1, USERS)
        .boxed()
        .collect(Collectors.groupingBy(id -> strategy.locate(ShardKey.of(id.longValue()))))
        .forEach(
            (shard, ids) ->
                router
                    .on(shard)
                    .sql(
                        ids.stream()
                            .map(id -> "(" + id + ", 0)")
                            .collect(Collectors.joining(", ", "INSERT INTO users VALUES ", "")))
                    .rowsUpdated()
                    .block(CopyFixture.BOUND));
  }

  /**
   * Takes in a line; gives whether it was one.
   *
   * @param awake whether its process had just stood still
   */
  boolean said(String line, boolean awake) {
    String[] words = line.split(" ", 5);
    switch (words[0]) {
      case STORED -> {
        stored.put(Long.parseLong(words[2]), Integer.parseInt(words[3]));
        kinds.merge(words[1], 1, Integer::sum);
        order(words, orders);
      }
      case UNKNOWN -> {
        unknown.put(Long.parseLong(words[2]), Integer.parseInt(words[3]));
        String error = words[1] + " " + words[4].replaceAll("[0-9]+", "N");
        refused.merge(error.substring(0, Math.min(error.length(), 150)), 1, Integer::sum);
        order(words, unknownOrders);
      }
      case FENCED -> fenced.incrementAndGet();
      case SERVED -> served.incrementAndGet();
      case UNSERVED -> (awake ? unservedAwake : unserved).add(line);
      case READ -> reads.incrementAndGet();
      case UNREAD -> unread.add(line);
      case WRONG -> wrong.add(line);
      default -> {
        return false;
      }
    }
    return true;
  }

  private static void order(String[] words, Set<String> orders) {
    if (WITH_ORDER.contains(words[1])) {
      orders.add(words[2] + " " + words[3]);
    }
  }

  int writes() {
    return kinds.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** How many writes were refused or have no known end. */
  int refused() {
    return refused.values().stream().mapToInt(Integer::intValue).sum();
  }

  /** What is wrong with the rows on the servers themselves. */
  List<String> misplaced(ShardRouter router, ShardingStrategy strategy) {
    List<String> misplaced = new ArrayList<>();
    Map<String, List<String>> users = found(router, "SELECT id, version FROM users");
    stored.forEach(
        (id, version) -> {
          String place = strategy.locate(ShardKey.of(id)) + " ";
          List<String> rows = users.getOrDefault(id.toString(), List.of());
          if (!rows.equals(List.of(place + version))
              && !rows.equals(List.of(place + unknown.get(id)))) {
            misplaced.add(
                "user %d: %s (expected: %s%d, or %s)"
                    .formatted(id, rows, place, version, unknown.get(id)));
          }
        });
    Map<String, List<String>> found =
        found(router, "SELECT CONCAT(user_id, ' ', no), '' FROM orders");
    for (String order : orders) {
      long id = Long.parseLong(order.substring(0, order.indexOf(' ')));
      List<String> there = found.getOrDefault(order, List.of());
      if (!there.equals(List.of(strategy.locate(ShardKey.of(id)) + " "))) {
        misplaced.add("order " + order + ": " + there);
      }
    }
    misplaced.addAll(doubled("user", users, id -> true));
    misplaced.addAll(
        doubled("order", found, order -> orders.contains(order) || unknownOrders.contains(order)));
    return misplaced;
  }

  private static List<String> doubled(
      String what, Map<String, List<String>> found, Function<String, Boolean> known) {
    return found.entrySet().stream()
        .filter(each -> each.getValue().size() != 1 || !known.apply(each.getKey()))
        .map(each -> what + " " + each)
        .toList();
  }

  /** Keys with the places and the rest of their rows. */
  private static Map<String, List<String>> found(ShardRouter router, String sql) {
    Map<String, List<String>> found = new TreeMap<>();
    for (ShardId shard : router.topology().shards()) {
      router
          .on(shard)
          .sql(sql)
          .map(
              (row, metadata) ->
                  Map.entry(
                      String.valueOf(Objects.requireNonNull(row.get(0))), shard + " " + row.get(1)))
          .all()
          .doOnNext(
              row ->
                  found.computeIfAbsent(row.getKey(), id -> new ArrayList<>()).add(row.getValue()))
          .blockLast(CopyFixture.BOUND);
    }
    return found;
  }

  @Override
  public String toString() {
    StringBuilder text =
        new StringBuilder(
            "%d writes %s, %d refused or of unknown end; %d reads, %d failed; %d fenced; %d writes of keys that do not move, %d failed, %d behind a standstill"
                .formatted(
                    writes(),
                    kinds,
                    refused(),
                    reads.get(),
                    unread.size(),
                    fenced.get(),
                    served.get(),
                    unserved.size(),
                    unservedAwake.size()));
    refused.forEach((error, times) -> text.append("\n  ").append(times).append(' ').append(error));
    return text.toString();
  }
}
