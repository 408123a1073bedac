package io.shardflux.r2dbc.config;

import static java.util.Objects.requireNonNull;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/** The part of a topology's tree that says on which shard a key lies. */
final class RoutingTree {

  static final String ACCOUNT = "credentials";

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
    boolean directory = "directory".equals(map.get("type"));
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

  /** Visits each server of a tree, which is a map with a URL and an account. */
  static void visit(Object tree, Consumer<Map<?, ?>> servers) {
    visit(tree, servers, Collections.newSetFromMap(new IdentityHashMap<>()));
  }

  private static void visit(Object tree, Consumer<Map<?, ?>> servers, Set<Object> seen) {
    if (tree instanceof List<?> list) {
      list.forEach(item -> visit(item, servers, seen));
    } else if (tree instanceof Map<?, ?> map && seen.add(tree)) {
      if (map.get("url") instanceof String && map.get(ACCOUNT) instanceof String) {
        servers.accept(map);
      }
      map.values().forEach(value -> visit(value, servers, seen));
    }
  }
}
