package io.shardflux.sql;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code name=value, name=value}, where a value is plain, quoted or a list in parentheses.
 */
final class HintReader {

  private static final Set<String> NAMES =
      Set.of(
          "shard",
          "key",
          "scatter",
          "scatter-writes",
          "timeout",
          "failure-policy",
          "read-preference");
  private static final String VALUE = "'(?:[^']|'')*'|[^\\s,()']+";
  private static final Pattern HINT =
      Pattern.compile(
          "\\s*([a-z-]+)\\s*=\\s*(\\((?:\\s*(?:" + VALUE + ")\\s*,?)+\\)|" + VALUE + ")\\s*(,|$)");
  private static final Pattern PART = Pattern.compile(VALUE);
  private static final Pattern TIME = Pattern.compile("([0-9]{1,9})(ms|s|m)");

  private final Map<String, String> values = new LinkedHashMap<>();

  private HintReader(String hint) {
    Matcher matcher = HINT.matcher(hint);
    int at = 0;
    while (at < hint.length()) {
      if (!matcher.find(at) || matcher.start() != at || !NAMES.contains(matcher.group(1))) {
        throw wrong(hint.substring(at).strip(), "name=value with one of " + NAMES);
      }
      if (values.put(matcher.group(1), matcher.group(2)) != null) {
        throw wrong(matcher.group(1) + " twice", "each once");
      }
      at = matcher.end();
    }
  }

  /**
   * Reads hints.
   *
   * @param rule of the table whose key is named; null if there is none
   */
  static Hints read(@Nullable String hint, TableRule.@Nullable Sharded rule) {
    return hint == null || hint.isBlank() ? Hints.NONE : new HintReader(hint.strip()).hints(rule);
  }

  private Hints hints(TableRule.@Nullable Sharded rule) {
    String shard = values.get("shard");
    String key = values.get("key");
    if (shard != null && key != null) {
      throw wrong("shard and key", "one of them");
    }
    String time = values.get("timeout");
    return new Hints(
        shard == null ? null : shard(unquoted(shard)),
        key == null ? null : key(key, rule),
        truth("scatter"),
        truth("scatter-writes"),
        time == null ? null : time(unquoted(time)),
        plain("failure-policy"),
        plain("read-preference"));
  }

  private static ShardId shard(String name) {
    try {
      return ShardId.of(name);
    } catch (IllegalArgumentException e) {
      throw wrong("shard=" + name, "the name of a shard");
    }
  }

  private static ShardKey key(String key, TableRule.@Nullable Sharded rule) {
    if (rule == null) {
      throw wrong("key", "a statement with a sharded table");
    }
    List<String> parts = new ArrayList<>();
    Matcher matcher = PART.matcher(key);
    while (matcher.find()) {
      parts.add(unquoted(matcher.group()));
    }
    if (parts.size() != rule.key().size()) {
      throw wrong("key of " + parts.size() + " parts", rule.key().size() + " of " + rule.table());
    }
    try {
      Object[] values = new Object[parts.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = part(parts.get(i), rule.key().get(i));
      }
      return ShardKey.of(values);
    } catch (RuntimeException e) {
      throw wrong("key", "values of the types of " + rule.key());
    }
  }

  private static Object part(String text, KeyColumn column) {
    return switch (column.type()) {
      case INTEGER -> new java.math.BigInteger(text);
      case TEXT -> text;
      case UUID -> UUID.fromString(text);
      case DATE -> LocalDate.parse(text);
      case DATETIME -> LocalDateTime.parse(text.replace(' ', 'T'));
      case INSTANT -> Instant.parse(text);
    };
  }

  private @Nullable Boolean truth(String name) {
    String value = plain(name);
    if (value == null || value.equals("true") || value.equals("false")) {
      return value == null ? null : Boolean.valueOf(value);
    }
    throw wrong(name + "=" + value, "true or false");
  }

  private static Duration time(String value) {
    Matcher matcher = TIME.matcher(value);
    if (!matcher.matches()) {
      throw wrong("timeout=" + value, "such as 250ms, 3s or 1m");
    }
    long count = Long.parseLong(matcher.group(1));
    return switch (matcher.group(2)) {
      case "ms" -> Duration.ofMillis(count);
      case "s" -> Duration.ofSeconds(count);
      default -> Duration.ofMinutes(count);
    };
  }

  private @Nullable String plain(String name) {
    String value = values.get(name);
    return value == null ? null : unquoted(value);
  }

  private static String unquoted(String value) {
    return value.startsWith("'")
        ? value.substring(1, value.length() - 1).replace("''", "'")
        : value;
  }

  private static RefusedSqlException wrong(String what, String expected) {
    return new RefusedSqlException(RefusalCode.HINT, what + " (expected: " + expected + ")");
  }
}
