package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.sql.schema.KeyPart;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Says which key columns of a statement are equal, and therefore which rows of its tables are on
 * one shard where they meet. Not thread-safe.
 *
 * <p>Key columns of all mentions of tables are numbered. Two columns that are equal in every row
 * that counts are in one class. Tables whose key columns are in the same classes are a cluster:
 * rows that meet are on one shard.
 */
@Internal
public final class Colocation {

  private final List<KeyPart> keys = new ArrayList<>();
  private final List<Integer> parents = new ArrayList<>();

  /** The least number of the class that a number is the root of. */
  private final List<Integer> firsts = new ArrayList<>();

  private final List<Rows> rows = new ArrayList<>();

  /** Takes one more mention of a sharded table and numbers its key columns. */
  public Rows sharded(String table, List<KeyPart> parts, Rows.Zone zone) {
    List<Integer> numbers = new ArrayList<>();
    for (KeyPart part : parts) {
      numbers.add(keys.size());
      parents.add(keys.size());
      firsts.add(keys.size());
      keys.add(part);
    }
    return add(new Rows(table, null, numbers, zone));
  }

  /** Takes one more mention of a table that is on one shard. */
  public Rows pinned(String table, ShardId shard, Rows.Zone zone) {
    return add(new Rows(table, shard, List.of(), zone));
  }

  private Rows add(Rows mention) {
    rows.add(mention);
    return mention;
  }

  /** All mentions, in their order. */
  public List<Rows> rows() {
    return rows;
  }

  public KeyPart key(int number) {
    return keys.get(number);
  }

  /** The number of key columns so far. */
  public int size() {
    return keys.size();
  }

  /** The number of a mention's key column, -1 if the column is none. */
  public int key(Rows mention, String column) {
    for (int key : mention.keys()) {
      if (keys.get(key).column().name().equals(column)) {
        return key;
      }
    }
    return -1;
  }

  // Equal key columns

  /** Makes two key columns one class, if they fit. */
  public void unite(int a, int b) {
    if (fit(a, b)) {
      int first = Math.min(firsts.get(root(a)), firsts.get(root(b)));
      parents.set(root(a), root(b));
      firsts.set(root(b), first);
    }
  }

  /**
   * Makes a key column of an inner query one with that of the query around it, for the rows of
   * either that meet. An inner column that is one with another already stays so; otherwise two
   * outer columns would seem equal.
   */
  public void attach(int inner, int outer, int mark) {
    if (inner < mark || outer < 0) {
      return;
    }
    if (firsts.get(root(inner)) >= mark) {
      unite(inner, outer);
    }
  }

  /** Tells whether both are key columns whose equal values are on one shard. */
  public boolean fit(int a, int b) {
    return a >= 0 && b >= 0 && keys.get(a).fits(keys.get(b));
  }

  /** Makes the key columns of two mentions one by one the same. */
  public void unite(Rows a, Rows b) {
    for (int i = 0; i < a.keys().size() && a.keys().size() == b.keys().size(); i++) {
      unite(a.keys().get(i), b.keys().get(i));
    }
  }

  private int root(int key) {
    int at = key;
    while (parents.get(at) != at) {
      int parent = parents.get(at);
      // Later walks are shorter by it.
      parents.set(at, parents.get(parent));
      at = parent;
    }
    return at;
  }

  /** The classes of a mention's key columns, in the order of the parts. */
  private List<Integer> roots(Rows mention) {
    return mention.keys().stream().map(this::root).toList();
  }

  // Clusters

  /** Tells whether all rows that meet are on one shard. */
  public boolean isCluster(List<Rows> mentions) {
    Set<Object> clusters = new HashSet<>();
    for (Rows mention : mentions) {
      clusters.add(cluster(mention));
    }
    return clusters.size() <= 1;
  }

  private Object cluster(Rows mention) {
    return mention.pinned() != null ? mention.pinned() : roots(mention);
  }

  /** The mentions by cluster. */
  List<List<Rows>> clusters() {
    Map<Object, List<Rows>> clusters = new LinkedHashMap<>();
    for (Rows mention : rows) {
      clusters.computeIfAbsent(cluster(mention), key -> new ArrayList<>()).add(mention);
    }
    return List.copyOf(clusters.values());
  }

  /** The router of a cluster of sharded tables. */
  KeyRouter router(List<Rows> cluster, Set<ShardId> shards) {
    Rows first = cluster.get(0);
    List<Integer> roots = roots(first);
    List<KeyCondition> conditions =
        common(cluster).stream()
            .flatMap(zone -> zone.conditions().stream())
            .map(condition -> condition.over(key -> roots.indexOf(root(key))))
            .toList();
    return new KeyRouter(
        first.keys().stream().map(keys::get).toList(), KeyCondition.and(conditions), shards);
  }

  /** The zones that all of these are in. */
  private static List<Rows.Zone> common(List<Rows> mentions) {
    List<Rows.Zone> common = new ArrayList<>(mentions.get(0).zone().chain());
    for (Rows mention : mentions) {
      common.retainAll(mention.zone().chain());
    }
    return common;
  }

  /** Tells whether these columns' values tell rows of different shards apart. */
  public boolean holdKey(List<Integer> columns, List<Rows> mentions) {
    if (mentions.isEmpty() || mentions.get(0).pinned() != null) {
      return false;
    }
    Set<Integer> held = new HashSet<>();
    for (int column : columns) {
      if (column >= 0 && keys.get(column).exact()) {
        held.add(root(column));
      }
    }
    return held.containsAll(roots(mentions.get(0)));
  }
}
