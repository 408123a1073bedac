package io.shardflux.reshard.watch;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ReplicaLag;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Asks the replicas of some shards how far they are behind. Thread-safe. */
@Internal
public final class ReplicaLags {

  private static final Duration BOUND = Duration.ofSeconds(2);

  private final Map<ShardId, Server> replicas = new LinkedHashMap<>();
  private final @Nullable ShardRouter router;

  private ReplicaLags(List<Shard> shards) {
    var builder =
        ShardRouter.builder()
            .pool(PoolOptions.builder().maxSize(1).minIdle(0).build())
            .timeouts(Timeouts.of(BOUND));
    for (Shard shard : shards) {
      for (ConnectionFactoryOptions options : shard.replicas()) {
        // The router knows shards alone: each replica is one.
        ShardId name = ShardId.of("replica-" + replicas.size());
        replicas.put(name, new Server(shard.id(), options, false));
        builder.shard(Shard.of(name, options));
      }
    }
    this.router = replicas.isEmpty() ? null : builder.build();
  }

  /** The replicas of some shards; connects to nothing. */
  public static Mono<ReplicaLags> of(List<Shard> shards) {
    return Mono.fromCallable(() -> new ReplicaLags(shards))
        .subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * A replica's answer.
   *
   * @param server its address
   * @param behind how far it is behind, or null if that is not known
   * @param reason why it is not known; empty if it is
   */
  public record Lag(String server, @Nullable Duration behind, String reason) {}

  /** The lag of each replica; one that does not answer delays the others by its bound at most. */
  public Mono<List<Lag>> now() {
    return Flux.fromIterable(replicas.entrySet())
        .flatMap(replica -> lag(replica.getKey(), replica.getValue().address()))
        .collectList()
        .map(
            all -> {
              List<Lag> sorted = new ArrayList<>(all);
              sorted.sort((one, other) -> one.server.compareTo(other.server));
              return sorted;
            });
  }

  private Mono<Lag> lag(ShardId name, String address) {
    return router == null
        ? Mono.empty()
        : router
            .on(name)
            .inConnection(ReplicaLag::of)
            .next()
            .timeout(BOUND)
            .map(said -> lag(address, said))
            .onErrorResume(error -> Mono.just(new Lag(address, null, "it does not answer")));
  }

  /**
   * The replicas that do not have what their shard has, by a query which gives 1 there; each with
   * why.
   */
  public Mono<List<String>> without(String query) {
    return Flux.fromIterable(replicas.entrySet())
        .flatMap(replica -> without(replica.getKey(), replica.getValue().address(), query))
        .sort()
        .collectList();
  }

  private Mono<String> without(ShardId name, String address, String query) {
    return router == null
        ? Mono.empty()
        : router
            .on(name)
            .sql(query)
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one()
            .timeout(BOUND)
            // Not even the table is there yet.
            .onErrorReturn(R2dbcBadGrammarException.class, 0L)
            .flatMap(found -> found == 1 ? Mono.<String>empty() : Mono.just(address))
            // It may have the rows of before once it answers again.
            .onErrorResume(error -> Mono.just(address + ", which does not answer"));
  }

  private static Lag lag(String address, ReplicaLag said) {
    if (said instanceof ReplicaLag.Following following) {
      return new Lag(address, following.behind(), "");
    }
    return new Lag(
        address,
        null,
        said instanceof ReplicaLag.Severed severed
            ? severed.reason()
            : ((ReplicaLag.Unknown) said).reason());
  }

  public Mono<Void> close() {
    return router == null ? Mono.empty() : router.close();
  }
}
