package io.shardflux.r2dbc.observe;

import io.r2dbc.spi.Row;
import io.shardflux.r2dbc.settings.Bounds;
import io.shardflux.router.Internal;
import java.time.Duration;
import java.util.Objects;

/**
 * Says how the shards' row counts in {@link ShardStatistics} are obtained. Immutable.
 *
 * @param exact whether a server counts the rows, which reads the whole table. Otherwise it
 *     estimates them from its index statistics, which takes no time and may be wrong by half or
 *     more on a table that changes fast; an empty table is estimated at 1 (default: estimated)
 * @param every how old a count may be; an older one is taken again, in the background, when it is
 *     asked for (default 60 s, from 1 ms to 365 days)
 */
public record RowCountOptions(boolean exact, Duration every) {

  private static final RowCountOptions DEFAULTS =
      new RowCountOptions(false, Duration.ofSeconds(60));

  /**
   * Checks the age.
   *
   * @param exact see {@link #exact()}
   * @param every see {@link #every()}
   * @throws IllegalArgumentException if {@code every} is out of its bounds
   */
  public RowCountOptions {
    Bounds.checkTime("row-counts.every", every);
  }

  /** {@return the defaults stated above} */
  public static RowCountOptions defaults() {
    return DEFAULTS;
  }

  /**
   * {@return the statement that counts a table's rows, to be read by {@link #rows(Row)}} It needs
   * the right to SELECT from the table, and no other.
   *
   * @param table the table's name
   */
  @Internal
  public String sql(String table) {
    String quoted = "`" + table.replace("`", "``") + "`";
    // Not information_schema.TABLES: MySQL holds what it says for a day, and no hint changes that.
    return exact
        ? "SELECT COUNT(*) AS `rows` FROM " + quoted
        : "EXPLAIN FORMAT=TRADITIONAL SELECT * FROM " + quoted;
  }

  /**
   * {@return the count in the answer's one row}
   *
   * @param row the one row of the answer
   */
  @Internal
  public static long rows(Row row) {
    // MariaDB's EXPLAIN says it as a text.
    return Long.parseLong(Objects.requireNonNull(row.get("rows")).toString());
  }
}
