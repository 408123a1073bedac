package io.shardflux.r2dbc.transaction;

import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.live.KeyedWork;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Look;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardKey;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Begins transactions.
 *
 * @param definition their isolation level and the like
 * @param timeouts their own times; their ends are held to the router's
 * @param templates the templates of texts
 */
@Internal
public record TransactionStart(
    TransactionDefinition definition, Timeouts timeouts, Function<String, SqlTemplate> templates) {

  /** Begins one on the shard of a key; a cancel before it is there leaves none behind. */
  public Mono<ShardTransaction> on(LiveShards live, String table, ShardKey key) {
    return first(
        live.onKey(
            table,
            key,
            KeyedWork.lent(timeouts, (servers, look) -> begun(servers, live.options(), look))));
  }

  /**
   * The same on a shard that is entered otherwise.
   *
   * @param entering does the work on the shard, and leaves it at the work's end
   */
  public Mono<ShardTransaction> on(
      RouterOptions options,
      Function<Function<ShardServers, Flux<ShardTransaction>>, Flux<ShardTransaction>> entering) {
    return first(entering.apply(servers -> begun(servers, options, null)));
  }

  private Flux<ShardTransaction> begun(
      ShardServers shard, RouterOptions options, @Nullable Look look) {
    return shard.hold(
        timeouts.acquire(),
        (server, connection) ->
            look == null || look.mayGo()
                ? new DefaultShardTransaction(
                        server, connection, options, timeouts, templates, look)
                    .begun(definition)
                : Flux.error(look.anew()));
  }

  /** The first that the source gives. The rest of the source goes on without a subscriber. */
  public static <T> Mono<T> first(Flux<T> held) {
    return Mono.create(
        sink -> {
          AtomicBoolean told = new AtomicBoolean();
          sink.onCancel(
              held.contextWrite(sink.contextView())
                  .subscribe(
                      transaction -> {
                        told.set(true);
                        sink.success(transaction);
                      },
                      error -> {
                        if (!told.get()) {
                          sink.error(error);
                        }
                      }));
        });
  }
}
