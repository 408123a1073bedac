package io.shardflux.r2dbc.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

/** The times at which a server that refuses the password is asked. */
class ProbingTests {

  private final VirtualTimeScheduler time = VirtualTimeScheduler.getOrSet();
  private final Exception refused = new R2dbcPermissionDeniedException("no", "28000", 1045);
  private final AtomicInteger logins = new AtomicInteger();
  private final AtomicInteger asked = new AtomicInteger();
  private final AtomicReference<String> password = new AtomicReference<>("old");
  private final AtomicReference<String> right = new AtomicReference<>("other");
  private final ConnectionFactoryOptions options =
      ConnectionFactoryOptions.builder()
          .option(
              PasswordWatch.PUBLISHER,
              Mono.fromSupplier(password::get).doOnNext(given -> asked.incrementAndGet()))
          .build();
  private final PasswordWatch watch = new PasswordWatch(options);

  @SuppressWarnings("unchecked")
  private final Mono<String> login =
      Mono.from((Publisher<String>) watch.seen(options).getRequiredValue(PasswordWatch.PUBLISHER))
          .doOnNext(given -> logins.incrementAndGet())
          .filter(given -> given.equals(right.get()))
          .switchIfEmpty(Mono.error(refused));

  private boolean up;

  @AfterEach
  void reset() {
    VirtualTimeScheduler.reset();
  }

  private void probe(Mono<Long> newPassword) {
    login.onErrorComplete().subscribe();
    Probing.untilUp(login, Duration.ofMillis(250), refused, newPassword)
        .subscribe(null, failed -> {}, () -> up = true);
  }

  @Test
  void isLessAndLessOftenWhileThePasswordStays() {
    probe(watch.changed());
    time.advanceTimeBy(Duration.ofSeconds(64));
    // At first and after 1, 3, 7, 15, 31 and 63 s.
    assertThat(logins).hasValue(7);
    assertThat(asked).hasValueGreaterThan(50);
  }

  @Test
  void isAtOnceWithEachOtherPassword() {
    probe(watch.changed());
    time.advanceTimeBy(Duration.ofSeconds(40));
    int before = logins.get();
    password.set("wrong too");
    time.advanceTimeBy(Duration.ofSeconds(10));
    assertThat(logins).hasValue(before + 1);
    assertThat(up).isFalse();
    password.set("other");
    time.advanceTimeBy(Duration.ofSeconds(2));
    assertThat(logins).hasValue(before + 2);
    assertThat(up).isTrue();
  }

  @Test
  void waitsWhereThePasswordCannotChange() {
    probe(new PasswordWatch(ConnectionFactoryOptions.builder().build()).changed());
    time.advanceTimeBy(Duration.ofSeconds(40));
    int before = logins.get();
    password.set("other");
    time.advanceTimeBy(Duration.ofSeconds(10));
    assertThat(logins).hasValue(before);
  }
}
