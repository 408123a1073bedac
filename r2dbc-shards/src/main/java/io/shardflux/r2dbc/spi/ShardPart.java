package io.shardflux.r2dbc.spi;

import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
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

  Work.Target reading() {
    return transaction.at(shard, entrance, true);
  }
}
