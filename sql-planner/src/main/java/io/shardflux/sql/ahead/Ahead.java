package io.shardflux.sql.ahead;

import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.ShardSql;
import io.shardflux.sql.statement.ValueKind;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A read of which some subqueries run first, each as a statement of its own. Their values are bound
 * in their place. Immutable.
 *
 * @param subqueries what runs first, in the order of the text
 * @param statement the read with places for the subqueries' values
 */
public record Ahead(List<Subquery> subqueries, List<Piece> statement) {

  /**
   * Copies the lists.
   *
   * @param subqueries see {@link #subqueries()}
   * @param statement see {@link #statement()}
   */
  public Ahead {
    subqueries = List.copyOf(subqueries);
    statement = List.copyOf(statement);
  }

  /**
   * A subquery.
   *
   * @param kind the kind of its only column
   * @param sql the text of it; a marker behind those of the statement is for the limit
   */
  public record Subquery(ValueKind kind, ShardSql sql) {}

  /** A piece of the statement. */
  public sealed interface Piece {}

  /**
   * A piece of the text.
   *
   * @param sql the text; its markers are the statement's
   */
  public record Text(ShardSql sql) implements Piece {}

  /**
   * A place for the values of a subquery.
   *
   * @param subquery its index
   * @param form how the values stand there
   * @param cast the type that a single value is cast to, null where its own does
   * @param left what stands before {@code IN}; otherwise nothing
   */
  public record Values(int subquery, Form form, @Nullable String cast, List<Piece> left)
      implements Piece {

    /**
     * Copies the pieces.
     *
     * @param subquery see {@link #subquery()}
     * @param form see {@link #form()}
     * @param cast see {@link #cast()}
     * @param left see {@link #left()}
     */
    public Values {
      left = List.copyOf(left);
    }
  }

  /** The ways in which values may stand in a statement. */
  public enum Form {
    /** The one value, NULL where there is none; two rows, which are an error, where there are. */
    VALUE,
    /** Whether there is a row. */
    EXISTS,
    /** A list behind {@code IN}. */
    IN,
    /** A list behind {@code NOT IN}. */
    NOT_IN,
    /** The least and the largest number, and NULL if there is one, as rows. */
    EXTREMES
  }

  /**
   * A statement with its values.
   *
   * @param sql its text with a {@code ?} for each value
   * @param values the values in the order of the text
   */
  public record Bound(String sql, List<@Nullable Object> values) {}

  /** {@return the characters of all its texts} */
  public int length() {
    return length(statement) + subqueries.stream().mapToInt(each -> length(each.sql())).sum();
  }

  private static int length(List<Piece> pieces) {
    int length = 0;
    for (Piece piece : pieces) {
      length += piece instanceof Text text ? length(text.sql()) : length(((Values) piece).left());
    }
    return length;
  }

  private static int length(ShardSql sql) {
    return sql.text().length();
  }

  /**
   * {@return the statement with the subqueries' values bound}
   *
   * @param binds the values of its markers
   * @param found the values of each subquery: numbers as {@code Long}, {@code BigInteger} and
   *     {@code BigDecimal}, texts as {@code String}
   */
  public Bound bound(Binds binds, List<? extends List<? extends @Nullable Object>> found) {
    BoundText text = new BoundText(binds, found);
    statement.forEach(text::add);
    return text.done();
  }
}
