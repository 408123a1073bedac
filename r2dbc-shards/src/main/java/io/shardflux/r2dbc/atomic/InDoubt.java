package io.shardflux.r2dbc.atomic;

import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A transaction over shards of which a shard has a prepared part, whose outcome that shard does not
 * know yet. That is so for a moment in each commit of several shards; one that is seen for longer
 * was left behind by a router.
 *
 * @param transaction its name, in {@code XA RECOVER} too
 * @param lead the shard that decides it, or null if no shard that answers is its lead: it is
 *     silent, was removed, or its tables were made anew
 * @param shards the shards that have a prepared part
 * @param seen the time since this router saw it first
 * @param state what is being done about it
 */
public record InDoubt(
    String transaction, @Nullable ShardId lead, List<ShardId> shards, Duration seen, State state) {

  /** What is being done about a transaction in doubt. */
  public enum State {
    /** Its router may still be at it. */
    FRESH,
    /** It is being ended as its lead has it. */
    ENDING,
    /** Its lead did not answer at the last look; it waits for that. */
    LEAD_SILENT,
    /** Its lead is not known here; only {@code ShardOperations.resolve} can end it. */
    LEAD_UNKNOWN
  }

  /** Copies the list. */
  public InDoubt {
    shards = List.copyOf(shards);
  }
}
