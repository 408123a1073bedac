package io.shardflux.driver.gather;

import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.HeldSession;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A session on a shard's primary that temporary tables are made in. Its statements run one after
 * the other. Its user must end it by {@link #giveBack()} or {@link #close()}.
 */
@Internal
public interface TableSession {

  /** A session of its own, which is in no transaction. */
  static TableSession of(HeldSession session) {
    return new Held(session);
  }

  /**
   * The session of a transaction's part, which goes on behind this.
   *
   * @param ended called at the end of its use
   */
  static TableSession of(ShardPart part, Runnable ended) {
    return new Joined(part, ended);
  }

  /** Its connection, to tell it from others; itself where that is not known. */
  Object identity();

  /** Tells whether it is in a transaction, so that its settings stay as they are. */
  boolean inTransaction();

  /**
   * Runs a text without markers, or several.
   *
   * @param told the text without its values, for errors and logs
   */
  <T> Flux<T> rows(
      String sql, String told, Timeouts times, Function<Result, ? extends Publisher<T>> consumer);

  /** Runs a text without markers, or several, for its effect. */
  default Mono<Void> run(String sql, Timeouts times) {
    return this.<Long>rows(sql, sql, times, Result::getRowsUpdated).then();
  }

  /** A statement that the snapshot made for the shard, in this session. */
  StatementSpec sql(StatementSpec statement);

  /** Ends the use of a session that is as it was. */
  Mono<Void> giveBack();

  /** Ends the use of a session that may have changed. */
  Mono<Void> close();

  /** A session of its own. */
  record Held(HeldSession session) implements TableSession {

    @Override
    public Object identity() {
      return session.identity();
    }

    @Override
    public boolean inTransaction() {
      return false;
    }

    @Override
    public <T> Flux<T> rows(
        String sql,
        String told,
        Timeouts times,
        Function<Result, ? extends Publisher<T>> consumer) {
      return session.rows(sql, told, times, consumer);
    }

    @Override
    public StatementSpec sql(StatementSpec statement) {
      return session.sql(statement);
    }

    @Override
    public Mono<Void> giveBack() {
      return session.giveBack();
    }

    @Override
    public Mono<Void> close() {
      return session.close();
    }
  }

  /** A transaction's session, whose connection is closed at the transaction's end. */
  record Joined(ShardPart part, Runnable ended) implements TableSession {

    @Override
    public Object identity() {
      return this;
    }

    @Override
    public boolean inTransaction() {
      return true;
    }

    @Override
    public <T> Flux<T> rows(
        String sql,
        String told,
        Timeouts times,
        Function<Result, ? extends Publisher<T>> consumer) {
      return part.rows(sql, told, times, consumer);
    }

    @Override
    public StatementSpec sql(StatementSpec statement) {
      return part.reading(statement);
    }

    @Override
    public Mono<Void> giveBack() {
      return Mono.fromRunnable(ended);
    }

    @Override
    public Mono<Void> close() {
      return giveBack();
    }
  }
}
