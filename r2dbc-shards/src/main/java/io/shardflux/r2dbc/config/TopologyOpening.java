package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.Topology;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Makes a shared topology one that a router uses. What the router's own document says of a shard's
 * server, or of a strategy that routes the same, is taken from there. Not thread-safe.
 */
final class TopologyOpening {

  private final TopologyDocument document;
  private final RouterParts own;
  private final TopologyDocument.@Nullable Opened before;
  private final Set<TableDirectory> ownDirectories;
  private final List<TableDirectory> made = new ArrayList<>();

  TopologyOpening(
      TopologyDocument document, RouterParts own, TopologyDocument.@Nullable Opened before) {
    this.document = document;
    this.own = own;
    this.before = before;
    this.ownDirectories = directories(own.topology().strategies().values());
  }

  TopologyDocument.Opened open(long epoch) {
    try {
      Setting root = Setting.publishedRoot(document.tree());
      List<Shard> shards = shards(root.get("shards"));
      Topology topology = topology(epoch, document.shards(), strategies(), root);
      Set<TableDirectory> used = directories(topology.strategies().values());
      used.removeAll(ownDirectories);
      return new TopologyDocument.Opened(document, topology, shards, List.copyOf(used));
    } catch (RuntimeException e) {
      made.forEach(directory -> directory.close().subscribe());
      throw e;
    }
  }

  /** A topology of these parts, and of the tables in a tree of JSON. */
  static Topology topology(
      long epoch,
      Collection<ShardId> shards,
      Map<String, ShardingStrategy> strategies,
      Setting root) {
    Topology.Builder topology = Topology.builder().epoch(epoch);
    shards.forEach(topology::shard);
    strategies.forEach(topology::strategy);
    root.get("tables").entries().forEach(it -> topology.table(RouterDocument.rule(it)));
    return root.checked(topology::build);
  }

  private List<Shard> shards(Setting shards) {
    Map<ShardId, Shard> known = new HashMap<>();
    own.shards().forEach(shard -> known.put(shard.id(), shard));
    List<Shard> all = new ArrayList<>();
    for (Setting shard : shards.entries()) {
      Shard said = known.get(shard.nameAsShard());
      all.add(
          said != null ? said : PublishedServer.shard(shard, shard.nameAsShard(), own.accounts()));
    }
    return all;
  }

  private Map<String, ShardingStrategy> strategies() {
    Map<String, ShardingStrategy> strategies = new LinkedHashMap<>();
    Map<String, Object> unknown = new LinkedHashMap<>();
    document
        .part("strategies")
        .forEach(
            (name, tree) -> {
              ShardingStrategy known = known(name, tree);
              if (known == null) {
                unknown.put(name, tree);
              } else {
                strategies.put(name, known);
              }
            });
    Setting settings = Setting.publishedRoot(Map.of("strategies", unknown)).get("strategies");
    strategies.putAll(
        new StrategyReader(settings, (strategy, name) -> directory(strategy)).strategies());
    return strategies;
  }

  /** The strategy of the router's own document, or of the topology before, if it is the same. */
  private @Nullable ShardingStrategy known(String name, Object tree) {
    ShardingStrategy said = own.topology().strategies().get(name);
    if (said != null && RoutingTree.ofStrategy(tree).equals(routing(said))) {
      return said;
    }
    return before != null && tree.equals(before.document().part("strategies").get(name))
        ? before.topology().strategies().get(name)
        : null;
  }

  private static Object routing(ShardingStrategy strategy) {
    return RoutingTree.ofStrategy(new StrategyTree(TopologyOpening::routing).of(strategy));
  }

  private static Map<String, Object> routing(ShardDirectory directory) {
    return directory instanceof TableDirectory table
        ? Map.of("name", table.location().name(), "table", table.location().table())
        : Map.of();
  }

  private TableDirectory directory(Setting strategy) {
    String name = PublishedDirectory.name(strategy);
    Setting server = PublishedDirectory.server(strategy);
    TableDirectory.Location location =
        new TableDirectory.Location(
            PublishedServer.read(server).options(server, own.accounts()),
            PublishedDirectory.table(strategy),
            name);
    return known(location).orElseGet(() -> made(location));
  }

  private Optional<TableDirectory> known(TableDirectory.Location location) {
    return ownDirectories.stream()
        .filter(directory -> directory.location().hasRowsOf(location))
        .findFirst()
        .or(() -> opened(location));
  }

  private Optional<TableDirectory> opened(TableDirectory.Location location) {
    List<TableDirectory> opened = new ArrayList<>(made);
    if (before != null) {
      opened.addAll(before.directories());
    }
    return opened.stream().filter(directory -> directory.location().equals(location)).findFirst();
  }

  private TableDirectory made(TableDirectory.Location location) {
    Shard server =
        Shard.of(ShardId.of(location.name()), location.server()).withPool(own.options().pool());
    TableDirectory directory =
        TableDirectory.of(server, location.table(), location.name(), own.options().timeouts());
    made.add(directory);
    return directory;
  }

  /** The directories that strategies ask. */
  private static Set<TableDirectory> directories(Collection<ShardingStrategy> strategies) {
    Set<TableDirectory> directories = new LinkedHashSet<>();
    StrategyTree trees =
        new StrategyTree(
            directory -> {
              if (directory instanceof TableDirectory table) {
                directories.add(table);
              }
              return Map.of();
            });
    strategies.forEach(trees::of);
    return directories;
  }
}
