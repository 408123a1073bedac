package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Result;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A cluster of two shards with a reference table, and a third shard that has none of it yet. */
final class CopyFixture implements AutoCloseable {

  static final Duration BOUND = Duration.ofMinutes(2);
  static final ShardId S0 = ShardId.of("shard_0");
  static final ShardId S1 = ShardId.of("shard_1");
  static final String ROWS = "SELECT CONCAT_WS('|', id, tag, n, note) FROM countries ORDER BY id";

  private static final String TABLE =
      "CREATE TABLE countries (id BIGINT PRIMARY KEY, tag VARCHAR(40) UNIQUE, n BIGINT NOT NULL,"
          + " note VARCHAR(40))";

  final ShardId added;
  final String document;
  final List<Database> databases = TestServers.shared().freshDatabases("copies");
  final List<ClusterRouter> routers = new ArrayList<>();
  private final List<ShardMoves> moves = new ArrayList<>();

  /**
   * Some routers are open, and the tables are there on the two shards.
   *
   * @param added the third shard, whose name may be before or behind the others'
   */
  CopyFixture(int routers, int rows, String added) {
    this(routers, rows, added, "[shard_0, shard_1]");
  }

  /**
   * The same.
   *
   * @param users the shards that have the keys of the other table
   */
  CopyFixture(int routers, int rows, String added, String users) {
    this(routers, rows, added, users, null);
  }

  /**
   * The same.
   *
   * @param replica the server that follows the third shard's; null for none
   */
  CopyFixture(int routers, int rows, String added, String users, @Nullable DatabaseServer replica) {
    this.added = ShardId.of(added);
    this.document =
        """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
        strategies:
          by_user: {type: hash, shards: %s}
        tables:
          users: {key: {id: integer}, strategy: by_user}
          countries: {reference: true}
        timeouts: {acquire: 1s}
        control:
          create-tables: true
          poll: 100ms
          lease: 2s
        """
            .formatted(databases.get(0).r2dbcUrl(), databases.get(1).r2dbcUrl(), users);
    open(document, routers);
    for (ShardId shard : List.of(S0, S1)) {
      on(shard, "CREATE TABLE users (id BIGINT PRIMARY KEY, country BIGINT NOT NULL)");
      on(shard, TABLE);
      load(shard, rows);
    }
    Shard third = Shard.of(added, databases.get(2).r2dbcUrl());
    Shard shard =
        replica == null
            ? third
            : third.withReplica(new Database(replica, databases.get(2).name()).r2dbcUrl());
    this.routers.get(0).addShard(shard, "room").block(BOUND);
  }

  private void load(ShardId shard, int rows) {
    for (int from = 1; from <= rows; from += 1_000) {
      on(
          shard,
          IntStream.range(from, Math.min(from + 1_000, rows + 1))
              .mapToObj(id -> "(" + id + ", 't" + id + "', 0, 'it''s \\\\ " + id + "')")
              .collect(Collectors.joining(", ", "INSERT INTO countries VALUES ", "")));
    }
  }

  private void open(String text, int count) {
    for (int i = 0; i < count; i++) {
      routers.add(ClusterRouter.open(text).blockOptional(BOUND).orElseThrow());
    }
  }

  ConnectionFactory factory(int router) {
    return ShardfluxConnectionFactory.of(routers.get(router).router());
  }

  void on(ShardId shard, String sql) {
    routers.get(0).router().on(shard).sql(sql).rowsUpdated().block(BOUND);
  }

  static Mono<Long> changed(ConnectionFactory factory, String sql) {
    return Mono.usingWhen(
        factory.create(),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(Result::getRowsUpdated)
                .reduce(0L, Long::sum),
        Connection::close);
  }

  static Flux<String> read(ConnectionFactory factory, String sql) {
    return Flux.usingWhen(
        factory.create(),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(result -> result.map((row, metadata) -> String.valueOf(row.get(0)))),
        Connection::close);
  }

  /** The rows of a copy, past all routers. */
  List<String> rows(int database) {
    ShardRouter plain =
        ShardRouter.builder().shard(Shard.of("one", databases.get(database).r2dbcUrl())).build();
    try {
      return plain
          .on(ShardId.of("one"))
          .sql(ROWS)
          .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
          .all()
          .collectList()
          .blockOptional(BOUND)
          .orElseThrow();
    } finally {
      plain.close().block(BOUND);
    }
  }

  /** What differs between the copies: nothing, or a few of these rows. */
  List<String> differences() {
    List<String> all = new ArrayList<>();
    TreeMap<String, Integer> counts = new TreeMap<>();
    for (int i = 0; i < databases.size(); i++) {
      rows(i).forEach(row -> counts.merge(row, 1, Integer::sum));
    }
    counts.forEach(
        (row, count) -> {
          if (count != databases.size()) {
            all.add(row);
          }
        });
    return all;
  }

  /** Nothing is left of a move where the copy comes from, or at the copy. */
  void checkClean() {
    for (int i = 0; i < databases.size(); i++) {
      ShardRouter plain =
          ShardRouter.builder().shard(Shard.of("one", databases.get(i).r2dbcUrl())).build();
      assertThat(
              plain
                  .on(ShardId.of("one"))
                  .sql(
                      "SELECT (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE"
                          + " TRIGGER_SCHEMA = DATABASE()) + (SELECT COUNT(*) FROM"
                          + " information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND"
                          + " TABLE_NAME LIKE 'shardflux\\\\_change%')")
                  .map((row, metadata) -> Objects.requireNonNull((Number) row.get(0)).longValue())
                  .one()
                  .block(BOUND))
          .isZero();
      plain.close().block(BOUND);
    }
  }

  ShardMoves moves(int router, MoveJob.Guards guards) {
    ShardMoves of = new DefaultShardMoves(routers.get(router), guards);
    moves.add(of);
    return of;
  }

  /** Starts a move that keeps no old place. */
  static long started(ShardMoves moves, Intent intent) {
    MovePlan plan = moves.plan(intent).blockOptional(BOUND).orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    return moves
        .start(plan.with(plan.options().toBuilder().rollbackWindow(Duration.ZERO).build()))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  static MoveProgress ended(ShardMoves moves, long job) {
    return Objects.requireNonNull(moves.progress(job).blockLast(BOUND));
  }

  Intent.CopyReference intent() {
    return new Intent.CopyReference(List.of("countries"), added);
  }

  @Override
  public void close() {
    moves.forEach(each -> each.close().block(BOUND));
    routers.forEach(router -> router.close().block(BOUND));
  }
}
