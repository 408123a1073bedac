package io.shardflux.r2dbc.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

/** Shards that come and go while somebody has a snapshot of them; none is connected to. */
class SnapshotTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final ShardId A = ShardId.of("a");
  private static final ShardId B = ShardId.of("b");
  private static final TransactionDefinition PLAIN =
      new TransactionDefinition() {
        @Override
        @SuppressWarnings("NullAway")
        public <T> T getAttribute(io.r2dbc.spi.Option<T> option) {
          return null;
        }
      };

  private final LiveShards live = live();

  private static LiveShards live() {
    return new LiveShards(
        Topology.builder().shard(A).shard(B).build(),
        List.of(shard("a"), shard("b")),
        RouterOptions.defaults(),
        null);
  }

  private Snapshot now() {
    return Snapshot.of(live, SqlTemplate::of);
  }

  private static Shard shard(String name) {
    return Shard.of(name, "r2dbc:mysql://app@127.0.0.1:1/" + name);
  }

  @Test
  void itSeesOneTopologyWhateverChanges() {
    Snapshot before = now();
    live.add(shard("c")).block(BOUND);
    live.remove(B).block(BOUND);

    assertThat(before.topology().epoch()).isEqualTo(1);
    assertThat(before.topology().shards()).containsExactly(A, B);
    assertThat(before.status(B)).isNotNull();
    assertThatIllegalArgumentException().isThrownBy(() -> before.status(ShardId.of("c")));
    assertThat(now().topology().epoch()).isEqualTo(3);
    assertThat(now().topology().shards()).containsExactly(A, ShardId.of("c"));
  }

  static Stream<Named<Function<Snapshot, Publisher<?>>>> uses() {
    return Stream.of(
        Named.of("a read", each -> each.sql(B, "SELECT 1").map((row, columns) -> 1).all()),
        Named.of("a row", each -> each.sql(B, "SELECT 1").map((row, columns) -> 1).one()),
        Named.of("a write", each -> each.sql(B, "DO ?", List.of(1)).rowsUpdated()),
        Named.of(
            "a transaction",
            each ->
                each.in(
                        new SpanningTransactions(live(), SqlTemplate::of)
                            .begin(PLAIN, Timeouts.defaults()),
                        B)
                    .joined(Timeouts.defaults())),
        Named.of("several", each -> each.enter(List.of(A, B), entered -> Flux.just(1))),
        Named.of("several, first", each -> each.enter(List.of(B, A), entered -> Flux.just(1))));
  }

  @ParameterizedTest
  @MethodSource("uses")
  void aShardThatWasLetGoIsOver(Function<Snapshot, Publisher<?>> use) {
    Snapshot before = now();
    live.remove(B).block(BOUND);
    StepVerifier.create(use.apply(before))
        .expectErrorSatisfies(
            error -> {
              assertThat(Snapshot.isOver(error)).isTrue();
              assertThat(Snapshot.told(error))
                  .isInstanceOf(ShardUnavailableException.class)
                  .hasMessageStartingWith("b: closing");
            })
        .verify(BOUND);
    // No shard is left entered.
    live.close().block(BOUND);
  }

  @Test
  void severalAreEnteredAtOnceAndClosedBehindTheLastRow() {
    TestPublisher<Integer> rows = TestPublisher.create();
    AtomicBoolean removed = new AtomicBoolean();
    Mono<Void> removal = live.remove(B).doOnSuccess(done -> removed.set(true)).cache();
    StepVerifier.create(now().enter(List.of(A, B), entered -> rows.flux()))
        .then(removal::subscribe)
        .then(() -> rows.next(1))
        .expectNext(1)
        .then(() -> assertThat(removed).isFalse())
        .then(() -> assertThat(live.topology().shards()).containsExactly(A))
        .then(() -> rows.next(2))
        .expectNext(2)
        .then(() -> assertThat(removed).isFalse())
        .then(rows::complete)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(removal).expectComplete().verify(BOUND);
  }

  @Test
  void aCancelLeavesThemToo() {
    Sinks.Empty<Integer> never = Sinks.empty();
    now().enter(List.of(A, B), entered -> never.asMono().flux()).subscribe().dispose();
    StepVerifier.create(live.remove(B)).expectComplete().verify(BOUND);
  }

  @Test
  void aDrainedShardFailsItsOwnStatementsAlone() {
    live.of(B).drain().block(BOUND);
    StepVerifier.create(
            now()
                .enter(
                    List.of(A, B),
                    entered ->
                        Flux.concat(
                            Flux.just(1),
                            entered.sql(B, "SELECT 1").map((row, columns) -> 2).all())))
        .expectNext(1)
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(ShardUnavailableException.class)
                    .hasMessageStartingWith("b: drained"))
        .verify(BOUND);
  }
}
