package io.shardflux.r2dbc.spi;

import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Dialect;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.Set;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A shard inside a transaction, which it joins with its first statement there. Thread-safe. */
@Internal
public final class ShardPart {

  private final SpanningTransaction transaction;
  private final ShardId shard;
  private final SpanningTransaction.Entrance entrance;

  ShardPart(SpanningTransaction transaction, ShardId shard, SpanningTransaction.Entrance entrance) {
    this.transaction = transaction;
    this.shard = shard;
    this.entrance = entrance;
  }

  public ShardId shard() {
    return shard;
  }

  /** Completes when the shard has joined. */
  public Mono<Void> joined(Timeouts times) {
    return transaction.join(shard, entrance, times);
  }

  /** A statement inside the transaction. */
  public StatementSpec sql(String sql) {
    return transaction.on(shard, entrance).sql(sql);
  }

  /** A statement that was made for the shard, inside the transaction. */
  public StatementSpec sql(StatementSpec statement) {
    return transaction.at(shard, entrance, false).moved(statement);
  }

  /** The same of a statement that is known to write nothing. */
  public StatementSpec reading(StatementSpec statement) {
    return reading().moved(statement);
  }

  /**
   * Runs a text without markers, or several, for temporary tables in the part's session. The
   * connection is closed behind the transaction, as they may still be there.
   *
   * @param told the text without its values, for errors and logs
   */
  public <T> Flux<T> rows(
      String sql, String told, Timeouts times, Function<Result, ? extends Publisher<T>> consumer) {
    return reading()
        .run(
            new Work<T>(
                told,
                false,
                Set.of(Dialect.values()),
                Work.Terms.of(times),
                (connection, dialect) ->
                    Flux.from(connection.createStatement(sql).execute()).concatMap(consumer)));
  }

  Work.Target reading() {
    return transaction.at(shard, entrance, true);
  }
}
