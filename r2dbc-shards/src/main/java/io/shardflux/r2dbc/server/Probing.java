package io.shardflux.r2dbc.server;

import io.shardflux.r2dbc.failure.ShardErrors;
import java.time.Duration;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * Asks a server again and again until it lets a probe through. Several probes at a time, so that
 * one that is stuck in a dead network holds up no other; but a login that was refused is tried by
 * one alone and less often each time, as servers lock accounts and hosts that fail too often; at
 * once where its password has changed.
 */
final class Probing {

  private static final int PROBES = 4;
  private static final Duration APART = Duration.ofSeconds(1);
  private static final Duration REFUSED_FIRST = Duration.ofSeconds(1);
  private static final Duration REFUSED_LONGEST = Duration.ofSeconds(60);

  private final Mono<?> probe;
  private final Duration wait;
  private final Mono<Long> newPassword;
  private volatile Throwable last;
  private volatile Duration refusedWait = REFUSED_FIRST;

  private Probing(Mono<?> probe, Duration wait, Throwable cause, Mono<Long> newPassword) {
    this.probe = probe;
    this.newPassword = newPassword;
    this.wait = wait;
    this.last = cause;
  }

  /**
   * Completes with the first probe that gets through.
   *
   * @param wait the time before a probe
   * @param cause why the server is probed
   * @param newPassword ends the wait behind a refused login
   */
  static Mono<Void> untilUp(Mono<?> probe, Duration wait, Throwable cause, Mono<Long> newPassword) {
    return Mono.defer(() -> new Probing(probe, wait, cause, newPassword).up());
  }

  private Mono<Void> up() {
    return Flux.range(0, PROBES)
        .flatMap(i -> probes(i == 0).delaySubscription(APART.multipliedBy(i)))
        .next()
        .then();
  }

  private Mono<?> probes(boolean first) {
    return Mono.defer(() -> waited(first).flatMap(tick -> first || !refused() ? asked() : left()))
        .retryWhen(Retry.indefinitely());
  }

  private Mono<Long> waited(boolean first) {
    Mono<Long> pause = Mono.delay(pause());
    return first && refused() ? Mono.firstWithSignal(pause, newPassword) : pause;
  }

  private Mono<?> asked() {
    return probe.doOnError(this::note);
  }

  private Mono<?> left() {
    return Mono.error(last);
  }

  private Duration pause() {
    return refused() && refusedWait.compareTo(wait) > 0 ? refusedWait : wait;
  }

  private boolean refused() {
    return ShardErrors.refusedLogin(last);
  }

  private void note(Throwable error) {
    Duration doubled = refusedWait.multipliedBy(2);
    refusedWait =
        !refused() || !ShardErrors.refusedLogin(error)
            ? REFUSED_FIRST
            : doubled.compareTo(REFUSED_LONGEST) < 0 ? doubled : REFUSED_LONGEST;
    last = error;
  }
}
