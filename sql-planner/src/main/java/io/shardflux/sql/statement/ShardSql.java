package io.shardflux.sql.statement;

import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The text that a shard is sent.
 *
 * @param text SQL with {@code ?} for each marker
 * @param markers the index in {@code Prepared.markers}, and so in {@link Binds}, of each {@code ?};
 *     an index may occur several times, or not at all
 * @param sources the tables whose rows it takes, in the order of the text
 */
public record ShardSql(String text, List<Integer> markers, List<Source> sources) {

  /** The place at which a condition of a table's rows can stand. */
  public enum Way {
    /** Beside the condition of {@code WHERE}, or of the {@code ON} of an outer join. */
    CONDITION,
    /** In a {@code WHERE} of its own. */
    WHERE,
    /** In a derived table in place of the table. */
    DERIVED,
    /** Inside a column without a name, which a server names by its text; {@code alias} is that. */
    COLUMN,
    /** Nowhere that is known. */
    NONE
  }

  /**
   * A place at which the text takes a table's rows.
   *
   * @param table the table's name
   * @param alias the name that its columns are qualified by
   * @param way where a condition of these rows can stand
   * @param start the start of that condition, of the derived table, or where {@code WHERE} goes
   * @param end the place behind the condition, the table or the column
   */
  public record Source(String table, String alias, Way way, int start, int end) {}

  /**
   * Copies the lists.
   *
   * @param text see {@link #text()}
   * @param markers see {@link #markers()}
   * @param sources see {@link #sources()}
   */
  public ShardSql {
    markers = List.copyOf(markers);
    sources = List.copyOf(sources);
  }

  /**
   * A text that takes no table's rows, or of which that does not matter.
   *
   * @param text see {@link #text()}
   * @param markers see {@link #markers()}
   */
  public ShardSql(String text, List<Integer> markers) {
    this(text, markers, List.of());
  }

  /**
   * {@return this text as it would be if tables had no rows but those that satisfy their
   * conditions}
   *
   * @param conditions the conditions by the names of the tables; each is made for what its columns
   *     are qualified by, such as {@code `u`.}, or for nothing
   * @throws RefusedSqlException if there is no place for one
   */
  public ShardSql only(Map<String, UnaryOperator<String>> conditions) {
    RowConditions placed = new RowConditions();
    for (Source source : sources) {
      UnaryOperator<String> condition = conditions.get(source.table());
      if (condition != null) {
        placed.add(source, condition);
      }
    }
    return new ShardSql(placed.in(text), markers);
  }
}
