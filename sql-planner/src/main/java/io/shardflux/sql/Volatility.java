package io.shardflux.sql;

/** What a statement's answer depends on beside its rows and values. Not thread-safe. */
final class Volatility {

  private boolean session;
  private boolean clock;
  private boolean random;

  /** Takes an expression, but for what is inside it; refuses a function that isn't known. */
  void take(Expr expr) {
    if (expr instanceof Expr.Variable) {
      session = true;
    }
    if (expr instanceof Expr.Call call) {
      if (!Functions.isKnown(call.name())) {
        throw new RefusedSqlException(RefusalCode.FUNCTION, call.name());
      }
      session |= Functions.SESSION.contains(call.name());
      random |= Functions.RANDOM.contains(call.name());
      clock |=
          Functions.CLOCK.contains(call.name())
              && !(call.name().equals("UNIX_TIMESTAMP") && !call.children().isEmpty());
    }
  }

  /** Takes a change of the session's state. */
  void takeSession() {
    session = true;
  }

  boolean usesSession() {
    return session;
  }

  /** Whether it may differ from copy to copy of the same rows. */
  boolean isVolatile() {
    return session || clock || random;
  }
}
