package io.shardflux.r2dbc.server;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.TransactionDefinition;
import java.util.Set;
import reactor.core.publisher.Mono;

/** Knows whether a connection's session is as it was opened. Thread-safe. */
final class SessionMarks {

  private static final Set<IsolationLevel> LEVELS =
      Set.of(
          IsolationLevel.READ_UNCOMMITTED,
          IsolationLevel.READ_COMMITTED,
          IsolationLevel.REPEATABLE_READ,
          IsolationLevel.SERIALIZABLE);

  /** The driver's option for a text that goes to the server as it is. */
  private static final Option<Object> ENGINE = Option.valueOf("consistentSnapshotEngine");

  private volatile boolean touched;

  /** Settings of a transaction, or temporary tables, must be gone before it is clean. */
  private volatile boolean borrowed;

  /** It is never clean again. */
  void touch() {
    touched = true;
  }

  /** It is not clean until it is {@linkplain #restored restored}. */
  void borrow() {
    borrowed = true;
  }

  /** What was borrowed is as it was. */
  void restored() {
    borrowed = false;
  }

  boolean clean() {
    return !touched && !borrowed;
  }

  Mono<Void> begin(TransactionDefinition definition, Mono<Void> begun) {
    IsolationLevel level = definition.getAttribute(TransactionDefinition.ISOLATION_LEVEL);
    boolean waits = definition.getAttribute(TransactionDefinition.LOCK_WAIT_TIMEOUT) != null;
    if ((level != null && !LEVELS.contains(level)) || definition.getAttribute(ENGINE) != null) {
      touch();
    }
    if (!waits && level == null) {
      return begun;
    }
    borrowed = true;
    // The level holds for the transaction alone once that has begun.
    return waits ? begun : end(begun);
  }

  /** Ends the transaction, which sets everything back if it succeeds. */
  Mono<Void> end(Mono<Void> ending) {
    return borrowed ? ending.doOnSuccess(done -> borrowed = false) : ending;
  }
}
