package io.shardflux.reshard.transfer;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Wrapped;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.config.ReshardingOptions;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The mover's own few connections to the shards, with sessions in which a literal that one server
 * made is the same value on another. Thread-safe.
 */
@Internal
public final class Servers {

  /** The time to a connection; a server that is gone must not hold up the others for long. */
  private static final Duration ACQUIRE = Duration.ofSeconds(10);

  /** The seconds in which a row's lock must be had. */
  static final int LOCK_WAIT = 50;

  private static final Logger log = LoggerFactory.getLogger(Servers.class);

  private static final String[] SESSION = {
    "time_zone='+00:00'",
    "sql_mode='NO_AUTO_VALUE_ON_ZERO'",
    "foreign_key_checks=0",
    "innodb_lock_wait_timeout=" + LOCK_WAIT,
    "group_concat_max_len=" + ChunkSize.MOST_BYTES,
    "net_write_timeout=600",
    "transaction_isolation='READ-COMMITTED'"
  };

  /** Those that are not for lanes: the fewest that a move needs, and one for the way back. */
  private static final int KEPT = ReshardingOptions.FEWEST_CONNECTIONS + 1;

  /** More lanes than that wait for the servers' disks alone. */
  private static final int MOST_LANES = 8;

  private final ShardRouter router;
  private final int lanes;

  private final Set<Session.Taken> taken = ConcurrentHashMap.newKeySet();

  /** Connects to nothing. */
  public Servers(List<Shard> shards, int connections) {
    var builder =
        ShardRouter.builder()
            .pool(PoolOptions.builder().maxSize(connections).build())
            .timeouts(Timeouts.of(Duration.ofMinutes(10)).withAcquire(ACQUIRE));
    shards.forEach(shard -> builder.shard(prepared(shard)));
    this.router = builder.build();
    this.lanes = Math.max(0, Math.min(connections - KEPT, MOST_LANES - 1));
  }

  private static Shard prepared(Shard shard) {
    ConnectionFactoryOptions options =
        shard.options().mutate().option(Option.valueOf("sessionVariables"), SESSION).build();
    return new Shard(shard.id(), options, null, List.of());
  }

  /** Does the work with a connection to a shard; it is closed then. */
  public <T> Flux<T> on(ShardId shard, Function<Session, Mono<T>> work) {
    return router.on(shard).inConnection(lent -> session(shard, lent).flatMap(work));
  }

  /** Does the work with a connection to each of two shards. */
  public <T> Flux<T> on(
      ShardId source, ShardId target, BiFunction<Session, Session, Mono<T>> work) {
    return router
        .on(source)
        .inConnection(
            from ->
                router
                    .on(target)
                    .inConnection(
                        to ->
                            Mono.zip(session(source, from), session(target, to))
                                .flatMap(both -> work.apply(both.getT1(), both.getT2()))));
  }

  /** Does the work with further connections to both, as far as the others leave some. */
  public <T> Flux<T> onLanes(ShardId source, ShardId target, Function<List<Lane>, Mono<T>> work) {
    return onLanes(source, target, List.of(), work);
  }

  private <T> Flux<T> onLanes(
      ShardId source, ShardId target, List<Lane> have, Function<List<Lane>, Mono<T>> work) {
    if (have.size() == lanes) {
      return Flux.from(work.apply(have));
    }
    AtomicBoolean opened = new AtomicBoolean();
    return on(
            source,
            target,
            (from, to) -> {
              opened.set(true);
              List<Lane> more = new ArrayList<>(have);
              more.add(new Lane(from, to));
              return onLanes(source, target, more, work).single();
            })
        .onErrorResume(
            error -> !opened.get(),
            error -> {
              log.warn(
                  "{} to {}: {} of {} further connections; {}",
                  source,
                  target,
                  have.size(),
                  lanes,
                  String.valueOf(error.getMessage()));
              return work.apply(have);
            });
  }

  /** Does the work with a connection to each of some shards. */
  public <T> Flux<T> onEach(List<ShardId> shards, Function<Map<ShardId, Session>, Mono<T>> work) {
    return onEach(shards, new LinkedHashMap<>(), work);
  }

  private <T> Flux<T> onEach(
      List<ShardId> left,
      Map<ShardId, Session> sessions,
      Function<Map<ShardId, Session>, Mono<T>> work) {
    return left.isEmpty()
        ? Flux.from(work.apply(sessions))
        : on(
            left.get(0),
            session -> {
              sessions.put(session.shard(), session);
              return onEach(left.subList(1, left.size()), sessions, work).single();
            });
  }

  /** The driver's connection: the texts are long, and no other statement follows on it. */
  private Mono<Session> session(ShardId shard, Connection lent) {
    Connection driver =
        lent instanceof Wrapped<?> wrapped && wrapped.unwrap() instanceof Connection inner
            ? inner
            : lent;
    return Flux.from(
            driver
                .createStatement(
                    "SELECT CONNECTION_ID(), DATABASE(), VERSION(), @@max_allowed_packet")
                .execute())
        .concatMap(
            result ->
                result.map(
                    row ->
                        new Session.Place(
                            shard,
                            Objects.requireNonNull(row.get(0, Long.class)),
                            Objects.requireNonNull(row.get(1, String.class)),
                            Objects.requireNonNull(row.get(2, String.class)).contains("MariaDB"),
                            Objects.requireNonNull(row.get(3, Long.class)))))
        .single()
        .map(place -> new Session(router, driver, place, taken));
  }

  public Mono<Void> close() {
    return router.close();
  }
}
