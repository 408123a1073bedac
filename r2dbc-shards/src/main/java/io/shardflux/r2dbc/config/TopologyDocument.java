package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A topology as JSON with the keys of the YAML document, for tables that several routers read. It
 * has neither an epoch nor any user, password or pool: a server is a URL and the name of an
 * account. Immutable; two topologies that mean the same have the same text.
 */
@Internal
public final class TopologyDocument {

  private final Map<String, Object> tree;
  private final String json;
  private final Map<String, Object> routingTree;
  private final String routing;

  private TopologyDocument(Map<String, Object> tree) {
    this.tree = tree;
    this.json = JsonWriter.write(tree);
    this.routingTree = RoutingTree.of(tree);
    this.routing = JsonWriter.write(routingTree);
  }

  /**
   * The document of a topology.
   *
   * @param shards the servers of the topology's shards
   * @param accounts the names of the servers' accounts
   * @throws IllegalArgumentException if a server's account has no name there, a directory is of the
   *     application's own, or the text would be longer than 1 MiB
   */
  public static TopologyDocument of(Topology topology, List<Shard> shards, Accounts accounts) {
    return of(topology, shards, accounts, Map.of(), Map.of());
  }

  /**
   * The document of a topology that comes after this one. A shard or directory that this document
   * has keeps the server that is published here, by whatever way this router reaches it.
   *
   * @param shards the servers of the topology's shards that this document does not have, and
   *     perhaps of others
   * @throws IllegalArgumentException as {@link #of(Topology, List, Accounts)}
   */
  public TopologyDocument next(Topology topology, List<Shard> shards, Accounts accounts) {
    return of(topology, shards, accounts, part("shards"), RoutingTree.directories(tree));
  }

  private static TopologyDocument of(
      Topology topology,
      List<Shard> shards,
      Accounts accounts,
      Map<String, Object> publishedShards,
      Map<List<?>, Set<Object>> publishedDirectories) {
    Map<ShardId, Shard> servers = new HashMap<>();
    shards.forEach(shard -> servers.put(shard.id(), shard));
    Map<ShardId, Object> trees = new LinkedHashMap<>();
    for (ShardId id : topology.shards()) {
      Object published = publishedShards.get(id.value());
      trees.put(id, published != null ? published : tree(id, servers.get(id), accounts));
    }
    return of(topology, trees, directory -> tree(directory, accounts, publishedDirectories));
  }

  private static Object tree(ShardId id, @Nullable Shard shard, Accounts accounts) {
    if (shard == null) {
      throw new IllegalArgumentException("shards." + id + ": missing (expected: its server)");
    }
    return PublishedServer.shardTree(shard, accounts);
  }

  /** The document of what a router's own document and application say. */
  public static TopologyDocument of(RouterParts parts) {
    return of(parts.topology(), parts.shards(), parts.accounts());
  }

  /**
   * Reads what {@link #json} gave.
   *
   * @throws IllegalArgumentException if it is anything else, with the path to the mistake
   */
  public static TopologyDocument parse(String json) {
    Setting root = Setting.publishedRoot(JsonReader.read(json));
    root.only("shards", "strategies", "tables");
    Map<ShardId, Object> shards = new LinkedHashMap<>();
    for (Setting shard : root.get("shards").someEntries("a map of shards")) {
      shards.put(shard.nameAsShard(), PublishedServer.shardTree(shard));
    }
    Topology topology =
        TopologyOpening.topology(1, shards.keySet(), strategies(root.get("strategies")), root);
    return of(topology, shards, directory -> ((PublishedDirectory) directory).tree());
  }

  private static Map<String, ShardingStrategy> strategies(Setting strategies) {
    return new StrategyReader(strategies, (strategy, name) -> PublishedDirectory.read(strategy))
        .strategies();
  }

  private static TopologyDocument of(
      Topology topology,
      Map<ShardId, Object> shards,
      Function<ShardDirectory, Map<String, Object>> directories) {
    Map<String, Object> servers = new LinkedHashMap<>();
    shards.forEach((id, server) -> servers.put(id.value(), server));
    StrategyTree trees = new StrategyTree(directories);
    Map<String, Object> strategies = new TreeMap<>();
    topology
        .strategies()
        .forEach((name, strategy) -> strategies.put(name, tree(name, strategy, trees)));
    Map<String, Object> tables = new TreeMap<>();
    topology.tables().forEach((name, rule) -> tables.put(name, tree(rule)));
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("shards", servers);
    tree.put("strategies", strategies);
    tree.put("tables", tables);
    return new TopologyDocument(tree);
  }

  private static Map<String, Object> tree(
      String name, ShardingStrategy strategy, StrategyTree trees) {
    try {
      return trees.of(strategy);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("strategies." + name + ": " + e.getMessage(), e);
    }
  }

  private static Map<String, Object> tree(
      ShardDirectory directory, Accounts accounts, Map<List<?>, Set<Object>> published) {
    if (!(directory instanceof TableDirectory table)) {
      throw new IllegalArgumentException(
          "a directory of "
              + directory.getClass().getName()
              + " (expected: a TableDirectory, as each router that shares the topology must reach"
              + " it; otherwise leave control out of the document)");
    }
    TableDirectory.Location location = table.location();
    Set<Object> servers =
        published.getOrDefault(List.of(location.name(), location.table()), Set.of());
    return PublishedDirectory.tree(
        location.name(),
        location.table(),
        servers.size() == 1
            ? servers.iterator().next()
            : PublishedServer.of("directory " + location.name(), location.server(), accounts)
                .tree());
  }

  private static Map<String, Object> tree(TableRule rule) {
    Map<String, Object> tree = new LinkedHashMap<>();
    if (rule instanceof TableRule.Sharded sharded) {
      tree.put("key", sharded.key().stream().map(TopologyDocument::tree).toList());
      // One order for all, as the rule checks; an earlier version refuses it.
      sharded.key().stream()
          .map(KeyColumn::uuid)
          .filter(Objects::nonNull)
          .findAny()
          .ifPresent(order -> tree.put("order", order.name().toLowerCase(Locale.ROOT)));
      tree.put("strategy", sharded.strategy());
    } else if (rule instanceof TableRule.Pinned pinned) {
      tree.put("pinned", pinned.shard().value());
    } else if (rule instanceof TableRule.Reference reference) {
      tree.put("reference", true);
      // A router of an earlier version refuses these, rather than take a copy to be there.
      put(tree, "absent", reference.absent());
      put(tree, "joining", reference.joining());
    }
    return tree;
  }

  private static void put(Map<String, Object> tree, String key, Set<ShardId> shards) {
    if (!shards.isEmpty()) {
      tree.put(key, shards.stream().map(ShardId::value).toList());
    }
  }

  private static Map<String, Object> tree(KeyColumn column) {
    KeyType type = column.uuid() == null ? column.type() : KeyType.UUID;
    return Map.of(column.name(), type.name().toLowerCase(Locale.ROOT));
  }

  /**
   * The whole as one line of JSON, in ASCII, of at most 1 MiB. Its order counts, so it must be kept
   * as a text and not as MySQL's JSON type.
   */
  public String json() {
    return json;
  }

  /**
   * The same without what differs from router to router and changes no key's shard: URLs, accounts,
   * and the sizes and times of directories. Equal for two documents of {@link #sameRouting}.
   */
  public String routing() {
    return routing;
  }

  /** The shards in their order. */
  public Set<ShardId> shards() {
    Set<ShardId> shards = new LinkedHashSet<>();
    part("shards").keySet().forEach(name -> shards.add(ShardId.of(name)));
    return Collections.unmodifiableSet(shards);
  }

  /** The names of the accounts that its servers are reached by. */
  public Set<String> accounts() {
    return Collections.unmodifiableSet(RoutingTree.accounts(tree));
  }

  /** Tells whether both have the same shards, strategies and tables; see {@link #routing}. */
  public boolean sameRouting(TopologyDocument other) {
    return routing.equals(other.routing);
  }

  /**
   * Tells whether this document has each shard, strategy and table of a published one, with the
   * same routing. It may have more.
   */
  public boolean keeps(TopologyDocument published) {
    return published.routingTree.keySet().stream()
        .allMatch(
            part ->
                RoutingTree.part(routingTree, part)
                    .entrySet()
                    .containsAll(RoutingTree.part(published.routingTree, part).entrySet()));
  }

  /**
   * This document, where a copy of a reference table is there only if a published one says so: a
   * document makes no copy. It is this object where that is so already.
   *
   * @throws IllegalArgumentException if a table would have no whole copy
   */
  public TopologyDocument withCopiesOf(TopologyDocument published) {
    Set<ShardId> added = new LinkedHashSet<>(shards());
    added.removeAll(published.shards());
    Map<String, TableRule.Reference> before = published.references();
    Map<String, Object> tables = new TreeMap<>(part("tables"));
    references()
        .forEach(
            (name, rule) -> {
              TableRule.Reference was = before.get(name);
              if (was != null) {
                tables.put(name, tree(copies(rule, was, added)));
              }
            });
    if (tables.equals(part("tables"))) {
      return this;
    }
    Map<String, Object> all = new LinkedHashMap<>(tree);
    all.put("tables", tables);
    return parse(JsonWriter.write(all));
  }

  private TableRule.Reference copies(
      TableRule.Reference rule, TableRule.Reference was, Set<ShardId> added) {
    TableRule.Reference copies = rule;
    for (ShardId shard : shards()) {
      if (was.joining().contains(shard)) {
        copies = copies.joiningOn(shard);
      } else if (added.contains(shard) || was.absent().contains(shard)) {
        copies = copies.absentOn(shard);
      }
    }
    return copies;
  }

  private Map<String, TableRule.Reference> references() {
    Map<String, TableRule.Reference> all = new TreeMap<>();
    for (Setting table : Setting.publishedRoot(tree).get("tables").entries()) {
      if (RouterDocument.rule(table) instanceof TableRule.Reference rule) {
        all.put(rule.table(), rule);
      }
    }
    return all;
  }

  /**
   * The places in which this document differs from a published one, such as {@code shards.shard_3:
   * only in the document}; none where the {@link #sameRouting routing is the same}. At most 20
   * lines, of at most 200 characters.
   */
  public List<String> differences(TopologyDocument published) {
    return RoutingDifferences.of(routingTree, published.routingTree);
  }

  /**
   * The topology, to be used. A shard that the router's own document has is reached as that
   * document says. The same holds for a strategy that routes as its strategy of that name does.
   *
   * @param own what the router's own document says
   * @param before what is used until now, whose strategies and directories are kept where they are
   *     the same; null at the start
   * @throws IllegalArgumentException if the router has no account of a name; nothing stays open
   */
  public Opened open(long epoch, RouterParts own, @Nullable Opened before) {
    return new TopologyOpening(this, own, before).open(epoch);
  }

  Map<String, Object> tree() {
    return tree;
  }

  Map<String, Object> part(String key) {
    return RoutingTree.part(tree, key);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof TopologyDocument document && json.equals(document.json);
  }

  @Override
  public int hashCode() {
    return json.hashCode();
  }

  /** The names of its shards, as the whole may be long. */
  @Override
  public String toString() {
    return "topology of " + shards();
  }

  /**
   * A document in use.
   *
   * @param shards the servers of the topology's shards, in its order
   * @param directories the directories that were made for it or for one before, and that it uses;
   *     must be closed by its user once no later one has them. Those of the router's own document
   *     are not among them
   */
  public record Opened(
      TopologyDocument document,
      Topology topology,
      List<Shard> shards,
      List<TableDirectory> directories) {

    /** Copies the lists. */
    public Opened {
      shards = List.copyOf(shards);
      directories = List.copyOf(directories);
    }

    /**
     * Has directories be asked anew, right before this topology comes into force. Their keys may
     * have moved since the one before, unless the router saw each topology, and none of them had
     * the directory on its way.
     */
    public void forgetSince(Opened before) {
      boolean next = before.topology().epoch() + 1 == topology.epoch();
      topology
          .strategies()
          .forEach(
              (name, strategy) -> {
                boolean rested = next && before.topology().strategies().get(name) == strategy;
                if (strategy instanceof DirectoryStrategy directory && !rested) {
                  directory.forget();
                }
              });
    }
  }
}
