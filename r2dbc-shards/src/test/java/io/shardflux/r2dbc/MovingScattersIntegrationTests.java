package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.MovedByHand.FROM;
import static io.shardflux.r2dbc.MovedByHand.TO;
import static io.shardflux.r2dbc.MovedByHand.keys;
import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

/** Reads whose shards are asked long after one another, and connections that are lent for long. */
@Tag("same-on-any-server")
class MovingScattersIntegrationTests {

  private static final List<Long> MOVING = keys(true, 10);
  private static final List<Long> ALL =
      Stream.of(MOVING, keys(false, 20)).flatMap(List::stream).toList();

  private final MovedByHand move =
      new MovedByHand(
          TestServers.shared(),
          options ->
              options
                  .with(PoolOptions.builder().maxSize(4).streams(1).build())
                  .with(Timeouts.defaults().withAcquire(Duration.ofSeconds(20))));

  @BeforeEach
  void begin() {
    move.router
        .<Long>inserts(
            "users",
            "INSERT INTO users (id, n) VALUES (:id, 1)",
            ShardKey::of,
            id -> Map.of("id", id))
        .store(Flux.fromIterable(ALL))
        .blockLast(BOUND);
    move.fence();
  }

  @AfterEach
  void close() {
    move.end();
  }

  /** The phases of a move up to its end, all of which the router hears of. */
  private void moved(String upTo) {
    move.published(Phase.COPYING).known();
    move.close();
    move.copy();
    if (upTo.equals("copied")) {
      return;
    }
    move.published(Phase.SWITCHED).known();
    if (upTo.equals("ended")) {
      MOVING.forEach(id -> move.run(move.source(), "DELETE FROM users WHERE id = " + id));
      move.published(null).known();
    }
  }

  /** Keeps the one place that a shard has for streams. */
  private BaseSubscriber<Integer> holding(ShardId shard) {
    BaseSubscriber<Integer> holder =
        new BaseSubscriber<>() {
          @Override
          protected void hookOnSubscribe(org.reactivestreams.Subscription subscription) {
            subscription.request(1);
          }
        };
    Queue<Integer> first = new ConcurrentLinkedQueue<>();
    move.router
        .on(shard)
        .sql("SELECT 1 UNION ALL SELECT 2")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Integer.class)))
        .all()
        .doOnNext(first::add)
        .subscribe(holder);
    awaited(first, 1);
    return holder;
  }

  private static void awaited(Queue<?> rows, int count) {
    Mono.fromSupplier(rows::size)
        .filter(size -> size >= count)
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(5)))
        .block(BOUND);
  }

  private Flux<Long> read() {
    return move.router
        .onAll()
        .sql("SELECT id FROM users u WHERE :owned(users u)")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .rows();
  }

  /** One shard is asked when the others' rows are given already and the keys have moved. */
  @ParameterizedTest
  @CsvSource({"false, copied", "false, switched", "false, ended", "true, switched", "true, ended"})
  void aReadThatGaveRowsSaysThatKeysMoved(boolean back, String upTo) {
    if (back) {
      moved("ended");
    }
    BaseSubscriber<Integer> holder = holding(TO);
    Queue<Long> given = new ConcurrentLinkedQueue<>();
    StepVerifier.create(read().doOnNext(given::add).then())
        .expectSubscription()
        .then(
            () -> {
              awaited(given, back ? ALL.size() - MOVING.size() : ALL.size());
              moved(upTo);
              holder.cancel();
            })
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
    assertThat(given).doesNotHaveDuplicates();
  }

  /** What has given nothing begins anew. */
  @ParameterizedTest
  @ValueSource(strings = {"copied", "switched", "ended"})
  void aReadThatGaveNothingMeetsEachRowOnce(String upTo) {
    BaseSubscriber<Integer> holder = holding(FROM);
    Queue<Long> given = new ConcurrentLinkedQueue<>();
    StepVerifier.create(read().doOnNext(given::add).then())
        .expectSubscription()
        .then(
            () -> {
              moved(upTo);
              holder.cancel();
            })
        .expectComplete()
        .verify(BOUND);
    assertThat(given).containsExactlyInAnyOrderElementsOf(ALL);
  }

  /** A connection that was lent at rest is still used when the key has left. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aConnectionThatIsLentForLongIsToldThatItsKeyLeft(boolean transaction) {
    long key = MOVING.get(0);
    ShardTarget target = move.router.on("users", ShardKey.of(key));
    Function<Connection, Publisher<Long>> work =
        connection ->
            read(connection, key)
                .concatWith(
                    Mono.<Long>fromRunnable(() -> moved("ended"))
                        .subscribeOn(Schedulers.boundedElastic()))
                .concatWith(Flux.defer(() -> read(connection, key)));
    StepVerifier.create(transaction ? target.inTransaction(work) : target.inConnection(work))
        .expectNext(1L)
        .thenConsumeWhile(n -> true)
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  private static Flux<Long> read(Connection connection, long key) {
    return Flux.from(connection.createStatement("SELECT n FROM users WHERE id = " + key).execute())
        .concatMap(
            (Result result) ->
                result.map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  /** Each statement of a transaction that its holder drives says so, and not its end alone. */
  @ParameterizedTest
  @ValueSource(strings = {"rest", "copying"})
  void aTransactionIsToldThatItsKeyLeft(String begun) {
    long key = MOVING.get(0);
    if (begun.equals("copying")) {
      move.published(Phase.COPYING).known();
    }
    StepVerifier.create(
            Flux.usingWhen(
                move.router.on("users", ShardKey.of(key)).begin(IsolationLevel.READ_COMMITTED),
                transaction ->
                    Mono.<Long>fromRunnable(() -> moved("ended"))
                        .subscribeOn(Schedulers.boundedElastic())
                        .concatWith(
                            Flux.defer(
                                () ->
                                    transaction
                                        .sql("SELECT n FROM users WHERE id = " + key)
                                        .map((row, metadata) -> 1L)
                                        .all())),
                ShardTransaction::rollback))
        .expectError(TopologyChangedException.class)
        .verify(BOUND);
  }

  /** A key that stays has nothing to do with the others' move. */
  @ParameterizedTest
  @ValueSource(strings = {"copied", "switched"})
  void aTransactionOfAKeyThatStaysGoesOn(String upTo) {
    long key =
        ALL.stream()
            .filter(id -> !MOVING.contains(id))
            .filter(id -> MovedByHand.OLD.locate(ShardKey.of(id)).equals(FROM))
            .findFirst()
            .orElseThrow();
    StepVerifier.create(
            move.router
                .on("users", ShardKey.of(key))
                .inTransaction(
                    connection ->
                        read(connection, key)
                            .concatWith(
                                Mono.<Long>fromRunnable(() -> moved(upTo))
                                    .subscribeOn(Schedulers.boundedElastic()))
                            .concatWith(Flux.defer(() -> read(connection, key)))))
        .expectNext(1L, 1L)
        .expectComplete()
        .verify(BOUND);
  }
}
