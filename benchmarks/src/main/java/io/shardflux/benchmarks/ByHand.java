package io.shardflux.benchmarks;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Statement;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Sharding by hand: a pool for each shard, and the key modulo their number. */
final class ByHand extends ReactiveContender {

  /** The most statements in flight to a shard while rows are streamed in. */
  private static final int WRITERS = 4;

  private final List<ConnectionPool> pools;

  ByHand(List<Endpoint> shards) {
    this.pools = shards.stream().map(ByHand::pool).toList();
  }

  static User user(Readable row) {
    return new User(
        Objects.requireNonNull(row.get(0, Long.class)),
        Objects.requireNonNull(row.get(1, String.class)),
        Objects.requireNonNull(row.get(2, String.class)),
        Objects.requireNonNull(row.get(3, String.class)));
  }

  /**
   * Reads a user over a connection of its own, to the answer's end. Spring's {@code DatabaseClient}
   * reads one row so. An answer that is left unread costs a pool more.
   */
  static Mono<User> find(ConnectionFactory connections, long id) {
    return Mono.usingWhen(
        connections.create(),
        connection ->
            Mono.from(connection.createStatement(SELECT + " WHERE id = ?").bind(0, id).execute())
                .flatMap(result -> Flux.from(result.map(ByHand::user)).singleOrEmpty()),
        Connection::close);
  }

  @Override
  Mono<User> find(long id) {
    return find(pool(id), id);
  }

  @Override
  Mono<Long> insert(User user) {
    return insert(pool(user.id()), List.of(user));
  }

  @Override
  Flux<Long> insertAll(Flux<User> users) {
    return users
        .groupBy(user -> pool(user.id()), Task.BATCH * pools.size())
        .flatMap(
            group -> group.buffer(Task.BATCH).flatMap(rows -> insert(group.key(), rows), WRITERS),
            pools.size());
  }

  @Override
  Flux<User> all(long last, boolean ordered) {
    String sql = SELECT + " WHERE id <= ?" + (ordered ? " ORDER BY id" : "");
    List<Flux<User>> shards = pools.stream().map(pool -> all(pool, sql, last)).toList();
    return ordered
        ? Flux.mergeComparing(Comparator.comparingLong(User::id), array(shards))
        : Flux.merge(shards);
  }

  @Override
  public void close() {
    pools.forEach(ConnectionPool::dispose);
  }

  private ConnectionPool pool(long id) {
    return pools.get((int) (id % pools.size()));
  }

  private static Mono<Long> insert(ConnectionPool pool, List<User> users) {
    return Mono.usingWhen(
        pool.create(),
        connection ->
            Mono.from(bound(connection, users).execute())
                .flatMap(result -> Mono.from(result.getRowsUpdated())),
        Connection::close);
  }

  private static Statement bound(Connection connection, List<User> users) {
    Statement statement =
        connection.createStatement(
            INSERT + String.join(",", Collections.nCopies(users.size(), "(?,?,?,?)")));
    int i = 0;
    for (User user : users) {
      statement
          .bind(i++, user.id())
          .bind(i++, user.username())
          .bind(i++, user.email())
          .bind(i++, user.name());
    }
    return statement;
  }

  private static Flux<User> all(ConnectionPool pool, String sql, long last) {
    Function<Connection, Publisher<User>> read =
        connection ->
            Flux.<Result>from(connection.createStatement(sql).bind(0, last).execute())
                .concatMap(result -> result.map(ByHand::user));
    return Flux.usingWhen(pool.create(), read, Connection::close);
  }

  private static ConnectionPool pool(Endpoint shard) {
    return new ConnectionPool(
        ConnectionPoolConfiguration.builder(ConnectionFactories.get(shard.r2dbcUrl()))
            .initialSize(POOL_SIZE)
            .maxSize(POOL_SIZE)
            .build());
  }

  @SuppressWarnings("unchecked")
  private static Publisher<User>[] array(List<Flux<User>> shards) {
    return shards.toArray(Publisher[]::new);
  }
}
