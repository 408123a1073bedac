package io.shardflux.r2dbc.config;

import static java.util.Objects.requireNonNull;

import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/** The part of a topology's tree that says on which shard a key lies. */
final class RoutingTree {

  private static final String ACCOUNT = "credentials";
  private static final String DIRECTORY = "directory";

  /** The keys of a directory that differ from router to router. */
  private static final Set<String> OF_ROUTERS = Set.of("server", "cache-size", "expiry", "timeout");

  private RoutingTree() {}

  /** The shards' names, the strategies and the tables. */
  static Map<String, Object> of(Map<String, Object> tree) {
    Map<String, Object> shards = new TreeMap<>();
    part(tree, "shards").keySet().forEach(name -> shards.put(name, Map.of()));
    Map<String, Object> routing = new LinkedHashMap<>(tree);
    routing.put("shards", shards);
    routing.put("strategies", ofStrategy(part(tree, "strategies")));
    return routing;
  }

  /** The shards, the strategies or the tables of a tree, by their names. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> part(Map<String, Object> tree, String key) {
    return (Map<String, Object>) requireNonNull(tree.get(key));
  }

  /** A strategy, or strategies by name, without what differs from router to router. */
  static Object ofStrategy(Object tree) {
    return ofStrategy(tree, new IdentityHashMap<Object, Object>());
  }

  private static Object ofStrategy(Object tree, IdentityHashMap<Object, Object> known) {
    if (!(tree instanceof Map<?, ?> map)) {
      return tree;
    }
    Object done = known.get(tree);
    if (done != null) {
      return done;
    }
    // Not a shard, group, tenant or table of that name: what is under those is no text "directory".
    boolean directory = DIRECTORY.equals(map.get("type"));
    Map<String, Object> routing = new LinkedHashMap<>();
    map.forEach(
        (key, value) -> {
          if (!directory || !OF_ROUTERS.contains(key)) {
            routing.put((String) key, ofStrategy(value, known));
          }
        });
    known.put(tree, routing);
    return routing;
  }

  /** The names of the accounts in a tree. */
  static Set<String> accounts(Map<String, Object> tree) {
    Set<String> accounts = new TreeSet<>();
    visit(
        tree,
        map -> {
          // The account of a server, and no column of that name.
          if (map.get("url") instanceof String && map.get(ACCOUNT) instanceof String account) {
            accounts.add(account);
          }
        });
    return accounts;
  }

  /** The servers of the directories in a tree, by the directory's name and table. */
  static Map<List<?>, Set<Object>> directories(Map<String, Object> tree) {
    Map<List<?>, Set<Object>> directories = new HashMap<>();
    visit(
        part(tree, "strategies"),
        map -> {
          if (DIRECTORY.equals(map.get("type"))) {
            directories
                .computeIfAbsent(
                    List.of(requireNonNull(map.get("name")), requireNonNull(map.get("table"))),
                    place -> new HashSet<>())
                .add(requireNonNull(map.get("server")));
          }
        });
    return directories;
  }

  /** Visits each map of a tree once. */
  private static void visit(Object tree, Consumer<Map<?, ?>> maps) {
    visit(tree, maps, Collections.newSetFromMap(new IdentityHashMap<>()));
  }

  private static void visit(Object tree, Consumer<Map<?, ?>> maps, Set<Object> seen) {
    if (tree instanceof List<?> list) {
      list.forEach(item -> visit(item, maps, seen));
    } else if (tree instanceof Map<?, ?> map && seen.add(tree)) {
      maps.accept(map);
      map.values().forEach(value -> visit(value, maps, seen));
    }
  }
}
