package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.util.concurrent.DefaultEventExecutor;
import io.netty.util.concurrent.EventExecutor;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.test.StepVerifier;

class OnLoopTests {

  private static final Duration BOUND = Duration.ofSeconds(10);

  private final EventExecutor loop = new DefaultEventExecutor();
  private final List<String> steps = new CopyOnWriteArrayList<>();

  @AfterEach
  void close() {
    loop.shutdownGracefully(0, 0, TimeUnit.SECONDS).awaitUninterruptibly(10, TimeUnit.SECONDS);
  }

  private void note(String step) {
    steps.add(step + (loop.inEventLoop() ? " on the loop" : " elsewhere"));
  }

  @Test
  void aStatementIsSentOnTheLoop() {
    StepVerifier.create(new OnLoop<>(Flux.just(1, 2).doFirst(() -> note("sent")), loop), 1)
        .expectSubscription()
        .expectNext(1)
        .thenRequest(1)
        .expectNext(2)
        .expectComplete()
        .verify(BOUND);
    assertThat(steps).containsExactly("sent on the loop");
  }

  @Test
  void oneThatComesFromTheLoopDoesNotWait() {
    Mono<Integer> both =
        Mono.fromCallable(
            () -> {
              new OnLoop<>(Mono.fromRunnable(() -> note("sent")), loop).subscribe();
              note("behind it");
              return 1;
            });
    StepVerifier.create(new OnLoop<>(both, loop)).expectNext(1).expectComplete().verify(BOUND);
    assertThat(steps).containsExactly("sent on the loop", "behind it on the loop");
  }

  /** Whoever takes one row cancels with it, and the answer ends in what the loop is at. */
  @Test
  void aCancelWaitsForWhatTheLoopIsAt() throws InterruptedException {
    Sinks.Many<Integer> answer = Sinks.many().unicast().onBackpressureBuffer();
    CountDownLatch over = new CountDownLatch(1);
    Flux<Integer> statement =
        answer.asFlux().doOnComplete(() -> note("ended")).doOnCancel(() -> note("cancelled"));
    new OnLoop<>(statement, loop).next().subscribe(row -> note("row"));
    loop.execute(
        () -> {
          answer.emitNext(1, Sinks.EmitFailureHandler.FAIL_FAST);
          answer.emitComplete(Sinks.EmitFailureHandler.FAIL_FAST);
          loop.execute(over::countDown);
        });
    assertThat(over.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(steps)
        .containsExactly("row on the loop", "ended on the loop", "cancelled on the loop");
  }

  /** The connection may be another's by then. */
  @Test
  void aStatementThatIsCancelledBeforeItsTurnIsNotSent() throws InterruptedException {
    CountDownLatch over = new CountDownLatch(1);
    new OnLoop<>(Flux.never().doFirst(() -> note("sent")), loop)
        .subscribe(
            new BaseSubscriber<>() {
              @Override
              protected void hookOnSubscribe(Subscription subscription) {
                subscription.cancel();
                loop.execute(() -> note("given to another"));
              }
            });
    loop.execute(over::countDown);
    assertThat(over.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(steps).containsExactly("given to another on the loop");
  }

  @Test
  void aCancelFromElsewhereIsTheLoops() throws InterruptedException {
    CountDownLatch over = new CountDownLatch(1);
    Flux<Integer> statement =
        Flux.<Integer>never()
            .doOnCancel(
                () -> {
                  note("cancelled");
                  over.countDown();
                });
    new OnLoop<>(statement, loop).subscribe().dispose();
    assertThat(over.await(10, TimeUnit.SECONDS)).isTrue();
    assertThat(steps).containsExactly("cancelled on the loop");
  }

  @Test
  void oneWhoseLoopIsGoneIsLeftToTheDriver() {
    close();
    StepVerifier.create(new OnLoop<>(Mono.error(new IllegalStateException("closed")), loop))
        .expectErrorMessage("closed")
        .verify(BOUND);
  }
}
