package io.shardflux.r2dbc.config;

import io.shardflux.router.DirectoryStrategy;
import io.shardflux.router.HaltedStrategy;
import io.shardflux.router.HashFunction;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.NamedKeysStrategy;
import io.shardflux.router.ShardDirectory;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.StrategyTree;
import io.shardflux.router.TimePeriod;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Makes the strategies of a document; each named strategy is made once, however often it is named.
 */
final class StrategyReader {

  private static final int DEFAULT_SLOTS = 1024;
  private static final int MAX_SLOTS = 65_536;
  private static final int MAX_WEIGHT = 10_000;
  private static final int MAX_CACHE_SIZE = 100_000_000;

  /** The type of a strategy that only a published topology has, while its keys move. */
  private static final String TRANSITION = "transition";

  private static final String HALTED = "halted";

  private static final String NAMED_KEYS = "named-keys";

  private enum Type {
    HASH,
    MODULO,
    RANGE,
    DIRECTORY,
    CONSISTENT,
    COMPOSITE,
    GEO,
    TENANT,
    TIME,
    FIXED
  }

  private final Map<String, Setting> settings = new LinkedHashMap<>();
  private final Map<String, ShardingStrategy> made = new LinkedHashMap<>();
  private final Set<String> underWay = new LinkedHashSet<>();
  private final BiFunction<Setting, @Nullable String, ShardDirectory> directories;

  /**
   * A reader of the document's {@code strategies}.
   *
   * @param directories makes the directory of a strategy, which has that name or none
   */
  StrategyReader(
      Setting strategies, BiFunction<Setting, @Nullable String, ShardDirectory> directories) {
    strategies.entries().forEach(strategy -> settings.put(strategy.name(), strategy));
    this.directories = directories;
  }

  /** The named strategies, in the document's order. */
  Map<String, ShardingStrategy> strategies() {
    Map<String, ShardingStrategy> strategies = new LinkedHashMap<>();
    settings.forEach((name, setting) -> strategies.put(name, named(name, setting)));
    return strategies;
  }

  private ShardingStrategy named(String name, Setting use) {
    ShardingStrategy known = made.get(name);
    if (known != null) {
      return known;
    }
    Setting setting = settings.get(name);
    if (setting == null) {
      throw use.refused("a strategy, or the name of one of " + settings.keySet());
    }
    if (!underWay.add(name)) {
      throw use.refused("a strategy that does not hold itself, as in " + underWay);
    }
    ShardingStrategy strategy = made(setting, name);
    underWay.remove(name);
    made.put(name, strategy);
    return strategy;
  }

  /** A strategy inside another: by name, or there and then. */
  private ShardingStrategy nested(Setting setting) {
    return setting.isMap()
        ? made(setting, null)
        : named(setting.text("a strategy, or the name of one"), setting);
  }

  private ShardingStrategy made(Setting setting, @Nullable String name) {
    if (setting.isPublished(TRANSITION)) {
      return transition(setting);
    }
    if (setting.isPublished(HALTED)) {
      TransitionStrategy way = transition(setting);
      return setting.checked(() -> HaltedStrategy.of(way));
    }
    if (setting.isPublished(NAMED_KEYS)) {
      return namedKeys(setting);
    }
    Type type = setting.get("type").one(Type.class);
    return switch (type) {
      case HASH -> hash(setting);
      case MODULO -> modulo(setting);
      case RANGE -> range(setting);
      case DIRECTORY -> directory(setting, name);
      case CONSISTENT -> consistent(setting);
      case COMPOSITE -> composite(setting);
      case GEO -> geo(setting);
      case TENANT -> tenant(setting);
      case TIME -> time(setting);
      case FIXED -> fixed(setting);
    };
  }

  private static ShardingStrategy hash(Setting setting) {
    setting.only("type", "function", "shards", "slots", "slot-table");
    HashFunction function =
        setting.get("function").or(HashFunction.CRC32, it -> it.one(HashFunction.class));
    Setting table = setting.get("slot-table");
    if (!table.present()) {
      List<ShardId> shards = setting.get("shards").shards();
      int slots = setting.get("slots").or(DEFAULT_SLOTS, it -> it.integer(1, MAX_SLOTS));
      return setting.checked(() -> ShardingStrategy.hash(shards, slots, function));
    }
    if (setting.get("shards").present() || setting.get("slots").present()) {
      throw table.refused("either slot-table, or shards and slots");
    }
    List<ShardId> slots = slots(table);
    return setting.checked(() -> ShardingStrategy.hashSlots(slots, function));
  }

  private static List<ShardId> slots(Setting table) {
    List<ShardId> slots = new ArrayList<>();
    for (Setting run : table.items("a list of runs of slots")) {
      run.only("shard", "slots");
      ShardId shard = run.get("shard").shard();
      int count = run.get("slots").integer(1, MAX_SLOTS);
      if (slots.size() + count > MAX_SLOTS) {
        throw run.get("slots").refused("at most " + MAX_SLOTS + " slots in all runs together");
      }
      for (int i = 0; i < count; i++) {
        slots.add(shard);
      }
    }
    return slots;
  }

  private static ShardingStrategy modulo(Setting setting) {
    List<ShardId> shards = setting.only("type", "shards").get("shards").shards();
    return setting.checked(() -> ShardingStrategy.modulo(shards));
  }

  private static ShardingStrategy range(Setting setting) {
    setting.only("type", "key", "ranges");
    KeyType type = setting.get("key").one(KeyType.class);
    Map<KeyRange, ShardId> owners = new LinkedHashMap<>();
    for (Setting range : setting.get("ranges").items("a list of ranges")) {
      range.only("from", "to", "shard");
      ShardKey from = bound(range.get("from"), type);
      ShardKey to = bound(range.get("to"), type);
      KeyRange bounds = range.checked(() -> new KeyRange(from, to));
      if (owners.putIfAbsent(bounds, range.get("shard").shard()) != null) {
        throw range.refused("each range once");
      }
    }
    return setting.checked(() -> ShardingStrategy.range(owners));
  }

  private static @Nullable ShardKey bound(Setting setting, KeyType type) {
    if (!setting.present()) {
      return null;
    }
    Object part = setting.keyPart(type);
    return setting.checked(() -> ShardKey.of(part));
  }

  private ShardingStrategy directory(Setting setting, @Nullable String name) {
    setting.only(
        "type",
        "shards",
        "server",
        "table",
        "name",
        "assign-unknown",
        "cache-size",
        "expiry",
        "timeout");
    List<ShardId> shards = setting.get("shards").shards();
    Setting unknown = setting.get("assign-unknown");
    ShardingStrategy rule = unknown.present() ? nested(unknown) : null;
    DirectoryStrategy.Builder strategy =
        ShardingStrategy.directory(directories.apply(setting, name), shards);
    if (rule != null) {
      unknown.checked(() -> strategy.assignUnknown(rule));
    }
    setting.get("cache-size").ifPresent(it -> strategy.cacheSize(it.integer(0, MAX_CACHE_SIZE)));
    setting.get("expiry").ifPresent(it -> time(it, strategy::expiry));
    setting.get("timeout").ifPresent(it -> time(it, strategy::timeout));
    return setting.checked(strategy::build);
  }

  private static void time(Setting setting, Function<Duration, DirectoryStrategy.Builder> taker) {
    Duration time = setting.time();
    setting.checked(() -> taker.apply(time));
  }

  private static ShardingStrategy consistent(Setting setting) {
    setting.only("type", "shards", "weights");
    Setting weights = setting.get("weights");
    if (!weights.present()) {
      List<ShardId> shards = setting.get("shards").shards();
      return setting.checked(() -> ShardingStrategy.consistent(shards));
    }
    if (setting.get("shards").present()) {
      throw weights.refused("either weights or shards");
    }
    Map<ShardId, Integer> weighed = new LinkedHashMap<>();
    for (Setting weight : weights.someEntries("a map of shards to weights")) {
      weighed.put(weight.nameAsShard(), weight.integer(1, MAX_WEIGHT));
    }
    return setting.checked(() -> ShardingStrategy.consistent(weighed));
  }

  private ShardingStrategy composite(Setting setting) {
    setting.only("type", "groups", "inside");
    ShardingStrategy groups = nested(setting.get("groups"));
    Map<ShardId, ShardingStrategy> inside = new LinkedHashMap<>();
    for (Setting group : setting.get("inside").someEntries("a map of groups to strategies")) {
      inside.put(group.nameAsShard(), nested(group));
    }
    return setting.checked(() -> ShardingStrategy.composite(groups, inside));
  }

  private ShardingStrategy geo(Setting setting) {
    setting.only("type", "regions", "others");
    Map<String, ShardId> countries = new LinkedHashMap<>();
    Map<ShardId, ShardingStrategy> inside = new LinkedHashMap<>();
    for (Setting region : setting.get("regions").someEntries("a map of regions")) {
      region.only("countries", "strategy");
      ShardId id = region.nameAsShard();
      Setting listed = region.get("countries");
      for (Setting country : listed.or(List.<Setting>of(), it -> it.items("a list of countries"))) {
        if (countries.putIfAbsent(country.text("a country"), id) != null) {
          throw country.refused("each country in one region");
        }
      }
      inside.put(id, nested(region.get("strategy")));
    }
    Setting others = setting.get("others");
    if (!others.present()) {
      return setting.checked(() -> ShardingStrategy.geo(countries, inside));
    }
    ShardId region = others.shard();
    return setting.checked(() -> ShardingStrategy.geo(countries, region, inside));
  }

  private ShardingStrategy tenant(Setting setting) {
    setting.only("type", "key", "tenants", "others");
    KeyType type = setting.get("key").one(KeyType.class);
    Map<ShardKey, ShardingStrategy> tenants = new LinkedHashMap<>();
    for (Setting tenant : setting.get("tenants").someEntries("a map of tenants to strategies")) {
      Object part = tenant.nameAsKeyPart(type);
      ShardKey key = tenant.checked(() -> ShardKey.of(part));
      if (tenants.putIfAbsent(key, nested(tenant)) != null) {
        throw tenant.refused("each tenant once");
      }
    }
    Setting others = setting.get("others");
    if (!others.present()) {
      return setting.checked(() -> ShardingStrategy.tenant(tenants));
    }
    ShardingStrategy pool = nested(others);
    return setting.checked(() -> ShardingStrategy.tenant(tenants, pool));
  }

  private static ShardingStrategy time(Setting setting) {
    setting.only("type", "period", "listed", "rotation");
    TimePeriod period = setting.get("period").one(TimePeriod.class);
    Map<LocalDate, ShardId> listed = new LinkedHashMap<>();
    for (Setting start : setting.get("listed").entries()) {
      listed.put((LocalDate) start.nameAsKeyPart(KeyType.DATE), start.shard());
    }
    Setting rotation = setting.get("rotation");
    if (!rotation.present()) {
      return setting.checked(() -> ShardingStrategy.time(period, listed));
    }
    List<ShardId> turns = rotation.shards();
    return setting.checked(() -> ShardingStrategy.time(period, listed, turns));
  }

  private TransitionStrategy transition(Setting setting) {
    setting.only("type", "old", "next", "steps", "whole");
    List<TransitionStrategy.Step> steps = new ArrayList<>();
    for (Setting step : setting.get("steps").items("a list of steps")) {
      step.only("from", "to", "phase");
      ShardId from = step.get("from").shard();
      ShardId to = step.get("to").shard();
      TransitionStrategy.Phase phase = step.get("phase").one(TransitionStrategy.Phase.class);
      steps.add(step.checked(() -> new TransitionStrategy.Step(from, to, phase)));
    }
    ShardingStrategy old = nested(setting.get("old"));
    ShardingStrategy next = overSame(old, nested(setting.get("next")));
    boolean whole = setting.get("whole").or(false, Setting::truth);
    return setting.checked(
        () -> {
          TransitionStrategy way = TransitionStrategy.of(old, next, steps);
          return whole ? way.ofWhole() : way;
        });
  }

  /** Both ends of a way ask one directory, by one cache. */
  private static ShardingStrategy overSame(ShardingStrategy old, ShardingStrategy next) {
    StrategyTree trees = new StrategyTree(directory -> Map.of("directory", directory));
    return old instanceof NamedKeysStrategy before
            && next instanceof NamedKeysStrategy after
            && trees.of(before.others()).equals(trees.of(after.others()))
        ? after.over(before.others())
        : next;
  }

  private ShardingStrategy namedKeys(Setting setting) {
    setting.only("type", "key", "named", "others");
    List<KeyType> types =
        setting.get("key").items("a list of types").stream()
            .map(type -> type.one(KeyType.class))
            .toList();
    Map<ShardKey, ShardId> named = new LinkedHashMap<>();
    for (Setting shard : setting.get("named").entries()) {
      for (Setting key : shard.items("a list of keys")) {
        named.put(key(key, types), shard.nameAsShard());
      }
    }
    Setting others = setting.get("others");
    if (nested(others) instanceof DirectoryStrategy directory) {
      return NamedKeysStrategy.of(named, directory);
    }
    throw others.refused("a directory");
  }

  private static ShardKey key(Setting setting, List<KeyType> types) {
    List<Setting> parts = types.size() == 1 ? List.of(setting) : setting.items("a list of parts");
    if (parts.size() != types.size()) {
      throw setting.refused("a part for each of " + types);
    }
    Object[] values = new Object[parts.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = parts.get(i).keyPart(types.get(i));
    }
    return setting.checked(() -> ShardKey.of(values));
  }

  private static ShardingStrategy fixed(Setting setting) {
    return ShardingStrategy.fixed(setting.only("type", "shard").get("shard").shard());
  }
}
