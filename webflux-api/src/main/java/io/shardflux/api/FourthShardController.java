package io.shardflux.api;

import io.shardflux.api.failure.Refusal;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.core.io.Resource;
import org.springframework.http.HttpStatus;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/** {@code POST /shards}, for operators: a fourth embedded server, as one more shard. */
@RestController
@ConditionalOnBean(FourthServer.class)
final class FourthShardController {

  private static final ShardId ID = ShardId.of(FourthServer.SHARD);

  private final FourthServer server;
  private final ObjectProvider<ClusterRouter> cluster;
  private final Operators operators;
  private final String table;

  FourthShardController(
      FourthServer server,
      ObjectProvider<ClusterRouter> cluster,
      Operators operators,
      @Value("classpath:users.sql") Resource table)
      throws IOException {
    this.server = server;
    this.cluster = cluster;
    this.operators = operators;
    this.table = table.getContentAsString(StandardCharsets.UTF_8);
  }

  /** The shard, and the epoch from which on it is there. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record Added(String shardId, String host, int port, long epoch) {}

  @PostMapping(path = "/shards", produces = "application/json")
  @ResponseStatus(HttpStatus.CREATED)
  Mono<Added> add(ServerWebExchange exchange) {
    operators.check(exchange.getRequest());
    ClusterRouter all = cluster.getIfAvailable();
    if (all == null || all.router().topology().shards().contains(ID)) {
      throw Refusal.of(
          "conflict",
          HttpStatus.CONFLICT,
          all == null
              ? "shardflux.control: not set (expected: set, as no shard is added without it)"
              : "shard: " + ID + " (expected: none of that name, as there is one fourth server)");
    }
    return Mono.fromCallable(server::started)
        .subscribeOn(Schedulers.boundedElastic())
        .flatMap(database -> added(all, database));
  }

  /** Reads of all shards ask it from that epoch on, so the table is there before. */
  private Mono<Added> added(ClusterRouter all, Database database) {
    Shard shard = Shard.of(ID.value(), database.r2dbcUrl());
    return Mono.usingWhen(
            Mono.fromCallable(() -> ShardRouter.builder().shard(shard).build())
                .subscribeOn(Schedulers.boundedElastic()),
            alone -> alone.on(ID).sql(table).rowsUpdated(),
            ShardRouter::close)
        .then(Mono.defer(() -> all.addShard(shard, "POST /shards")))
        .map(
            epoch ->
                new Added(ID.value(), database.server().host(), database.server().port(), epoch));
  }
}
