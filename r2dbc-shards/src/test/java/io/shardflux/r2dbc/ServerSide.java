package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import java.util.List;
import java.util.Objects;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Questions and acts for a shard's server alone, over connections that are no router's. */
final class ServerSide {

  /** The connections that a router may keep open for a shard beside its pool. */
  private static final int CONTROL_CONNECTIONS = 2;

  private ServerSide() {}

  /** The number of connections to the shard's database. */
  static Mono<Long> connections(Shard shard) {
    return count(shard, "");
  }

  /** The number of statements that run in the shard's database. */
  static Mono<Long> statements(Shard shard) {
    return count(shard, " AND command <> 'Sleep'");
  }

  /** The number of those that sleep by {@code SLEEP}. */
  static Mono<Long> sleeping(Shard shard) {
    return count(shard, " AND command <> 'Sleep' AND info LIKE '%SLEEP(%'");
  }

  /** Waits until no connection of these shards is taken, and their servers know of no others. */
  static void awaitOnlyIdle(ShardRouter router, List<Shard> shards) {
    List<ShardStatistics> idle =
        Await.until(
            "no connection taken",
            router.operations().statistics(),
            all -> all.stream().allMatch(shard -> shard.pool().acquired() == 0));
    for (int i = 0; i < shards.size(); i++) {
      int known = idle.get(i).pool().idle() + CONTROL_CONNECTIONS;
      Await.until(
          "at most " + known + " connections to " + shards.get(i),
          connections(shards.get(i)),
          count -> count <= known);
    }
  }

  /** Waits until the servers know of no connection to these shards. */
  static void awaitNone(List<Shard> shards) {
    for (Shard shard : shards) {
      Await.until("no connection to " + shard, connections(shard), count -> count == 0);
    }
  }

  private static Mono<Long> count(Shard shard, String condition) {
    return Mono.usingWhen(
        connect(shard),
        connection ->
            numbers(connection, "SELECT COUNT(*)" + ofDatabase(shard) + condition).single(),
        Connection::close);
  }

  private static String ofDatabase(Shard shard) {
    return " FROM information_schema.processlist WHERE db = '"
        + shard.options().getValue(ConnectionFactoryOptions.DATABASE)
        + "'";
  }

  /** With no database chosen, so as not to be counted. */
  private static Mono<Connection> connect(Shard shard) {
    ConnectionFactoryOptions options =
        ConnectionFactoryOptions.builder()
            .from(shard.options(), option -> !option.equals(ConnectionFactoryOptions.DATABASE))
            .build();
    return Mono.<Connection>defer(() -> Mono.from(ConnectionFactories.get(options).create()))
        .subscribeOn(Schedulers.boundedElastic());
  }

  private static Flux<Long> numbers(Connection connection, String query) {
    return Flux.from(connection.createStatement(query).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  private static Mono<Void> run(Connection connection, String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .then();
  }

  /**
   * Takes every place that a server has for connections, ends those to the shard's database, and
   * lets no other in until it is closed.
   */
  static final class Crowd implements AutoCloseable {

    /** The least that MariaDB takes. */
    private static final int PLACES = 10;

    /** One place is kept for administrators, whom all are in these tests. */
    private static final int SIZE = PLACES + 1;

    private final List<Connection> members;
    private final Connection first;
    private final long placesBefore;

    Crowd(Shard shard) {
      members = bounded(Flux.range(0, SIZE).concatMap(i -> connect(shard)).collectList());
      first = members.get(0);
      placesBefore = bounded(numbers(first, "SELECT @@GLOBAL.max_connections").single());
      bounded(places(PLACES));
      bounded(
          numbers(first, "SELECT id" + ofDatabase(shard))
              .collectList()
              .flatMapMany(Flux::fromIterable)
              // A connection may have ended by itself.
              .concatMap(id -> run(first, "KILL " + id).onErrorComplete(R2dbcException.class))
              .then(Mono.just(true)));
    }

    @Override
    public void close() {
      bounded(places(placesBefore));
      bounded(Flux.fromIterable(members).flatMap(Connection::close).then(Mono.just(true)));
    }

    private Mono<Boolean> places(long count) {
      return run(first, "SET GLOBAL max_connections = " + count).thenReturn(true);
    }

    private static <T> T bounded(Mono<T> step) {
      return step.blockOptional(BOUND).orElseThrow();
    }
  }
}
