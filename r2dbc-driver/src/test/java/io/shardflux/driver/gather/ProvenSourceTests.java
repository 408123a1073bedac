package io.shardflux.driver.gather;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.result.Source;
import java.time.Duration;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

/** Rows that wait for a proof. */
class ProvenSourceTests {

  private static final Duration BOUND = Duration.ofSeconds(10);

  private final TestPublisher<Long> rows = TestPublisher.create();
  private final TestPublisher<Void> proof = TestPublisher.create();
  private final Flux<Long> proven =
      new ProvenSource(new Counts(rows.flux()), proof.mono()).updates();

  private record Counts(Flux<Long> counts) implements Source {

    @Override
    public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
      return Flux.error(new IllegalStateException("rows: asked for (expected: counts)"));
    }

    @Override
    public Flux<Long> updates() {
      return counts;
    }
  }

  /** They are subscribed to at once, and asked for nothing. */
  @Test
  void noRowIsRequestedBeforeTheProof() {
    StepVerifier.create(proven, 1)
        .then(rows::assertSubscribers)
        .then(rows::assertWasNotRequested)
        .then(proof::complete)
        .then(() -> rows.assertMinRequested(1))
        .then(() -> rows.next(1L).complete())
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void noRowsAreNoAnswerBeforeTheProof() {
    StepVerifier.create(proven)
        .then(rows::complete)
        .expectNoEvent(Duration.ofMillis(50))
        .then(proof::complete)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aFailedProofEndsAndCancelsTheRows() {
    StepVerifier.create(proven)
        .then(() -> proof.error(new IllegalStateException("changed")))
        .expectErrorMessage("changed")
        .verify(BOUND);
    rows.assertCancelled();
  }

  @Test
  void aFailedProofBehindTheEndOfNoRowsIsTold() {
    StepVerifier.create(proven)
        .then(rows::complete)
        .then(() -> proof.error(new IllegalStateException("changed")))
        .expectErrorMessage("changed")
        .verify(BOUND);
  }

  @Test
  void anErrorOfTheRowsEndsTheProof() {
    StepVerifier.create(proven)
        .then(() -> rows.error(new IllegalStateException("lost")))
        .expectErrorMessage("lost")
        .verify(BOUND);
    proof.assertCancelled();
  }

  @Test
  void aCancelReachesBoth() {
    StepVerifier.create(proven).then(rows::assertSubscribers).thenCancel().verify(BOUND);
    rows.assertCancelled();
    proof.assertCancelled();
  }

  @Test
  void whatIsProvenAtOnceNeverWaits() {
    Flux<Long> at = new ProvenSource(new Counts(Flux.just(1L, 2L)), Mono.empty()).updates();
    assertThat(at.collectList().block(BOUND)).containsExactly(1L, 2L);
    StepVerifier.create(
            new ProvenSource(
                    new Counts(Flux.just(1L)), Mono.error(new IllegalStateException("changed")))
                .updates())
        .expectErrorMessage("changed")
        .verify(BOUND);
  }
}
