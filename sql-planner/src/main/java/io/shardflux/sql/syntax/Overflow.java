package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.function.Supplier;

/**
 * Turns a lack of stack or memory during planning into a refusal. Planning is bounded by counts, so
 * this is only for what they don't foresee. An error of the virtual machine must not go on: Reactor
 * reports it to no subscriber, and the statement would never end.
 */
@Internal
public final class Overflow {

  private Overflow() {}

  /**
   * The work's result.
   *
   * @throws RefusedSqlException where it runs out of stack or memory
   */
  public static <T> T guarded(Supplier<T> work) {
    try {
      return work.get();
    } catch (StackOverflowError e) {
      throw new RefusedSqlException(RefusalCode.TOO_LARGE, "deeper than the thread's stack");
    } catch (OutOfMemoryError e) {
      throw new RefusedSqlException(RefusalCode.TOO_LARGE, "larger than the memory that is free");
    }
  }
}
