package io.shardflux.r2dbc.settings;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.Collections;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What later reads must see: how far the primaries of some shards were, by their GTIDs. Its text
 * may go to other processes, as in a header of HTTP: ASCII without spaces, quotes or commas at its
 * ends. Whoever has it knows the servers' GTIDs, and nothing else. Immutable.
 */
public final class CausalToken {

  /** The position of a primary that tells none; its shard is read at the primary. */
  @Internal public static final String UNKNOWN = "-";

  private static final int LONGEST = 8_000;
  private static final String VERSION = "1";
  private static final Pattern POSITION = Pattern.compile("[0-9A-Za-z_:,-]{1,1024}");

  private final long epoch;
  private final Map<ShardId, String> positions;

  private CausalToken(long epoch, Map<ShardId, String> positions) {
    this.epoch = epoch;
    this.positions = Map.copyOf(positions);
  }

  /**
   * {@return a token}
   *
   * @param epoch the topology's, by which the shards are those of the keys
   * @param positions the position of each shard's primary; one that is none is unknown, and so are
   *     the longest ones where the text would be too long
   */
  @Internal
  public static CausalToken of(long epoch, Map<ShardId, String> positions) {
    Map<ShardId, String> known = new TreeMap<>();
    positions.forEach(
        (shard, position) ->
            known.put(shard, POSITION.matcher(position).matches() ? position : UNKNOWN));
    CausalToken token = new CausalToken(epoch, known);
    while (token.toString().length() > LONGEST && forgetLongest(known)) {
      token = new CausalToken(epoch, known);
    }
    return token;
  }

  /** Gives up the longest position; false if none is known. */
  private static boolean forgetLongest(Map<ShardId, String> known) {
    Map.Entry<ShardId, String> longest =
        Collections.max(known.entrySet(), Comparator.comparing(each -> each.getValue().length()));
    return !longest.setValue(UNKNOWN).equals(UNKNOWN);
  }

  /**
   * {@return the token of a text}
   *
   * @param text as {@link #toString()} gives it, at most 8,000 characters
   * @throws IllegalArgumentException if it is another text
   */
  public static CausalToken parse(String text) {
    if (text.length() > LONGEST) {
      throw wrong(text.length() + " characters", "at most " + LONGEST);
    }
    String[] parts = text.split(";", -1);
    if (parts.length < 2 || !parts[0].equals(VERSION)) {
      throw wrong("of another kind", "version " + VERSION);
    }
    Map<ShardId, String> positions = new TreeMap<>();
    try {
      for (int i = 2; i < parts.length; i++) {
        int at = parts[i].indexOf('=');
        String position = at < 0 ? "" : parts[i].substring(at + 1);
        if (!POSITION.matcher(position).matches()
            || positions.put(ShardId.of(parts[i].substring(0, at)), position) != null) {
          throw malformed();
        }
      }
      return new CausalToken(Long.parseLong(parts[1]), positions);
    } catch (IllegalArgumentException e) {
      throw malformed();
    }
  }

  private static IllegalArgumentException malformed() {
    return wrong("malformed", "the text of a token, as it was given");
  }

  private static IllegalArgumentException wrong(String what, String expected) {
    return new IllegalArgumentException("token: " + what + " (expected: " + expected + ")");
  }

  /** {@return the epoch of the topology in which it was made} */
  @Internal
  public long epoch() {
    return epoch;
  }

  /**
   * {@return the position of a shard's primary, or {@link #UNKNOWN}}
   *
   * @param shard a shard
   */
  @Internal
  public String position(ShardId shard) {
    return positions.getOrDefault(shard, UNKNOWN);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof CausalToken token
        && token.epoch == epoch
        && token.positions.equals(positions);
  }

  @Override
  public int hashCode() {
    return positions.hashCode();
  }

  /** {@return the text, for {@link #parse}} */
  @Override
  public String toString() {
    return VERSION
        + ";"
        + epoch
        + new TreeMap<>(positions)
            .entrySet().stream()
                .map(each -> ";" + each.getKey() + "=" + each.getValue())
                .collect(Collectors.joining());
  }
}
