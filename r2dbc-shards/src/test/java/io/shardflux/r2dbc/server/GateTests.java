package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.test.StepVerifier;

class GateTests {

  private static final Duration BOUND = Duration.ofSeconds(20);

  private final Gate gate = new Gate();

  @Test
  void isEmptyWhenTheLastHasLeft() {
    gate.enter();
    gate.enter();
    StepVerifier.create(gate.empty())
        .then(gate::leave)
        .expectNoEvent(Duration.ofMillis(1))
        .then(gate::leave)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(gate.empty()).expectComplete().verify(BOUND);
  }

  @Test
  void letsNobodyInOnceShutAndAnybodyOnceOpen() {
    gate.shut();
    assertThat(gate.enter()).isFalse();
    assertThat(gate.inside()).isZero();
    gate.open();
    assertThat(gate.enter()).isTrue();
    assertThat(gate.inside()).isEqualTo(1);
  }

  @Test
  void whatGoesOnBehindAStatementIsWaitedFor() {
    gate.enter();
    gate.shut();
    gate.hold();
    StepVerifier.create(gate.empty())
        .then(gate::leave)
        .expectNoEvent(Duration.ofMillis(1))
        .then(gate::leave)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void nobodyIsInsideOnceItWasShutAndFoundEmpty() {
    for (int i = 0; i < 200; i++) {
      Gate raced = new Gate();
      AtomicInteger inside = new AtomicInteger();
      AtomicInteger afterwards = new AtomicInteger();
      Mono<Void> comers =
          Flux.range(0, 20)
              .flatMap(
                  n ->
                      Mono.<Void>fromRunnable(
                              () -> {
                                if (raced.enter()) {
                                  inside.incrementAndGet();
                                  inside.decrementAndGet();
                                  raced.leave();
                                }
                              })
                          .subscribeOn(Schedulers.parallel()))
              .then();
      Mono<Void> shutting =
          Mono.<Void>fromRunnable(raced::shut)
              .then(raced.empty())
              .then(Mono.<Void>fromRunnable(() -> afterwards.addAndGet(inside.get())))
              .subscribeOn(Schedulers.parallel());
      StepVerifier.create(Mono.when(comers, shutting)).expectComplete().verify(BOUND);
      assertThat(afterwards).hasValue(0);
    }
  }
}
