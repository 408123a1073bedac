package io.shardflux.r2dbc.transaction;

import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A connection of a shard's primary that is held, in no transaction, for what lives in its session.
 * Its statements run one after the other. It is closed at its end, unless its holder restored its
 * session. A connection that is not used for {@link Timeouts#total()} is taken back and closed.
 */
@Internal
public interface HeldConnection {

  /**
   * Runs a text that is known to have no marker, as it is.
   *
   * @param told the text for errors and logs
   */
  <T> Flux<T> run(
      String sql, String told, Timeouts times, Function<Result, ? extends Publisher<T>> consumer);

  /** The connection, to tell it from others. */
  Object identity();

  /** A statement that was made for the shard, on this connection. */
  StatementSpec sql(StatementSpec statement);

  /** Gives the connection back, whose session is as it was opened. */
  Mono<Void> giveBack();

  /** Closes the connection behind what is under way on it. */
  Mono<Void> close();
}
