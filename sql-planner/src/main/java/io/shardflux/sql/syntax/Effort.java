package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.concurrent.CancellationException;

/**
 * The steps that the analysis of one text takes, which are counted so that no text keeps a thread
 * busy for long. Not thread-safe.
 */
@Internal
public final class Effort {

  /** The steps that any text may take; a few hundred are usual. */
  private static final long BASE = 1_000_000;

  private static final int FOR_EACH_CHARACTER = 4;

  /** Steps between two looks at whether anybody waits for the answer still; a power of two. */
  private static final int LOOK = 1 << 12;

  private static final int MOST_QUERIES = 48;
  private static final int MOST_COMPUTATIONS = 100;

  private final long most;
  private long spent;
  private int queries;
  private int computations;

  public Effort(SqlText text) {
    this.most = BASE + (long) FOR_EACH_CHARACTER * text.text().length();
  }

  long spent() {
    return spent;
  }

  /**
   * Counts steps.
   *
   * @throws RefusedSqlException if they are too many
   * @throws CancellationException if the thread was interrupted
   */
  public void spend(int steps) {
    long before = spent;
    spent += steps;
    if (spent > most) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + most + " steps of its analysis");
    }
    if (before / LOOK != spent / LOOK && Thread.currentThread().isInterrupted()) {
      throw new CancellationException("given up while it was analysed");
    }
  }

  /**
   * Goes into a query in another one.
   *
   * @throws RefusedSqlException if it is too deep for a thread's stack
   */
  public void enterQuery() {
    queries = deeper(queries, MOST_QUERIES, "queries");
  }

  public void leaveQuery() {
    queries--;
  }

  /**
   * Enters a computation inside another one, or a condition inside another one.
   *
   * @throws RefusedSqlException if it is too deep for a thread's stack
   */
  public void enterComputation() {
    computations = deeper(computations, MOST_COMPUTATIONS, "computations");
  }

  public void leaveComputation() {
    computations--;
  }

  private static int deeper(int deep, int most, String what) {
    if (deep == most) {
      throw new RefusedSqlException(
          RefusalCode.TOO_LARGE, "more than " + most + " " + what + " in each other");
    }
    return deep + 1;
  }
}
