package io.shardflux.r2dbc.observe;

import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * The keys that tables are most asked for by. Thread-safe; nothing of it is ever logged.
 *
 * <p>Follows {@link #MAX_TABLES} tables, the first that are recorded, and no others. A table takes
 * 0.6 MB at most with integer keys, 3.1 MB with the longest texts; see {@link TableHeat}.
 */
@Internal
public final class HotKeys {

  static final int MAX_TABLES = 32;

  private final LongSupplier clock;
  private final ConcurrentHashMap<String, TableHeat> tables = new ConcurrentHashMap<>();

  /**
   * Counts that have no key yet.
   *
   * @param clock nanoseconds since any moment, as {@link System#nanoTime()}
   */
  public HotKeys(LongSupplier clock) {
    this.clock = clock;
  }

  /** Counts a key of a table; waits for nothing. */
  public void record(String table, ShardKey key) {
    TableHeat heat = tables.get(table);
    if (heat == null && tables.size() < MAX_TABLES) {
      heat = tables.computeIfAbsent(table, name -> new TableHeat(clock));
    }
    if (heat != null) {
      heat.record(key);
    }
  }

  /** The table's hottest keys, see {@link TableHeat#top()}; none if it is not followed. */
  public List<HotKey> top(String table) {
    TableHeat heat = tables.get(table);
    return heat == null ? List.of() : heat.top();
  }
}
