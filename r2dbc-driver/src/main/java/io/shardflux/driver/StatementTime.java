package io.shardflux.driver;

import io.r2dbc.spi.R2dbcTimeoutException;
import java.time.Duration;

/**
 * The time that a statement of several steps has.
 *
 * @param all what it has from its beginning on
 * @param from its beginning, in nanoseconds
 */
record StatementTime(Duration all, long from, String sql) {

  /** The time of a statement that begins now. */
  static StatementTime of(Gathering.Asked asked, VirtualConnection connection, String sql) {
    Duration said = asked.hints().timeout();
    Duration time = said == null ? connection.statementTime() : said;
    Duration all = time.isZero() ? connection.engine().router().timeouts().total() : time;
    return new StatementTime(all, System.nanoTime(), sql);
  }

  /** The time that is left, at least a millisecond. */
  Duration left() {
    Duration left = all.minusNanos(System.nanoTime() - from);
    if (left.toMillis() < 1) {
      throw new R2dbcTimeoutException(
          "subqueries: not done within "
              + all.toMillis()
              + " ms (expected: within the statement's time; narrow them, or raise"
              + " timeouts.total)",
          null,
          0,
          sql,
          (Throwable) null);
    }
    return left;
  }
}
