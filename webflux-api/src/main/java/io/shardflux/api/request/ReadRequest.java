package io.shardflux.api.request;

import io.shardflux.api.failure.Refusal;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.springframework.util.MultiValueMap;

/**
 * The query of {@code GET /users}.
 *
 * @param ids the users wanted, each once; empty for all
 * @param ordered whether users are ordered by id
 * @param timeouts the times of each shard
 */
@Internal
public record ReadRequest(Set<Long> ids, boolean ordered, Timeouts timeouts) {

  static final int MAX_IDS = 1_000;

  private static final Duration MAX_TIMEOUT = Duration.ofMinutes(10);
  private static final Timeouts DEFAULT = Timeouts.defaults().withTotal(MAX_TIMEOUT);
  private static final Set<String> NAMES = new TreeSet<>(Set.of("ids", "order", "timeout"));
  private static final Pattern TIMEOUT = Pattern.compile("([0-9]{1,9})(ms|s)");
  private static final Pattern ID = Pattern.compile("[1-9][0-9]{0,18}");

  public ReadRequest {
    ids = Set.copyOf(ids);
  }

  /**
   * Reads a query string.
   *
   * @throws Refusal if a parameter is unknown, there twice, or malformed
   */
  public static ReadRequest of(MultiValueMap<String, String> query) {
    for (String name : query.keySet()) {
      if (!NAMES.contains(name)) {
        throw Refusal.invalid("query parameter: " + name + " (expected: one of " + NAMES + ")");
      }
    }
    return new ReadRequest(
        ids(single(query, "ids")),
        ordered(single(query, "order")),
        timeouts(single(query, "timeout")));
  }

  /**
   * Reads an id in a path.
   *
   * @throws Refusal if it is not an id
   */
  public static long id(String text) {
    return id("id", text);
  }

  /** The ids as keys of the table. */
  public List<ShardKey> keys() {
    return ids.stream().map(id -> ShardKey.of(id)).toList();
  }

  /** The only value of a parameter, or null. */
  public static @Nullable String single(MultiValueMap<String, String> query, String name) {
    List<String> values = query.getOrDefault(name, List.of());
    if (values.size() > 1) {
      throw Refusal.invalid(name + ": " + values.size() + " times (expected: once)");
    }
    // A parameter without "=" has a null value.
    return values.isEmpty() ? null : String.valueOf(values.get(0));
  }

  private static Set<Long> ids(@Nullable String text) {
    if (text == null) {
      return Set.of();
    }
    String[] ids = text.split(",", MAX_IDS + 1);
    if (ids.length > MAX_IDS) {
      throw Refusal.invalid("ids: more than " + MAX_IDS + " (expected: 1 to " + MAX_IDS + ")");
    }
    Set<Long> distinct = new TreeSet<>();
    Arrays.stream(ids).forEach(id -> distinct.add(id("ids", id)));
    return distinct;
  }

  private static boolean ordered(@Nullable String text) {
    if (text != null && !text.equals("id")) {
      throw Refusal.invalid("order: " + UserReader.cut(text) + " (expected: id)");
    }
    return text != null;
  }

  private static Timeouts timeouts(@Nullable String text) {
    if (text == null) {
      return DEFAULT;
    }
    Matcher matcher = TIMEOUT.matcher(text);
    if (matcher.matches()) {
      long number = Long.parseLong(matcher.group(1));
      Duration timeout =
          matcher.group(2).equals("s") ? Duration.ofSeconds(number) : Duration.ofMillis(number);
      if (!timeout.isZero() && timeout.compareTo(MAX_TIMEOUT) <= 0) {
        return Timeouts.of(timeout);
      }
    }
    throw Refusal.invalid(
        "timeout: "
            + UserReader.cut(text)
            + " (expected: 1ms to "
            + MAX_TIMEOUT.toSeconds()
            + "s, such as 500ms or 2s)");
  }

  private static long id(String name, String text) {
    if (ID.matcher(text).matches()) {
      try {
        return Long.parseLong(text);
      } catch (NumberFormatException e) {
        // Nineteen digits may still be too large.
      }
    }
    throw Refusal.invalid(
        name
            + ": "
            + UserReader.cut(text)
            + " (expected: "
            + (name.equals("ids")
                ? "1 to " + MAX_IDS + " integers, split by commas, each"
                : "an integer")
            + " from 1 to "
            + Long.MAX_VALUE
            + ")");
  }
}
