package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.cluster.ClusterRouter;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.parallel.Isolated;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** All rows are counted by the driver again and again while keys move and rows are updated. */
@Isolated
@EnabledIfSystemProperty(named = "moves.counts", matches = "[0-9]+")
class CountsInMovesIntegrationTests {

  private static final int COUNTS = Integer.getInteger("moves.counts", 1_000);
  private static final int USERS = 3_000;
  private static final int WRITERS = 4;
  private static final int AT_ONCE = 4;

  private static final ShardId S0 = ShardId.of("shard_0");
  private static final ShardId S1 = ShardId.of("shard_1");
  private static final ShardId S2 = ShardId.of("shard_2");

  /** The counts that are waited for at a piece of the work, as parts of all. */
  private static final Map<String, Double> HELD =
      Map.of("copy", 0.1, "verify", 0.1, "switching", 0.05, "drain", 0.02, "clean", 0.1);

  private static final String COUNT = "SELECT COUNT(*) FROM users";

  private final List<Database> databases = TestServers.shared().freshDatabases("counts");
  private final List<ClusterRouter> routers = new ArrayList<>();
  private final AtomicBoolean over = new AtomicBoolean();
  private final AtomicInteger counts = new AtomicInteger();
  private final AtomicInteger named = new AtomicInteger();
  private final AtomicLong added = new AtomicLong();
  private final Map<String, Integer> byPiece = new ConcurrentHashMap<>();
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final Queue<Long> ofNamed = new ConcurrentLinkedQueue<>();
  private volatile String piece = "begin";

  @Test
  void eachRowIsCountedOnce() {
    String document =
        """
        shards:
          shard_0: {url: '%s'}
          shard_1: {url: '%s'}
        strategies:
          by_user: {type: hash, shards: [shard_0, shard_1]}
        tables:
          users: {key: {id: integer}, strategy: by_user}
        timeouts: {acquire: 2s}
        control: {create-tables: true, poll: 100ms, lease: 1s}
        """
            .formatted(databases.get(0).r2dbcUrl(), databases.get(1).r2dbcUrl());
    IntStream.range(0, 2)
        .forEach(
            i ->
                routers.add(
                    ClusterRouter.open(document).blockOptional(CopyFixture.BOUND).orElseThrow()));
    try {
      begin();
      Mono<Void> writing = all(WRITERS, writer -> changed(writer)).cache();
      writing.subscribe();
      Mono<Void> counting = all(AT_ONCE, i -> counted(i)).cache();
      counting.subscribe();
      Mono<Void> naming = all(1, i -> countedByName()).cache();
      naming.subscribe();
      ShardMoves moves = new DefaultShardMoves(routers.get(0), new Holding());
      long job = CopyFixture.started(moves, new Intent.Spread("by_user", List.of(S0, S1, S2)));
      assertThat(CopyFixture.ended(moves, job).error()).isNull();
      more(COUNTS - counts.get()).block(CopyFixture.BOUND);
      over.set(true);
      Mono.when(writing, counting, naming).block(CopyFixture.BOUND);
      moves.close().block(CopyFixture.BOUND);
      System.out.println(counts + " counts " + new TreeMap<>(byPiece) + ", " + added + " updates");
      System.out.println(
          "by shards that are named: "
              + ofNamed.stream()
                  .collect(
                      Collectors.groupingBy(rows -> rows, TreeMap::new, Collectors.counting())));
      assertThat(wrong).isEmpty();
      assertThat(counts).hasValueGreaterThanOrEqualTo(COUNTS);
      assertThat(byPiece.keySet()).containsAll(HELD.keySet());
      assertThat(
              CopyFixture.read(factory(1), "SELECT SUM(n) FROM users")
                  .blockFirst(CopyFixture.BOUND))
          .isEqualTo(added.toString());
      // The control: so many rows are there, wherever they count.
      assertThat(ofNamed).anyMatch(rows -> rows > USERS);
    } finally {
      over.set(true);
      routers.forEach(router -> router.close().block(CopyFixture.BOUND));
    }
  }

  private ConnectionFactory factory(int router) {
    return ShardfluxConnectionFactory.of(routers.get(router).router());
  }

  private void begin() {
    for (ShardId shard : List.of(S0, S1)) {
      routers
          .get(0)
          .router()
          .on(shard)
          .sql("CREATE TABLE users (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)")
          .rowsUpdated()
          .block(CopyFixture.BOUND);
    }
    CopyFixture.changed(
            factory(0),
            IntStream.rangeClosed(1, USERS)
                .mapToObj(id -> "(" + id + ", 0)")
                .collect(Collectors.joining(", ", "INSERT INTO users (id, n) VALUES ", "")))
        .block(CopyFixture.BOUND);
    Shard third = Shard.of("shard_2", databases.get(2).r2dbcUrl());
    routers.get(0).addShard(third, "room").block(CopyFixture.BOUND);
  }

  private Mono<Void> all(int lanes, java.util.function.IntFunction<Mono<Void>> work) {
    return Flux.range(0, lanes)
        .flatMap(
            lane ->
                Mono.defer(() -> work.apply(lane))
                    .then(Mono.delay(Duration.ofMillis(2)))
                    .repeat(() -> !over.get())
                    .then(),
            lanes)
        .then();
  }

  /** Updates of one row and of several, on one shard and on many. */
  private Mono<Void> changed(int writer) {
    int many = 1 + 5 * (writer % 2);
    String ids =
        IntStream.generate(
                () -> 1 + writer + WRITERS * ThreadLocalRandom.current().nextInt(USERS / WRITERS))
            .distinct()
            .limit(many)
            .mapToObj(String::valueOf)
            .collect(Collectors.joining(", "));
    return CopyFixture.changed(
            factory(writer % 2), "UPDATE users SET n = n + 1 WHERE id IN (" + ids + ")")
        .doOnNext(
            rows -> {
              added.addAndGet(rows);
              if (rows != many) {
                wrong.add(rows + " rows of " + ids);
              }
            })
        .onErrorResume(
            error -> {
              wrong.add(error.toString());
              return Mono.empty();
            })
        .then();
  }

  private Mono<Void> counted(int i) {
    return CopyFixture.read(factory(i % 2), COUNT)
        .doOnNext(
            rows -> {
              counts.incrementAndGet();
              byPiece.merge(piece, 1, Integer::sum);
              if (!rows.equals("" + USERS)) {
                wrong.add("counted " + rows + " at " + piece);
              }
            })
        .onErrorResume(
            error -> {
              wrong.add("count: " + error);
              return Mono.empty();
            })
        .then();
  }

  /** The same without the conditions of what each shard owns. */
  private Mono<Void> countedByName() {
    return Flux.fromIterable(routers.get(0).router().topology().shards())
        .concatMap(
            shard ->
                CopyFixture.read(factory(0), "/* shardflux: shard=" + shard + " */ " + COUNT)
                    .map(Long::valueOf)
                    // The third shard has no such table at first.
                    .onErrorReturn(0L))
        .reduce(0L, Long::sum)
        .doOnNext(ofNamed::add)
        .doOnNext(rows -> named.incrementAndGet())
        .then();
  }

  /** Completes when so many more were counted. */
  private Mono<Void> more(int counted) {
    return Mono.defer(
        () -> {
          int until = counts.get() + counted;
          int untilNamed = named.get() + 2;
          return Mono.fromSupplier(() -> counts.get() >= until && named.get() >= untilNamed)
              .filter(enough -> enough)
              .repeatWhenEmpty(
                  Integer.MAX_VALUE, looks -> looks.delayElements(Duration.ofMillis(2)))
              .then();
        });
  }

  /** The mover's work, which waits for counts at some pieces. */
  private final class Holding implements MoveJob.Guards {

    @Override
    public Mono<Void> before(String what) {
      return Mono.defer(
          () -> {
            piece = what;
            Double part = HELD.get(what);
            return part == null ? Mono.empty() : more((int) (COUNTS * part));
          });
    }
  }
}
