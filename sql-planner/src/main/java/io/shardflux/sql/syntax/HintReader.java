package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.KeyType;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code name=value, name=value}, where a value is plain, quoted or a list in parentheses.
 */
@Internal
public final class HintReader {

  private static final List<String> NAMES =
      List.of(
          "shard",
          "key",
          "scatter",
          "scatter-writes",
          "read-then-write",
          "every-shard",
          "gather",
          "timeout",
          "failure-policy",
          "read-preference",
          "transactions",
          "consistency");
  private static final int MAX_TIME_DIGITS = 9;
  private static final int MOST_GATHERED = 1_000_000;

  private final Map<String, HintText.Value> values = new LinkedHashMap<>();

  private HintReader(String hint) {
    HintText text = new HintText(hint);
    while (!text.isOver()) {
      String name = text.name();
      HintText.Value value = name == null || !NAMES.contains(name) ? null : text.value();
      if (name == null || value == null) {
        throw wrong(text.pair(), "name=value with one of " + NAMES);
      }
      if (values.put(name, value) != null) {
        throw wrong(name + " twice", "each once");
      }
    }
  }

  /**
   * Reads hints.
   *
   * @param rule of the table whose key is named; null if there is none
   */
  public static Hints read(@Nullable String hint, TableRule.@Nullable Sharded rule) {
    return hint == null || hint.isBlank() ? Hints.NONE : new HintReader(hint.strip()).hints(rule);
  }

  private Hints hints(TableRule.@Nullable Sharded rule) {
    String shard = plain("shard");
    HintText.Value key = values.get("key");
    if (shard != null && key != null) {
      throw wrong("shard and key", "one of them");
    }
    String time = plain("timeout");
    return Hints.builder()
        .shard(shard == null ? null : shard(shard))
        .key(key == null ? null : key(key, rule))
        .scatter(truth("scatter"))
        .scatterWrites(truth("scatter-writes"))
        .readThenWrite(truth("read-then-write"))
        .everyShard(truth("every-shard"))
        .gather(gather())
        .timeout(time == null ? null : time(time))
        .failurePolicy(plain("failure-policy"))
        .readPreference(plain("read-preference"))
        .transactions(plain("transactions"))
        .consistency(plain("consistency"))
        .build();
  }

  private static ShardId shard(String name) {
    try {
      return ShardId.of(name);
    } catch (IllegalArgumentException e) {
      throw wrong("shard=" + HintText.shortened(name), "the name of a shard");
    }
  }

  private static ShardKey key(HintText.Value key, TableRule.@Nullable Sharded rule) {
    if (rule == null) {
      throw wrong("key", "a statement with a sharded table");
    }
    List<String> parts = key.parts();
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
      case INTEGER -> integer(text);
      case TEXT -> text;
      case BINARY ->
          column.uuid() != null && !text.startsWith("0x")
              ? column.uuid().bytes(UUID.fromString(text))
              : KeyType.bytes(text);
      case UUID -> UUID.fromString(text);
      case DATE -> LocalDate.parse(text);
      case DATETIME -> LocalDateTime.parse(text.replace(' ', 'T'));
      case INSTANT -> Instant.parse(text);
    };
  }

  private static BigInteger integer(String text) {
    if (text.length() > Literals.MAX_DIGITS) {
      throw new NumberFormatException(text.length() + " digits");
    }
    return new BigInteger(text);
  }

  private @Nullable Boolean truth(String name) {
    String value = plain(name);
    if (value == null || value.equals("true") || value.equals("false")) {
      return value == null ? null : Boolean.valueOf(value);
    }
    throw wrong(name + "=" + HintText.shortened(value), "true or false");
  }

  private @Nullable Integer gather() {
    String value = plain("gather");
    if (value == null) {
      return null;
    }
    return switch (value) {
      case "true" -> Hints.GATHER;
      case "false" -> 0;
      default -> {
        int rows = value.matches("[1-9][0-9]{0,6}") ? Integer.parseInt(value) : 0;
        if (rows < 1 || rows > MOST_GATHERED) {
          throw wrong(
              "gather=" + HintText.shortened(value),
              "true, false or rows from 1 to " + MOST_GATHERED);
        }
        yield rows;
      }
    };
  }

  private static Duration time(String value) {
    int digits = 0;
    while (digits < value.length() && value.charAt(digits) >= '0' && value.charAt(digits) <= '9') {
      digits++;
    }
    if (digits == 0 || digits > MAX_TIME_DIGITS) {
      throw wrongTime(value);
    }
    long count = Long.parseLong(value.substring(0, digits));
    return switch (value.substring(digits)) {
      case "ms" -> Duration.ofMillis(count);
      case "s" -> Duration.ofSeconds(count);
      case "m" -> Duration.ofMinutes(count);
      default -> throw wrongTime(value);
    };
  }

  private static RefusedSqlException wrongTime(String value) {
    return wrong("timeout=" + HintText.shortened(value), "such as 250ms, 3s or 1m");
  }

  /** A value that is no list, without its quotes. */
  private @Nullable String plain(String name) {
    HintText.Value value = values.get(name);
    if (value == null) {
      return null;
    }
    if (value.isList()) {
      throw wrong(name + " of a list", "one value");
    }
    return value.parts().get(0);
  }

  private static RefusedSqlException wrong(String what, String expected) {
    return new RefusedSqlException(RefusalCode.HINT, what + " (expected: " + expected + ")");
  }
}
