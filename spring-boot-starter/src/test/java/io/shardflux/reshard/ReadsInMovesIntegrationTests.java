package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Statements of the differential tests' generator are asked in each phase of a move, of the driver
 * and of one database that has all rows.
 */
@Isolated
class ReadsInMovesIntegrationTests {

  /** Those of each piece of the work; 500 by hand, and moves of more steps then. */
  private static final int STATEMENTS = Integer.getInteger("moving.statements", 30);

  private static final boolean ALL = System.getProperty("moving.statements") != null;

  private static final Duration OF_MOVE = Duration.ofMinutes(ALL ? 10 : 2);
  private static final int AT_ONCE = 4;
  private static final int MOST_SHOWN = 20;
  private static final String COUNT = "SELECT COUNT(*) FROM orders";

  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  /** The pieces of the work before which statements are asked, once each. */
  private static final Set<String> FORTH =
      Set.of(
          "apply",
          "verify",
          "switching",
          "close",
          "last changes",
          "open",
          "note HOLD",
          "clean",
          "keep");

  private static final Set<String> BACK =
      Set.of("return verify", "return last changes", "return open", "note UNDO");

  private static final Set<String> ASKED =
      ALL
          ? Stream.concat(FORTH.stream(), BACK.stream()).collect(Collectors.toUnmodifiableSet())
          : FORTH;

  /** A statement; the rows of a list are in an order, and those of a bag in none. */
  private record Read(boolean list, String shape, String sql) {}

  private final Map<String, String> creates = new LinkedHashMap<>();
  private final Map<String, String> inserts = new LinkedHashMap<>();
  private final List<Read> reads = new ArrayList<>();
  private final Map<Integer, List<String>> expected = new ConcurrentHashMap<>();
  private final Map<String, Integer> asked = new ConcurrentHashMap<>();
  private final ConcurrentLinkedQueue<String> wrong = new ConcurrentLinkedQueue<>();
  private int next;

  /** The rows of all shards, wherever they count, once all keys have moved. */
  private volatile long standing;

  ReadsInMovesIntegrationTests() throws IOException {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                Objects.requireNonNull(
                    ReadsInMovesIntegrationTests.class.getResourceAsStream("/moving-reads.txt")),
                StandardCharsets.UTF_8))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        String[] words = line.split("\t", 3);
        switch (words[0]) {
          case "create" -> creates.put(words[1], words[2]);
          case "insert" -> inserts.put(words[1], words[2]);
          default -> reads.add(new Read(words[0].equals("list"), words[1], words[2]));
        }
      }
    }
  }

  @Test
  void answersAsOneDatabase() {
    List<Database> databases = TestServers.shared().freshDatabases("reads");
    Database single = TestServers.shared().freshDatabases("whole").get(0);
    String document =
        """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
          shard_2: {url: '%s'}
        strategies:
          by_id: {type: hash, shards: [shard_0, shard_1, shard_2]}
          by_pair: {type: hash, shards: [shard_0, shard_1, shard_2]}
          by_number: {type: range, key: integer, ranges: [{to: 40, shard: shard_0}, {from: 40, to: 80, shard: shard_1}, {from: 80, shard: shard_2}]}
          by_word: {type: range, key: text, ranges: [{to: h, shard: shard_0}, {from: h, to: q, shard: shard_1}, {from: q, shard: shard_2}]}
          by_month: {type: time, period: month, rotation: [shard_0, shard_1, shard_2]}
        tables:
          customers: {key: {id: integer}, strategy: by_id}
          orders: {key: {customer_id: integer}, strategy: by_id}
          accounts: {key: [{tenant: integer}, {code: text}], strategy: by_pair}
          entries: {key: [{tenant: integer}, {code: text}], strategy: by_pair}
          readings: {key: {id: integer}, strategy: by_number}
          words: {key: {word: text}, strategy: by_word}
          events: {key: {at: datetime}, strategy: by_month}
          visits: {key: {visitor: uuid}, strategy: by_id}
          figures: {key: {id: integer}, strategy: by_id}
          countries: {reference: true}
          settings: {pinned: shard_1}
          tokens: {key: {token: binary}, strategy: by_id}
        timeouts: {acquire: 2s}
        control: {create-tables: true, poll: 100ms, lease: 1s}
        """
            .formatted(
                databases.get(0).r2dbcUrl(),
                databases.get(1).r2dbcUrl(),
                databases.get(2).r2dbcUrl());
    ConnectionFactory whole = one(single);
    ClusterRouter cluster =
        ClusterRouter.open(document).blockOptional(CopyFixture.BOUND).orElseThrow();
    try {
      ConnectionFactory driver = ShardfluxConnectionFactory.of(cluster.router());
      begin(cluster.router(), driver, whole);
      ShardMoves moves =
          new DefaultShardMoves(
              cluster,
              new MoveJob.Guards() {
                @Override
                public Mono<Void> before(String what) {
                  return Mono.defer(
                      () ->
                          ASKED.contains(what) && asked.putIfAbsent(what, 0) == null
                              ? ask(what, driver, whole)
                                  .then(
                                      what.equals("note HOLD")
                                          ? stand(cluster.router())
                                          : Mono.empty())
                              : Mono.empty());
                }
              });
      if (ALL) {
        moved(moves, hash(S2, S0, S1), true);
        moved(moves, hash(S1, S2, S0), false);
      } else {
        // The slots of the first shard, which is one step.
        moved(moves, new Intent.MoveSlots("by_id", 0, 1024 / 3 - 1, S2), false);
      }
      moves.close().block(CopyFixture.BOUND);
    } finally {
      cluster.close().block(CopyFixture.BOUND);
    }
    System.out.println("asked in moves: " + new TreeMap<>(asked));
    assertThat(wrong.stream().limit(MOST_SHOWN)).as("%d are wrong", wrong.size()).isEmpty();
    assertThat(asked.keySet()).isEqualTo(ASKED);
    assertThat(asked.values()).containsOnly(STATEMENTS);
    // The control: without a condition of what each shard owns, rows would count twice.
    assertThat(standing).isGreaterThan(Long.parseLong(counted(whole).blockLast(CopyFixture.BOUND)));
  }

  private void begin(ShardRouter router, ConnectionFactory driver, ConnectionFactory whole) {
    creates.forEach(
        (table, create) -> {
          router.onAll().sql(create).rowsUpdated().blockLast(CopyFixture.BOUND);
          CopyFixture.changed(whole, create).block(CopyFixture.BOUND);
          String insert = Objects.requireNonNull(inserts.get(table));
          Long rows = CopyFixture.changed(whole, insert).block(CopyFixture.BOUND);
          assertThat(CopyFixture.changed(driver, insert).block(CopyFixture.BOUND)).isEqualTo(rows);
        });
  }

  private static ConnectionFactory one(Database database) {
    return ConnectionFactories.get(
        Shard.of("any", database.r2dbcUrl())
            .options()
            .mutate()
            .option(Option.valueOf("connectionTimeZone"), "UTC")
            .option(Option.valueOf("forceConnectionTimeZoneToSession"), true)
            .build());
  }

  private static Intent hash(ShardId... shards) {
    return new Intent.Change("by_id", ShardingStrategy.hash(List.of(shards)));
  }

  private static Flux<String> counted(ConnectionFactory factory) {
    return CopyFixture.read(factory, COUNT);
  }

  private Mono<Void> stand(ShardRouter router) {
    return Flux.fromIterable(router.topology().shards())
        .concatMap(
            shard ->
                router
                    .on(shard)
                    .sql(COUNT)
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                    .one())
        .reduce(0L, Long::sum)
        .doOnNext(rows -> standing = rows)
        .then();
  }

  /** Moves keys, and maybe back. */
  private static void moved(ShardMoves moves, Intent intent, boolean back) {
    MovePlan plan = moves.plan(intent).blockOptional(CopyFixture.BOUND).orElseThrow();
    assertThat(plan.refusals()).isEmpty();
    Duration window = back ? Duration.ofHours(1) : Duration.ZERO;
    long job =
        moves
            .start(plan.with(plan.options().toBuilder().rollbackWindow(window).build()))
            .blockOptional(CopyFixture.BOUND)
            .orElseThrow();
    if (back) {
      moves.progress(job).filter(at -> at.phase().equals("HOLD")).blockFirst(OF_MOVE);
      moves.want(job, Wanted.REVERSE).block(CopyFixture.BOUND);
    }
    assertThat(Objects.requireNonNull(moves.progress(job).blockLast(OF_MOVE)).error()).isNull();
  }

  /** Asks the next statements, before a piece of the mover's work goes on. */
  private Mono<Void> ask(String what, ConnectionFactory driver, ConnectionFactory whole) {
    int first = next;
    next += STATEMENTS;
    return Flux.range(first, STATEMENTS)
        .map(i -> i % reads.size())
        .flatMap(i -> asked(what, i, driver, whole), AT_ONCE)
        .then();
  }

  private Mono<Void> asked(String what, int i, ConnectionFactory driver, ConnectionFactory whole) {
    Read read = reads.get(i);
    Mono<List<String>> one =
        Mono.justOrEmpty(expected.get(i))
            .switchIfEmpty(
                Mono.defer(() -> rows(whole, read)).doOnNext(rows -> expected.put(i, rows)));
    return Mono.zip(one, rows(driver, read))
        .doOnNext(
            both -> {
              asked.merge(what, 1, Integer::sum);
              if (!both.getT1().equals(both.getT2())) {
                wrong.add(
                    "at %s: %s%n  one database %s%n  the driver   %s"
                        .formatted(what, read, shown(both.getT1()), shown(both.getT2())));
              }
            })
        .then();
  }

  private static String shown(List<String> rows) {
    return rows.size() + " rows " + rows.stream().limit(5).toList();
  }

  private static Mono<List<String>> rows(ConnectionFactory factory, Read read) {
    return Flux.usingWhen(
            factory.create(),
            connection ->
                Flux.from(connection.createStatement(read.sql()).execute())
                    .concatMap(result -> result.map(ReadsInMovesIntegrationTests::values)),
            Connection::close)
        .collectList()
        .map(rows -> read.list() ? rows : rows.stream().sorted().toList())
        .onErrorResume(
            R2dbcException.class,
            error -> Mono.just(List.of("error " + error.getErrorCode() + told(error))));
  }

  /** What has no code of a server is the driver's own word. */
  private static String told(R2dbcException error) {
    return error.getErrorCode() == 0 ? " " + error : "";
  }

  private static String values(Row row, RowMetadata metadata) {
    return IntStream.range(0, metadata.getColumnMetadatas().size())
        .mapToObj(i -> text(row.get(i)))
        .collect(Collectors.joining(" | "));
  }

  /** Servers come to a number by integers of one width or another. */
  private static String text(@Nullable Object value) {
    if (value instanceof Boolean flag) {
      return flag ? "1" : "0";
    }
    if (value instanceof ByteBuffer bytes) {
      byte[] copy = new byte[bytes.remaining()];
      bytes.duplicate().get(copy);
      return HexFormat.of().formatHex(copy);
    }
    if (value instanceof String[] names) {
      return String.join(",", names);
    }
    return value instanceof Double real && real == 0 ? "0.0" : String.valueOf(value);
  }
}
