package io.shardflux.r2dbc.spi;

import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.HeldConnection;
import io.shardflux.router.Internal;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A session on a shard's primary that is held for its temporary tables, in no transaction. It must
 * be given back or closed. Its statements run one after the other.
 */
@Internal
public final class HeldSession {

  private final HeldConnection held;

  HeldSession(HeldConnection held) {
    this.held = held;
  }

  /**
   * Runs a text without markers, or several.
   *
   * @param told the text without its values, for errors and logs
   */
  public <T> Flux<T> rows(
      String sql, String told, Timeouts times, Function<Result, ? extends Publisher<T>> consumer) {
    return held.run(sql, told, times, consumer);
  }

  /** Its connection, to tell it from others. */
  public Object identity() {
    return held.identity();
  }

  /** A statement that the snapshot made for the shard, in this session. */
  public StatementSpec sql(StatementSpec statement) {
    return held.sql(statement);
  }

  /** Gives the session back, which is as it was when its connection was opened. */
  public Mono<Void> giveBack() {
    return held.giveBack();
  }

  /** Ends the session, with all that is in it. */
  public Mono<Void> close() {
    return held.close();
  }
}
