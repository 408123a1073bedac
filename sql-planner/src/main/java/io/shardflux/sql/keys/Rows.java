package io.shardflux.sql.keys;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One mention of a sharded or pinned table.
 *
 * @param pinned its shard, null if it is sharded
 * @param keys the numbers of its key columns
 * @param zone the zone whose conditions its rows satisfy where they count
 */
@Internal
public record Rows(String table, @Nullable ShardId pinned, List<Integer> keys, Zone zone) {

  /** Conditions that hold together, and within those of a wider zone. */
  public static final class Zone {

    private final @Nullable Zone parent;
    private final List<KeyCondition> conditions = new ArrayList<>();

    public Zone(@Nullable Zone parent) {
      this.parent = parent;
    }

    public void add(KeyCondition condition) {
      conditions.add(condition);
    }

    public List<KeyCondition> conditions() {
      return conditions;
    }

    /** The zones that this one lies in, from itself outwards. */
    List<Zone> chain() {
      List<Zone> chain = new ArrayList<>();
      for (Zone zone = this; zone != null; zone = zone.parent) {
        chain.add(zone);
      }
      return chain;
    }
  }
}
