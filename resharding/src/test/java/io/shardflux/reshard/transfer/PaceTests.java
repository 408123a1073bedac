package io.shardflux.reshard.transfer;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

class PaceTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  @Test
  void aPieceTakesAsLongAsItsRowsMay() {
    StepVerifier.withVirtualTime(() -> new Pace(1_000).kept(Mono.just(2_500L)))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(2_499))
        .thenAwait(Duration.ofMillis(1))
        .expectNext(2_500L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void theTimeOfTheWorkCounts() {
    StepVerifier.withVirtualTime(
            () -> new Pace(1_000).kept(Mono.just(2_500L).delayElement(Duration.ofSeconds(2))))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(2_499))
        .thenAwait(Duration.ofMillis(1))
        .expectNext(2_500L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void workThatIsSlowerIsNotHeldUp() {
    StepVerifier.withVirtualTime(
            () -> new Pace(1_000).kept(Mono.just(100L).delayElement(Duration.ofSeconds(2))))
        .expectSubscription()
        .expectNoEvent(Duration.ofMillis(1_999))
        .thenAwait(Duration.ofMillis(1))
        .expectNext(100L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void withoutALimitNothingWaits() {
    StepVerifier.create(new Pace(0).kept(Mono.just(1_000_000L)))
        .expectNext(1_000_000L)
        .expectComplete()
        .verify(BOUND);
  }
}
