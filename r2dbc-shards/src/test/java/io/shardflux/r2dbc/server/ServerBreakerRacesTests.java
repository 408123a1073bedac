package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.settings.BreakerOptions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

class ServerBreakerRacesTests {

  private final Sinks.One<Boolean> probe = Sinks.one();
  private final CountDownLatch probed = new CountDownLatch(1);
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final ServerBreaker breaker =
      new ServerBreaker(
          "s1",
          new BreakerOptions(1, 1, 50, Duration.ofMillis(10)),
          probe.asMono().doOnSubscribe(subscription -> probed.countDown()),
          Mono.never(),
          told::add);

  @Test
  void aProbeThatGetsThroughMeanwhileDoesNotUndoAHand() throws InterruptedException {
    breaker.trip(new IllegalStateException("gone"));
    assertThat(probed.await(5, TimeUnit.SECONDS)).isTrue();
    Thread prober = new Thread(() -> probe.tryEmitValue(true));
    synchronized (breaker) {
      prober.start();
      while (prober.isAlive() && prober.getState() != Thread.State.BLOCKED) {
        Thread.onSpinWait();
      }
      breaker.force();
    }
    prober.join();
    assertThat(breaker.state()).isEqualTo("FORCED_OPEN");
    breaker.close();
    assertThat(told)
        .containsExactly(
            "down: java.lang.IllegalStateException: gone", "opened by hand", "up again");
  }

  @Test
  void whatFailsBehindAHandIsNotWhyItIsOpen() {
    breaker.force();
    breaker.failed(new IllegalStateException("gone"));
    assertThat(breaker.cause()).isNull();
    assertThat(breaker.state()).isEqualTo("FORCED_OPEN");
  }
}
