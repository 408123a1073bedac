package io.shardflux.sql.syntax;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.function.Supplier;

/**
 * What planning does where it runs out of stack or memory. It is bounded by counts, so that this is
 * for what they don't foresee; but an error of the virtual machine must not go on, as Reactor tells
 * nobody of it and the statement would never end.
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
