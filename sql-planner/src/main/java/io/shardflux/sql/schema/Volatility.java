package io.shardflux.sql.schema;

import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.syntax.Expr;
import io.shardflux.sql.syntax.Functions;
import java.util.Set;

/** Collects what a statement's answer depends on beside its rows and values. Not thread-safe. */
@Internal
public final class Volatility {

  /** Functions that tell what statements before left in the session. */
  private static final Set<String> READING = Set.of("FOUND_ROWS", "LAST_INSERT_ID", "ROW_COUNT");

  private boolean session;
  private boolean telling;
  private boolean reading;
  private boolean clock;
  private boolean random;

  /** Takes an expression without its parts; refuses a function that isn't known. */
  public void take(Expr expr) {
    if (expr instanceof Expr.Variable) {
      session = true;
      reading = true;
    }
    if (expr instanceof Expr.Call call) {
      if (!Functions.isKnown(call.name())) {
        throw new RefusedSqlException(RefusalCode.FUNCTION, call.name());
      }
      boolean tells = Functions.TELLING.contains(call.name());
      telling |= tells;
      session |= !tells && Functions.SESSION.contains(call.name());
      // LAST_INSERT_ID of a value sets it.
      reading |= READING.contains(call.name()) && call.children().isEmpty();
      random |= Functions.RANDOM.contains(call.name());
      clock |=
          Functions.CLOCK.contains(call.name())
              && !(call.name().equals("UNIX_TIMESTAMP") && !call.children().isEmpty());
    }
  }

  /** Takes a change of the session's state. */
  public void takeSession() {
    session = true;
  }

  /** Tells whether only a session can say what it gives. */
  public boolean usesSession() {
    return session || telling;
  }

  /** Tells whether it gives what servers tell of themselves, and nothing of the session beside. */
  public boolean onlyTells() {
    return telling && !session;
  }

  /** Tells whether the statement depends on what statements before it left in the session. */
  public boolean readsSession() {
    return reading;
  }

  /** Tells whether the answer may differ from copy to copy of the same rows. */
  public boolean isVolatile() {
    return usesSession() || clock || random;
  }
}
