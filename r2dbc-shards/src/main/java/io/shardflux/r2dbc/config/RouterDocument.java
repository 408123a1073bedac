package io.shardflux.r2dbc.config;

import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.directory.ControlTable;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.settings.BreakerOptions;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.UuidOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.DuplicateKeyException;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.representer.Representer;
import org.yaml.snakeyaml.resolver.Resolver;

/** A router's configuration, as {@code ShardRouter.fromYaml} describes it. */
@Internal
public final class RouterDocument {

  private static final int MAX_LENGTH = 1 << 20;
  private static final int MAX_NESTING = 32;
  private static final int MAX_ALIASES = 20;
  private static final String COLUMN =
      "one column with its type; of several columns a list of such, as their order counts";
  private static final String TABLE = "a table's name, 1 to 64 letters, digits or '_'";

  private final Setting root;
  private final PoolOptions pool;
  private final ServerReader servers;
  private final List<TableDirectory> directories = new ArrayList<>();
  private Timeouts timeouts = Timeouts.defaults();

  private RouterDocument(Setting root, PoolOptions pool) {
    this.root = root;
    this.pool = pool;
    this.servers = new ServerReader(root, pool);
  }

  private static Setting checked(Setting root) {
    root.only(
        "shards",
        "pool",
        "timeouts",
        "breaker",
        "reads",
        "slow-statement",
        "hot-keys",
        "row-counts",
        "sql",
        "coalescing",
        "transactions",
        "ids",
        "control",
        "resharding",
        "strategies",
        "tables");
    root.get("control").onlyAsServer(ControlReader.KEYS);
    return root;
  }

  /** The definition in a YAML text. */
  public static RouterDefinition read(String yaml) {
    return read(Setting.root(parse(yaml)));
  }

  /** The definition in nested maps. */
  public static RouterDefinition read(Map<String, ?> document) {
    return read(Setting.relaxedRoot(document));
  }

  /** The ids that a YAML text describes. */
  public static IdSource ids(String yaml) {
    return ids(Setting.root(parse(yaml)));
  }

  /** The ids that nested maps describe. */
  public static IdSource ids(Map<String, ?> document) {
    return ids(Setting.relaxedRoot(document));
  }

  /**
   * The strategy that a YAML text describes as a document describes one of that name. It stands by
   * itself, and is on no directory.
   *
   * @throws IllegalArgumentException if it is malformed, with the path that it has in a document
   */
  public static ShardingStrategy strategy(String name, String yaml) {
    Setting root = Setting.root(Map.of("strategies", Collections.singletonMap(name, parse(yaml))));
    StrategyReader reader = new StrategyReader(root.get("strategies"), RouterDocument::noDirectory);
    return Objects.requireNonNull(reader.strategies().get(name));
  }

  /** The same of what {@link #map} gave for it. */
  public static ShardingStrategy strategy(String name, Map<String, ?> tree) {
    Setting root = Setting.root(Map.of("strategies", Map.of(name, tree)));
    StrategyReader reader = new StrategyReader(root.get("strategies"), RouterDocument::noDirectory);
    return Objects.requireNonNull(reader.strategies().get(name));
  }

  /**
   * A YAML text as nested maps and lists, in which each scalar is a text.
   *
   * @throws IllegalArgumentException if it is malformed, or no map
   */
  public static Map<String, Object> map(String yaml) {
    if (!(parse(yaml) instanceof Map<?, ?> parsed)) {
      throw new IllegalArgumentException("text: no map (expected: a map in YAML or JSON)");
    }
    Map<String, Object> map = new LinkedHashMap<>();
    parsed.forEach((name, value) -> map.put(String.valueOf(name), value == null ? "" : value));
    return map;
  }

  /**
   * The settings that a YAML text has for one move, with the keys of the section {@code resharding}
   * that are a move's.
   *
   * @param others the settings that it does not have
   * @throws IllegalArgumentException if it is malformed, with a path below {@code options}
   */
  public static ReshardingOptions move(String yaml, ReshardingOptions others) {
    Setting root = Setting.root(Collections.singletonMap("options", parse(yaml)));
    return ReshardingReader.ofMove(root.get("options"), others);
  }

  private static ShardDirectory noDirectory(Setting strategy, @Nullable String name) {
    throw strategy
        .get("type")
        .refused(
            "any other type; a strategy with a directory must be made in Java, as it has"
                + " connections of its own");
  }

  private static IdSource ids(Setting root) {
    RouterDocument document = new RouterDocument(checked(root), PoolOptions.defaults());
    document.timeouts = timeouts(root.get("timeouts"));
    return document.idSource(root.get("ids"));
  }

  private static RouterDefinition read(Setting root) {
    PoolOptions pool = ServerReader.pool(checked(root).get("pool"), PoolOptions.defaults());
    RouterDocument document = new RouterDocument(root, pool);
    try {
      return document.read();
    } catch (RuntimeException e) {
      document.directories.forEach(directory -> directory.close().subscribe());
      throw e;
    }
  }

  private static @Nullable Object parse(String yaml) {
    if (yaml.length() > MAX_LENGTH) {
      throw new IllegalArgumentException(
          "document: " + yaml.length() + " characters (expected: at most " + MAX_LENGTH + ")");
    }
    LoaderOptions limits = new LoaderOptions();
    limits.setCodePointLimit(MAX_LENGTH);
    limits.setNestingDepthLimit(MAX_NESTING);
    limits.setMaxAliasesForCollections(MAX_ALIASES);
    limits.setAllowDuplicateKeys(false);
    DumperOptions dump = new DumperOptions();
    try {
      return new Yaml(
              new SafeConstructor(limits), new Representer(dump), dump, limits, new TextResolver())
          .load(yaml);
    } catch (YAMLException e) {
      // The error must not be a cause: it quotes the text, and with it a password.
      throw malformed(e);
    }
  }

  private static IllegalArgumentException malformed(YAMLException error) {
    String place = "";
    if (error instanceof MarkedYAMLException marked && marked.getProblemMark() != null) {
      place =
          ", line "
              + (marked.getProblemMark().getLine() + 1)
              + ", column "
              + (marked.getProblemMark().getColumn() + 1);
    }
    return new IllegalArgumentException(
        error instanceof DuplicateKeyException
            ? "document" + place + ": a key that is there already (expected: each key once)"
            : "document"
                + place
                + ": malformed (expected: one YAML document, with quotes round texts that have"
                + " special characters, at most "
                + MAX_NESTING
                + " levels and "
                + MAX_ALIASES
                + " aliases)");
  }

  /** Leaves every scalar a text: a password of digits must not become a number. */
  private static final class TextResolver extends Resolver {

    @Override
    protected void addImplicitResolvers() {
      // Adds none.
    }
  }

  private RouterDefinition read() {
    timeouts = timeouts(root.get("timeouts"));
    BreakerOptions breaker = breaker(root.get("breaker"));
    ReadOptions reads = reads(root.get("reads"));
    RowCountOptions rowCounts = rowCounts(root.get("row-counts"));
    ScatterReads scatterReads = scatterReads(root.get("sql"));
    GatherOptions gathers = gathers(root.get("sql"));
    CoalescingOptions coalescing = coalescing(root.get("coalescing"));
    Setting ids = root.get("ids");
    IdSource idSource = ids.present() ? idSource(ids) : null;
    boolean hotKeys = root.get("hot-keys").or(false, Setting::truth);
    RouterOptions options =
        RouterOptions.defaults()
            .with(pool)
            .with(timeouts)
            .with(breaker)
            .with(reads)
            .with(transactions(root.get("transactions")));
    Setting slow = root.get("slow-statement");
    if (slow.present()) {
      options = options.withSlowStatement(slow.time());
    }
    List<Shard> shards =
        root.get("shards").entries().stream()
            .map(shard -> servers.server(shard, shard.nameAsShard()))
            .toList();
    List<TableRule> tables =
        root.get("tables").entries().stream().map(RouterDocument::rule).toList();
    Map<String, ShardingStrategy> strategies =
        new StrategyReader(root.get("strategies"), this::directory).strategies();
    return new RouterDefinition(
        options,
        hotKeys,
        rowCounts,
        scatterReads,
        gathers,
        coalescing,
        shards,
        tables,
        strategies,
        directories,
        control(root.get("control")),
        ReshardingReader.read(root.get("resharding")),
        idSource);
  }

  private @Nullable ControlOptions control(Setting control) {
    return control.present()
        ? ControlReader.read(control, servers.control(control), servers.accounts())
        : null;
  }

  private static Timeouts timeouts(Setting setting) {
    setting.only("acquire", "first-row", "gap", "total");
    Timeouts defaults = Timeouts.defaults();
    Duration total = time(setting, "total", defaults.total());
    return new Timeouts(
        within(setting.get("acquire"), defaults.acquire(), total),
        within(setting.get("first-row"), defaults.firstRow(), total),
        within(setting.get("gap"), defaults.gap(), total),
        total);
  }

  /** An unspecified time gives way to the total. */
  private static Duration within(Setting setting, Duration other, Duration total) {
    Duration time = setting.or(shorter(other, total), Setting::time);
    if (time.compareTo(total) > 0) {
      throw setting.refused("at most timeouts.total, " + total);
    }
    return time;
  }

  private static BreakerOptions breaker(Setting setting) {
    setting.only("window", "min-calls", "failure-rate", "probe-interval");
    BreakerOptions defaults = BreakerOptions.defaults();
    int window = setting.get("window").or(defaults.window(), it -> it.integer(1, 10_000));
    return new BreakerOptions(
        window,
        setting
            .get("min-calls")
            .or(Math.min(defaults.minCalls(), window), it -> it.integer(1, window)),
        setting.get("failure-rate").or(defaults.failureRate(), it -> it.integer(1, 100)),
        time(setting, "probe-interval", defaults.probeInterval()));
  }

  private static ReadOptions reads(Setting setting) {
    setting.only("preference", "retries", "max-lag", "hedge");
    ReadOptions defaults = ReadOptions.defaults();
    return new ReadOptions(
        setting.get("preference").or(defaults.preference(), it -> it.one(ReadPreference.class)),
        setting.get("retries").or(defaults.retries(), it -> it.integer(0, 10)),
        time(setting, "max-lag", defaults.maxLag()),
        setting.get("hedge").or(defaults.hedge(), Setting::truth));
  }

  private static TransactionOptions transactions(Setting setting) {
    setting.only("mode", "recover-every");
    TransactionOptions defaults = TransactionOptions.defaults();
    return new TransactionOptions(
        setting.get("mode").or(defaults.mode(), it -> it.one(TransactionMode.class)),
        setting
            .get("recover-every")
            .or(
                defaults.recoverEvery(),
                it ->
                    it.time(
                        Duration.ofMillis(100), Duration.ofHours(1), "a time from 100ms to 1h")));
  }

  private static RowCountOptions rowCounts(Setting setting) {
    setting.only("exact", "every");
    RowCountOptions defaults = RowCountOptions.defaults();
    return new RowCountOptions(
        setting.get("exact").or(defaults.exact(), Setting::truth),
        time(setting, "every", defaults.every()));
  }

  private static ScatterReads scatterReads(Setting setting) {
    setting.only(
        "allow-scatter",
        "allow-gather",
        "gather-max-rows",
        "gather-max-bytes",
        "gather-concurrency");
    return setting.get("allow-scatter").or(ScatterReads.ALLOWED, RouterDocument::allowed);
  }

  private static GatherOptions gathers(Setting setting) {
    GatherOptions defaults = GatherOptions.defaults();
    return new GatherOptions(
        setting.get("allow-gather").or(defaults.reads(), RouterDocument::allowed),
        setting.get("gather-max-rows").or(defaults.maxRows(), it -> it.integer(1, 1_000_000)),
        setting.get("gather-max-bytes").or(defaults.maxBytes(), it -> it.integer(1 << 10, 1 << 30)),
        setting.get("gather-concurrency").or(defaults.concurrency(), it -> it.integer(0, 1_000)));
  }

  private static ScatterReads allowed(Setting setting) {
    String expected = "one of true, log, false";
    return switch (setting.text(expected)) {
      case "true" -> ScatterReads.ALLOWED;
      case "log" -> ScatterReads.LOGGED;
      case "false" -> ScatterReads.REFUSED;
      default -> throw setting.refused(expected);
    };
  }

  private static CoalescingOptions coalescing(Setting setting) {
    setting.only("max-keys", "max-rows", "in-flight", "max-waiting");
    CoalescingOptions defaults = CoalescingOptions.defaults();
    return new CoalescingOptions(
        setting.get("max-keys").or(defaults.maxKeys(), it -> it.integer(1, 1_000)),
        setting.get("max-rows").or(defaults.maxRows(), it -> it.integer(1, 1_000_000)),
        setting.get("in-flight").or(defaults.inFlight(), it -> it.integer(1, 64)),
        setting.get("max-waiting").or(defaults.maxWaiting(), it -> it.integer(1, 1_000_000)));
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private static Duration time(Setting setting, String key, Duration other) {
    return setting.get(key).or(other, Setting::time);
  }

  static TableRule rule(Setting table) {
    table.only("key", "strategy", "order", "reference", "absent", "joining", "pinned");
    Setting key = table.get("key");
    Setting strategy = table.get("strategy");
    Setting reference = table.get("reference");
    Setting pinned = table.get("pinned");
    Setting absent = table.get("absent");
    Setting joining = table.get("joining");
    boolean sharded = key.present() || strategy.present() || table.get("order").present();
    int kinds = (sharded ? 1 : 0) + (reference.present() ? 1 : 0) + (pinned.present() ? 1 : 0);
    boolean copies = absent.present() || joining.present();
    if (kinds != 1 || (copies && !reference.present())) {
      throw table.misshapen("key and strategy, or reference alone, or pinned alone");
    }
    if (sharded) {
      List<KeyColumn> columns = columns(key, table.get("order"));
      String name = strategy.quotable("the name of a strategy");
      return table.checked(() -> new TableRule.Sharded(table.name(), columns, name));
    }
    if (pinned.present()) {
      ShardId shard = pinned.shard();
      return table.checked(() -> new TableRule.Pinned(table.name(), shard));
    }
    if (!reference.text("true").equals("true")) {
      throw reference.refused("true");
    }
    Set<ShardId> lacking = shards(absent);
    Set<ShardId> given = shards(joining);
    return table.checked(() -> new TableRule.Reference(table.name(), lacking, given));
  }

  private static Set<ShardId> shards(Setting list) {
    return list.present() ? new LinkedHashSet<>(list.shards()) : Set.of();
  }

  /**
   * The key's columns: a map for one column, a list of such maps for several, because their order
   * counts.
   */
  private static List<KeyColumn> columns(Setting key, Setting order) {
    UuidOrder uuid = order.present() ? order.one(UuidOrder.class) : null;
    boolean single = key.isMap() && key.entries().stream().noneMatch(Setting::isMap);
    List<KeyColumn> columns =
        single
            ? List.of(column(key, uuid))
            : key.items(COLUMN).stream().map(each -> column(each, uuid)).toList();
    if (uuid != null && columns.stream().allMatch(column -> column.uuid() == null)) {
      throw order.refused("none, as no key column is a uuid");
    }
    return columns;
  }

  private static KeyColumn column(Setting setting, @Nullable UuidOrder uuid) {
    List<Setting> columns = setting.entries();
    if (columns.size() != 1) {
      throw setting.misshapen(COLUMN);
    }
    Setting column = columns.get(0);
    KeyType type = column.one(KeyType.class);
    return column.checked(
        () ->
            uuid != null && type == KeyType.UUID
                ? KeyColumn.uuid(column.name(), uuid)
                : new KeyColumn(column.name(), type));
  }

  private ShardDirectory directory(Setting strategy, @Nullable String strategyName) {
    String name = directoryName(strategy.get("name"), strategyName);
    String table = strategy.get("table").or(TableDirectory.DEFAULT_TABLE, it -> it.text("a name"));
    Setting setting = strategy.get("server");
    if (!setting.isMap()) {
      throw setting.misshapen("url, username and password of the directory's server");
    }
    Shard server = servers.server(setting, ShardId.of(name));
    Shard bounded = server.pool() == null ? server.withPool(pool) : server;
    TableDirectory directory =
        strategy.checked(() -> TableDirectory.of(bounded, table, name, timeouts));
    directories.add(directory);
    return directory;
  }

  private IdSource idSource(Setting ids) {
    ids.only("shard", "server", "table", "lease", "create-table");
    Setting table = ids.get("table");
    String name = table.or(IdSource.DEFAULT_TABLE, it -> it.text(TABLE));
    if (!ControlTable.NAME.matcher(name).matches()) {
      throw table.refused(TABLE);
    }
    return new IdSource(
        idServer(ids),
        name,
        ids.get("lease").or(IdSource.DEFAULT_LEASE, RouterDocument::lease),
        timeouts,
        ids.get("create-table").or(false, Setting::truth));
  }

  private Shard idServer(Setting ids) {
    Setting shard = ids.get("shard");
    Setting server = ids.get("server");
    if (shard.present() == server.present()) {
      throw ids.misshapen("a map that has either shard or server");
    }
    if (server.present()) {
      return servers.server(server, ShardId.of("ids"));
    }
    String named = "the name of one of shards";
    Setting found = root.get("shards").get(shard.text(named));
    if (!found.present()) {
      throw shard.refused(named);
    }
    // The shard's pool is left out, because ids need few connections.
    return Shard.of(found.nameAsShard(), servers.server(found, found.nameAsShard()).options());
  }

  private static Duration lease(Setting setting) {
    Duration lease = setting.time();
    if (lease.compareTo(IdSource.SHORTEST_LEASE) < 0
        || lease.compareTo(IdSource.LONGEST_LEASE) > 0) {
      throw setting.refused("a time from 1s to 1h");
    }
    return lease;
  }

  /**
   * The directory's name: the strategy's own, unless another is specified. A strategy inside
   * another has none.
   */
  static String directoryName(Setting setting, @Nullable String strategyName) {
    String expected = "1 to 64 letters, digits, '_', '-' or '.'";
    String name = setting.present() || strategyName == null ? setting.text(expected) : strategyName;
    if (!TableDirectory.NAME.matcher(name).matches()) {
      throw setting.refused(expected);
    }
    return name;
  }
}
