package io.shardflux.sql;

import io.shardflux.sql.statement.RefusalCode;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of a statement's text where the rules of its tables change. Immutable.
 *
 * @param sql the text with {@code ?} in place of each value, without comments, 500 characters of it
 *     at most
 * @param now how it is answered by the rules in force
 * @param then how it is answered by the other rules
 * @param refusal the reason why it is refused then, otherwise null
 */
public record Foreseen(String sql, Answer now, Answer then, @Nullable RefusalCode refusal) {

  /** The ways to answer a statement, the dearest last. */
  public enum Answer {
    /** By the shards of the keys that it names, or by one shard. */
    KEYED,
    /** By all shards that may have rows of it. */
    SCATTERED,
    /** By several statements, or by one server that is given rows of others. */
    GATHERED,
    /** By none. */
    REFUSED
  }

  /** One line. */
  @Override
  public String toString() {
    return then.name().toLowerCase(Locale.ROOT)
        + (refusal == null ? "" : " (" + refusal + ": " + refusal.wayOut() + ")")
        + ", now "
        + now.name().toLowerCase(Locale.ROOT)
        + ": "
        + sql;
  }
}
