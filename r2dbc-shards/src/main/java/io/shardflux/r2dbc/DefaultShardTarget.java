package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.live.KeyedWork;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.r2dbc.transaction.TransactionStart;
import io.shardflux.router.ShardKey;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The shard of a key. */
final class DefaultShardTarget implements ShardTarget, Work.Target {

  private final DefaultShardRouter router;
  private final String table;
  private final ShardKey key;

  DefaultShardTarget(DefaultShardRouter router, String table, ShardKey key) {
    this.router = router;
    this.table = table;
    this.key = key;
  }

  @Override
  public StatementSpec sql(String sql) {
    return statement(router.template(sql), Work.Terms.of(router.timeouts()).asBounded());
  }

  @Override
  public <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work) {
    Timeouts timeouts = router.timeouts();
    return lent(
        KeyedWork.lent(
            timeouts,
            (servers, look) ->
                servers.lend(
                    router::template, look == null ? work : look.lent(timeouts.acquire(), work))));
  }

  @Override
  public <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work) {
    Timeouts timeouts = router.timeouts();
    return lent(
        KeyedWork.lent(
            timeouts,
            (servers, look) ->
                servers.withTransaction(
                    router::template, look == null ? work : look.lent(timeouts.acquire(), work))));
  }

  private <T> Flux<T> lent(KeyedWork<T> work) {
    return router.shards().onKey(table, key, work);
  }

  @Override
  public Mono<ShardTransaction> begin(TransactionDefinition definition) {
    return begin(definition, router.timeouts());
  }

  @Override
  public Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts) {
    return new TransactionStart(definition, timeouts, router::template)
        .on(router.shards(), table, key);
  }

  @Override
  public <T> Flux<T> run(Work<T> work) {
    return router.shards().onKey(table, key, KeyedWork.of(work));
  }
}
