package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import java.util.Set;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;

/**
 * What is to be done on one shard.
 *
 * @param text the statement, for errors and logs
 * @param read whether it may be done twice, and on a replica
 * @param touching the kinds of server on which the session may be other behind it
 * @param terms what it is held to
 * @param execution what it does with a connection
 */
record Work<T>(
    String text,
    boolean read,
    Set<Dialect> touching,
    Terms terms,
    BiFunction<Connection, Dialect, ? extends Publisher<T>> execution) {

  static <T> Work<T> of(
      SqlTemplate sql,
      Terms terms,
      BiFunction<Connection, Dialect, ? extends Publisher<T>> execution) {
    return new Work<>(sql.text(), sql.reads() && !terms.write(), sql.touching(), terms, execution);
  }

  /**
   * What a caller may say of a statement.
   *
   * @param timeouts the times it is held to
   * @param preference which server is to be asked, or null for what the router says
   * @param write whether it writes, whatever it looks like
   */
  record Terms(Timeouts timeouts, @Nullable ReadPreference preference, boolean write) {

    static Terms of(Timeouts timeouts) {
      return new Terms(timeouts, null, false);
    }

    Terms with(Timeouts other) {
      return new Terms(other, preference, write);
    }

    Terms preferring(ReadPreference other) {
      return new Terms(timeouts, other, write);
    }

    Terms asWrite() {
      return new Terms(timeouts, preference, true);
    }
  }
}
