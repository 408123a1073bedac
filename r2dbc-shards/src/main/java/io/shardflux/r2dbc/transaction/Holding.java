package io.shardflux.r2dbc.transaction;

import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Takes connections to hold.
 *
 * @param timeouts the times of their statements that have none of their own
 * @param templates the templates of texts
 */
@Internal
public record Holding(Timeouts timeouts, Function<String, SqlTemplate> templates) {

  /**
   * Takes one on a shard; a cancel before it is there leaves none behind.
   *
   * @param entering does the work on the shard, and leaves it at the work's end
   */
  public Mono<HeldConnection> on(
      RouterOptions options,
      Function<Function<ShardServers, Flux<HeldConnection>>, Flux<HeldConnection>> entering) {
    return TransactionStart.first(
        entering.apply(
            servers ->
                servers.hold(
                    timeouts.acquire(),
                    (server, connection) ->
                        new DefaultShardTransaction(
                                server, connection, options, timeouts, templates, null)
                            .held())));
  }
}
