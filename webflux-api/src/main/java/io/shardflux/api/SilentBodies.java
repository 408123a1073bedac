package io.shardflux.api;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.http.HttpStatus;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpRequestDecorator;
import org.springframework.stereotype.Component;
import org.springframework.web.server.ServerWebExchange;
import org.springframework.web.server.WebFilter;
import org.springframework.web.server.WebFilterChain;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Operators;

/**
 * Ends the body of a request that falls silent, by a refusal with 408. Time in which nothing is
 * asked of the client, since the shards are slower than it, does not count.
 */
@Component
final class SilentBodies implements WebFilter {

  private final Duration bound;

  SilentBodies(ObjectProvider<ClientBounds> bounds) {
    bound = bounds.getIfAvailable(ClientBounds::defaults).silentBody();
  }

  @Override
  public Mono<Void> filter(ServerWebExchange exchange, WebFilterChain chain) {
    ServerHttpRequest bounded =
        new ServerHttpRequestDecorator(exchange.getRequest()) {
          @Override
          public Flux<DataBuffer> getBody() {
            return bounded(super.getBody());
          }
        };
    return chain.filter(exchange.mutate().request(bounded).build());
  }

  private Flux<DataBuffer> bounded(Flux<DataBuffer> body) {
    return Flux.defer(
        () -> {
          Silence silence = new Silence();
          return body.doOnRequest(silence::asked)
              .doOnNext(buffer -> silence.came())
              .takeUntilOther(
                  Flux.interval(bound, bound.dividedBy(4))
                      .filter(tick -> silence.longer(bound))
                      .next()
                      .flatMap(tick -> Mono.error(refusal())));
        });
  }

  private Refusal refusal() {
    return Refusal.of(
        "too_slow",
        HttpStatus.REQUEST_TIMEOUT,
        "nothing of the body came for " + bound.toSeconds() + " s (expected: the rest of it)");
  }

  /** How long the client has been waited for. */
  private static final class Silence {

    private final AtomicLong missing = new AtomicLong();
    private volatile long since = System.nanoTime();

    void asked(long count) {
      since = System.nanoTime();
      missing.accumulateAndGet(count, Operators::addCap);
    }

    void came() {
      since = System.nanoTime();
      missing.decrementAndGet();
    }

    boolean longer(Duration bound) {
      return missing.get() > 0 && System.nanoTime() - since >= bound.toNanos();
    }
  }
}
