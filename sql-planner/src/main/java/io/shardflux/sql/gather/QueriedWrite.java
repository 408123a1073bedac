package io.shardflux.sql.gather;

import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.ShardSql;
import java.util.ArrayList;
import java.util.List;

/**
 * A write whose rows a query finds first: the rows of an {@code INSERT … SELECT}, or the keys of
 * the rows that an {@code UPDATE} or {@code DELETE} changes. Then it is written with these rows in
 * place of the query. Immutable.
 *
 * @param found how the rows are found; each is one text of literals in parentheses
 * @param head the text before the rows, of which there are several with commas between
 * @param tail the text behind them
 */
public record QueriedWrite(Found found, ShardSql head, ShardSql tail) {

  /** How the rows are found. */
  public sealed interface Found {

    /** {@return the characters of its texts} */
    int length();
  }

  /**
   * One server makes the rows, with the rows of the query's tables.
   *
   * @param gather gives the rows; see {@link Gather.Target#rows()}
   */
  public record Made(Gather gather) implements Found {

    @Override
    public int length() {
      return gather.length();
    }
  }

  /**
   * A read gives the keys of rows, in its only column. Rows may change before they are written, so
   * the caller must have permitted that.
   *
   * @param sql the text of the read
   */
  public record Keys(ShardSql sql) implements Found {

    @Override
    public int length() {
      return sql.text().length();
    }
  }

  /**
   * {@return the refusal of a write whose rows' keys may not be read first}
   *
   * @param refusal the reason why shards can't do it as it is
   */
  public static RefusedSqlException unpermitted(RefusedSqlException refusal) {
    return new RefusedSqlException(
        refusal.code(),
        refusal.reason(),
        refusal.code().wayOut()
            + ", or let its rows' keys be read first by the hint read-then-write=true");
  }

  /**
   * {@return the refusal of a write in a transaction}
   *
   * @param refusal the reason why shards can't do it as it is
   */
  public static RefusedSqlException inTransaction(RefusedSqlException refusal) {
    return new RefusedSqlException(
        RefusalCode.GATHER_IN_TRANSACTION,
        "a write of rows that are read first, in a transaction: " + refusal.reason(),
        "run it outside the transaction, or restrict it to one key");
  }

  /** {@return the characters of all its texts} */
  public int length() {
    return head.text().length() + tail.text().length() + found.length();
  }

  /**
   * {@return the write of some rows}
   *
   * @param rows the rows with commas between
   */
  public String of(CharSequence rows) {
    return head.text() + rows + tail.text();
  }

  /** {@return the index of each marker of the statement that the write has, in its order} */
  public List<Integer> markers() {
    List<Integer> markers = new ArrayList<>(head.markers());
    markers.addAll(tail.markers());
    return markers;
  }
}
