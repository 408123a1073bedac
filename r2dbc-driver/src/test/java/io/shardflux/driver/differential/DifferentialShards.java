package io.shardflux.driver.differential;

import io.r2dbc.pool.ConnectionPool;
import io.r2dbc.pool.ConnectionPoolConfiguration;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The tables on three shards behind a router, and the same rows in one database. */
final class DifferentialShards implements AutoCloseable {

  static final Duration BOUND = Duration.ofSeconds(60);
  static final int AT_ONCE = 6;

  private final List<Table> tables;
  private final List<Shard> shards = new ArrayList<>();
  private final List<ConnectionPool> each;
  private final ConnectionPool whole;
  private final ShardRouter router;
  private final Set<ServerBug> bugs = EnumSet.noneOf(ServerBug.class);
  private Map<String, ShardingStrategy> strategies = DifferentialTables.strategies();

  private DifferentialShards(List<Table> tables, List<Database> databases, Database single) {
    this.tables = tables;
    each = databases.stream().map(DifferentialShards::pool).toList();
    whole = pool(single);
    everywhere().forEach(pool -> tables.forEach(table -> run(pool, table.create())));
    for (int i = 0; i < databases.size(); i++) {
      shards.add(Shard.of(DifferentialTables.SHARDS.get(i).value(), databases.get(i).r2dbcUrl()));
    }
    router = made();
    ServerBug.TRIAL.forEach(sql -> run(whole, sql));
    for (ServerBug bug : ServerBug.values()) {
      if (!shown(rows(whole, bug.query())).equals(bug.answer())) {
        bugs.add(bug);
      }
    }
  }

  static DifferentialShards fresh() {
    return of(DifferentialTables.all());
  }

  static DifferentialShards of(List<Table> tables) {
    TestServers servers = TestServers.shared();
    return new DifferentialShards(
        tables, servers.freshDatabases("part"), servers.freshDatabases("whole").get(0));
  }

  List<Table> tables() {
    return tables;
  }

  ShardRouter router() {
    return router;
  }

  /** The wrong answers that the servers give all by themselves. */
  Set<ServerBug> bugs() {
    return bugs;
  }

  /** The one database that holds all rows. */
  ConnectionFactory whole() {
    return whole;
  }

  /** Puts every table back to what it was at the beginning. */
  void reset() {
    List<Mono<Void>> all = new ArrayList<>();
    for (Table table : tables) {
      all.add(refill(whole, table, table.rows()));
      for (int i = 0; i < each.size(); i++) {
        all.add(refill(each.get(i), table, on(i, table)));
      }
    }
    Flux.merge(Flux.fromIterable(all), 8).then().block(BOUND);
  }

  /** Lets the keys of all strategies be on their way to other shards. */
  void moving(Phase phase) {
    boolean hashes =
        row(whole, "SELECT @@version LIKE '%MariaDB%'").get(0) instanceof Number known
            && known.longValue() == 1;
    strategies = OnTheWay.strategies(phase, hashes);
    Topology.Builder builder = Topology.builder().epoch(router.topology().epoch() + 1);
    shards.forEach(shard -> builder.shard(shard.id()));
    strategies.forEach(builder::strategy);
    tables.forEach(table -> builder.table(table.rule()));
    TopologyAccess.of(router).swap(builder.build(), shards).block(BOUND);
    reset();
  }

  /** The difference between a table's rows on the shards and in the one database, or null. */
  @Nullable String difference(Table table) {
    List<List<@Nullable Object>> shards =
        Flux.range(0, each.size())
            .flatMapSequential(i -> rows(each.get(i), table.checksum() + owned(table, i)).single())
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    List<@Nullable Object> one = row(whole, table.checksum());
    if (table.reference()) {
      return shards.stream().allMatch(one::equals) ? null : one + ", the copies " + shards;
    }
    for (int column = 0; column < one.size(); column++) {
      if (number(one, column) != shards.stream().mapToLong(sums(column)).sum()) {
        return one + ", the shards " + shards;
      }
    }
    return null;
  }

  /** The condition of the rows that count on a shard. */
  private String owned(Table table, int number) {
    ShardId shard = DifferentialTables.SHARDS.get(number);
    if (!(table.rule() instanceof TableRule.Sharded rule)
        || !(strategies.get(rule.strategy()) instanceof TransitionStrategy way)) {
      return "";
    }
    return way.shards().contains(shard)
        ? " WHERE " + way.owns(shard, rule.key()).blockOptional(BOUND).orElseThrow()
        : " WHERE FALSE";
  }

  private static ToLongFunction<List<@Nullable Object>> sums(int column) {
    return row -> number(row, column);
  }

  private static long number(List<@Nullable Object> row, int column) {
    return ((Number) Objects.requireNonNull(row.get(column))).longValue();
  }

  /** The rows on each shard whose key lies on another. */
  List<String> astray() {
    List<String> astray = new ArrayList<>();
    for (Table table : tables) {
      for (int i = 0; i < each.size(); i++) {
        ShardId here = DifferentialTables.SHARDS.get(i);
        rows(each.get(i), "SELECT * FROM " + table)
            .filter(row -> !belongs(table, row, here))
            .map(row -> table + " on " + here + ": " + row)
            .collectList()
            .blockOptional(BOUND)
            .ifPresent(astray::addAll);
      }
    }
    return astray;
  }

  /**
   * The places of all texts that the tables' columns and the expressions over them can hold, in the
   * order of each collation.
   */
  Map<Kind, Map<String, Integer>> weights() {
    Map<Kind, Map<String, Integer>> weights = new EnumMap<>(Kind.class);
    String all =
        words().stream()
            .map(Literals::plain)
            .flatMap(
                word ->
                    Stream.of(
                        word,
                        "UPPER(" + word + ")",
                        "LOWER(" + word + ")",
                        "TRIM(" + word + ")",
                        "LEFT(" + word + ", 2)",
                        "CONCAT(" + word + ", '!')"))
            .map(word -> "SELECT " + word + " AS word")
            .collect(Collectors.joining(" UNION ALL "));
    for (Kind kind : List.of(Kind.GENERAL, Kind.UNICODE, Kind.BINARY)) {
      Map<String, Integer> places = new HashMap<>();
      rows(
              whole,
              "SELECT word, DENSE_RANK() OVER (ORDER BY word COLLATE "
                  + kind.collation()
                  + ") FROM ("
                  + all
                  + ") v")
          .doOnNext(row -> places.put(String.valueOf(row.get(0)), (int) number(row, 1)))
          .blockLast(BOUND);
      weights.put(kind, places);
    }
    return weights;
  }

  private Set<String> words() {
    Set<String> words = new LinkedHashSet<>(List.of("none"));
    for (Table table : tables) {
      for (Column column : table.columns()) {
        for (Object value : column.values()) {
          if (value instanceof String text) {
            words.add(text);
          }
        }
      }
    }
    return words;
  }

  @Override
  public void close() {
    router.close().block(BOUND);
    everywhere().forEach(pool -> pool.disposeLater().block(BOUND));
  }

  private List<ConnectionPool> everywhere() {
    List<ConnectionPool> all = new ArrayList<>(each);
    all.add(whole);
    return all;
  }

  static ConnectionPool pool(Database database) {
    return new ConnectionPool(
        ConnectionPoolConfiguration.builder(
                ConnectionFactories.get(
                    Shard.of("any", database.r2dbcUrl())
                        .options()
                        .mutate()
                        .option(Option.valueOf("connectionTimeZone"), "UTC")
                        .option(Option.valueOf("forceConnectionTimeZoneToSession"), true)
                        .build()))
            .initialSize(1)
            .maxSize(AT_ONCE)
            .build());
  }

  private ShardRouter made() {
    ShardRouterBuilder builder = ShardRouter.builder();
    shards.forEach(builder::shard);
    strategies.forEach(builder::strategy);
    tables.forEach(table -> builder.table(table.rule()));
    return builder.build();
  }

  private List<List<@Nullable Object>> on(int number, Table table) {
    ShardId shard = DifferentialTables.SHARDS.get(number);
    List<List<@Nullable Object>> rows = new ArrayList<>();
    table.rows().stream().filter(row -> belongs(table, row, shard)).forEach(rows::add);
    if (table.rule() instanceof TableRule.Sharded rule
        && strategies.get(rule.strategy()) instanceof TransitionStrategy way) {
      rows.addAll(OnTheWay.copies(table, way, shard));
    }
    return rows;
  }

  private boolean belongs(Table table, List<@Nullable Object> row, ShardId shard) {
    if (table.rule() instanceof TableRule.Sharded rule) {
      return Objects.requireNonNull(strategies.get(rule.strategy()))
          .locate(table.keyOf(row))
          .equals(shard);
    }
    return !(table.rule() instanceof TableRule.Pinned pinned) || pinned.shard().equals(shard);
  }

  private static Mono<Void> refill(
      ConnectionFactory database, Table table, List<List<@Nullable Object>> rows) {
    Mono<Void> emptied = updated(database, "DELETE FROM " + table);
    return rows.isEmpty() ? emptied : emptied.then(updated(database, table.insert(rows)));
  }

  private static void run(ConnectionFactory database, String sql) {
    updated(database, sql).block(BOUND);
  }

  private static Mono<Void> updated(ConnectionFactory database, String sql) {
    return Mono.usingWhen(
        Mono.from(database.create()),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(Result::getRowsUpdated)
                .then(),
        Connection::close);
  }

  private static List<@Nullable Object> row(ConnectionFactory database, String sql) {
    return rows(database, sql).single().blockOptional(BOUND).orElseThrow();
  }

  private static String shown(Flux<List<@Nullable Object>> rows) {
    return rows.map(row -> row.stream().map(Literals::plain).collect(Collectors.joining(" ")))
        .collect(Collectors.joining(", "))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static Flux<List<@Nullable Object>> rows(ConnectionFactory database, String sql) {
    return Flux.usingWhen(
        Mono.from(database.create()),
        connection ->
            Flux.from(connection.createStatement(sql).execute())
                .concatMap(result -> result.map(DifferentialShards::values)),
        Connection::close);
  }

  private static List<@Nullable Object> values(Row row, RowMetadata metadata) {
    List<@Nullable Object> values = new ArrayList<>();
    for (int i = 0; i < metadata.getColumnMetadatas().size(); i++) {
      values.add(row.get(i));
    }
    return values;
  }
}
