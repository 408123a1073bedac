package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.r2dbc.transaction.TransactionStart;
import io.shardflux.router.ShardId;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A shard by its name, whatever keys lie there. */
final class NamedShardTarget implements ShardTarget, Work.Target {

  private final DefaultShardRouter router;
  private final Mono<ShardId> shard;

  NamedShardTarget(DefaultShardRouter router, ShardId shard) {
    this.router = router;
    this.shard = Mono.just(shard);
  }

  @Override
  public StatementSpec sql(String sql) {
    return statement(router.template(sql), Work.Terms.of(router.timeouts()));
  }

  @Override
  public <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work) {
    return router.shards().onOne(shard, servers -> servers.lend(router::template, work));
  }

  @Override
  public <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work) {
    return router.shards().onOne(shard, servers -> servers.withTransaction(router::template, work));
  }

  @Override
  public Mono<ShardTransaction> begin(TransactionDefinition definition) {
    return begin(definition, router.timeouts());
  }

  @Override
  public Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts) {
    return new TransactionStart(definition, timeouts, router::template)
        .on(router.shards().options(), work -> router.shards().onOne(shard, work));
  }

  @Override
  public <T> Flux<T> run(Work<T> work) {
    return router.shards().onOne(shard, servers -> servers.run(work));
  }
}
