package io.shardflux.reshard.plan;

import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyRange;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import java.math.BigInteger;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** An intent as a map in YAML or JSON, whose first key says what is wanted and of what. */
final class IntentText {

  /** The further keys of each kind. */
  private static final Map<String, List<String>> KINDS =
      Map.ofEntries(
          Map.entry("change", List.of("next")),
          Map.entry("spread", List.of("shards")),
          Map.entry("reweight", List.of("weights")),
          Map.entry("move-slots", List.of("first", "last", "to")),
          Map.entry("move-keys", List.of("key", "keys", "to")),
          Map.entry("move-range", List.of("key", "from", "below", "to")),
          Map.entry("isolate", List.of("key", "tenant", "to")),
          Map.entry("remove-shard", List.of("heirs")),
          Map.entry("copy-reference", List.of("to")),
          Map.entry("move-tables", List.of("to")),
          Map.entry("shard-tables", List.of("tables", "next")));

  private final Map<String, Object> values;
  private final String kind;

  private IntentText(Map<String, Object> values) {
    this.values = values;
    Set<String> kinds = new LinkedHashSet<>(values.keySet());
    kinds.retainAll(KINDS.keySet());
    if (kinds.size() != 1) {
      throw refused("intent", kinds, "exactly one of " + KINDS.keySet().stream().sorted().toList());
    }
    this.kind = kinds.iterator().next();
    Set<String> others = new LinkedHashSet<>(values.keySet());
    others.remove(kind);
    others.removeAll(KINDS.getOrDefault(kind, List.of()));
    if (!others.isEmpty()) {
      throw refused(kind, others, "no other keys than " + KINDS.get(kind));
    }
  }

  /**
   * Reads an intent.
   *
   * @throws IllegalArgumentException if it is malformed
   */
  static Intent read(String text) {
    return new IntentText(RouterDocument.map(text)).read();
  }

  private Intent read() {
    return switch (kind) {
      case "change" -> new Intent.Change(text(kind), strategy(text(kind)));
      case "spread" -> new Intent.Spread(text(kind), shards("shards"));
      case "reweight" -> new Intent.Reweight(text(kind), weights());
      case "move-slots" ->
          new Intent.MoveSlots(text(kind), number("first"), number("last"), shard("to"));
      case "move-keys" -> new Intent.MoveKeys(text(kind), keys(), shard("to"));
      case "move-range" -> new Intent.MoveRange(text(kind), range(), shard("to"));
      case "isolate" -> new Intent.Isolate(text(kind), key("tenant", KeyType.TEXT), shard("to"));
      case "remove-shard" ->
          new Intent.RemoveShard(
              shard(kind), values.containsKey("heirs") ? shards("heirs") : List.of());
      case "copy-reference" -> new Intent.CopyReference(texts(kind), shard("to"));
      case "move-tables" -> new Intent.MoveTables(texts(kind), shard("to"));
      default -> new Intent.ShardTables(rules(text(kind)), strategy(text(kind)));
    };
  }

  private static IllegalArgumentException refused(String name, Object value, String expected) {
    return new IllegalArgumentException(name + ": " + value + " (expected: " + expected + ")");
  }

  private String text(String name) {
    if (values.get(name) instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw refused(name, String.valueOf(values.get(name)), "a text");
  }

  private List<String> texts(String name) {
    if (values.get(name) instanceof List<?> list
        && list.stream().allMatch(String.class::isInstance)) {
      return list.stream().map(String.class::cast).toList();
    }
    throw refused(name, String.valueOf(values.get(name)), "a list of texts");
  }

  private Map<String, Object> map(String name, @Nullable Object value) {
    if (!(value instanceof Map<?, ?> found) || found.isEmpty()) {
      throw refused(name, String.valueOf(value), "a map");
    }
    Map<String, Object> map = new LinkedHashMap<>();
    found.forEach((key, each) -> map.put(String.valueOf(key), each == null ? "" : each));
    return map;
  }

  private int number(String name) {
    return number(name, text(name));
  }

  private static int number(String name, Object text) {
    try {
      return Integer.parseInt(String.valueOf(text));
    } catch (NumberFormatException e) {
      throw refused(name, text, "a whole number");
    }
  }

  private ShardId shard(String name) {
    return ShardId.of(text(name));
  }

  private List<ShardId> shards(String name) {
    return texts(name).stream().map(ShardId::of).toList();
  }

  private Map<ShardId, Integer> weights() {
    Map<ShardId, Integer> weights = new LinkedHashMap<>();
    map("weights", values.get("weights"))
        .forEach((shard, weight) -> weights.put(ShardId.of(shard), number("weights", weight)));
    return weights;
  }

  private ShardingStrategy strategy(String name) {
    return RouterDocument.strategy(name, map("next", values.get("next")));
  }

  private KeyRange range() {
    ShardKey from = values.containsKey("from") ? key("from", KeyType.INTEGER) : null;
    ShardKey below = values.containsKey("below") ? key("below", KeyType.INTEGER) : null;
    return new KeyRange(from, below);
  }

  private ShardKey key(String name, KeyType usual) {
    KeyType type = values.containsKey("key") ? type("key", text("key")) : usual;
    return ShardKey.of(part(name, text(name), type));
  }

  /** Keys of one part, or of as many as there are types. */
  private List<ShardKey> keys() {
    Object types = values.getOrDefault("key", "integer");
    List<KeyType> all =
        (types instanceof List<?> list ? list : List.of(types))
            .stream().map(type -> type("key", type)).toList();
    if (!(values.get("keys") instanceof List<?> keys) || keys.isEmpty()) {
      throw refused("keys", String.valueOf(values.get("keys")), "a list of keys");
    }
    return keys.stream().map(key -> key(key, all)).toList();
  }

  private static ShardKey key(@Nullable Object key, List<KeyType> types) {
    List<?> parts = key instanceof List<?> list ? list : List.of(String.valueOf(key));
    if (parts.size() != types.size()) {
      throw refused("keys", String.valueOf(key), "keys of the types " + types);
    }
    Object[] values = new Object[parts.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = part("keys", String.valueOf(parts.get(i)), types.get(i));
    }
    return ShardKey.of(values);
  }

  private static Object part(String name, String text, KeyType type) {
    try {
      return switch (type) {
        case INTEGER -> new BigInteger(text);
        case TEXT -> text;
        case BINARY -> KeyType.bytes(text);
        case UUID -> UUID.fromString(text);
        case DATE -> LocalDate.parse(text);
        case DATETIME -> LocalDateTime.parse(text);
        case INSTANT -> Instant.parse(text);
      };
    } catch (RuntimeException e) {
      throw refused(name, text, "a key of the type " + type);
    }
  }

  private static KeyType type(String name, Object text) {
    try {
      return KeyType.valueOf(String.valueOf(text).toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw refused(name, text, "one of " + List.of(KeyType.values()));
    }
  }

  private List<TableRule.Sharded> rules(String strategy) {
    List<TableRule.Sharded> rules = new ArrayList<>();
    map("tables", values.get("tables"))
        .forEach(
            (table, key) -> rules.add(new TableRule.Sharded(table, columns(table, key), strategy)));
    return rules;
  }

  /** A column with its type, or a list of such. */
  private List<KeyColumn> columns(String table, Object key) {
    List<?> parts = key instanceof List<?> list ? list : List.of(key);
    List<KeyColumn> columns = new ArrayList<>();
    for (Object part : parts) {
      map("tables." + table, part)
          .forEach((name, type) -> columns.add(new KeyColumn(name, type("tables." + table, type))));
    }
    return columns;
  }
}
