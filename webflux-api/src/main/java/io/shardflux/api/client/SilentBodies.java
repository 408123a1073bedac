package io.shardflux.api.client;

import io.shardflux.api.failure.Refusal;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
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
import reactor.netty.channel.AbortedException;
import reactor.util.context.Context;

/**
 * Ends the body of a request that falls silent, by a refusal with 408. Time in which nothing is
 * requested of the client, because the shards are slower than it, does not count. A client that
 * hangs up within a body is refused too: nobody reads that refusal, and it is not logged.
 */
@Component
final class SilentBodies implements WebFilter {

  /** Reactor's key for the consumer of errors that no subscriber waits for any more. */
  private static final String DROPPED = "reactor.onErrorDropped.local";

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
          return body.onErrorMap(SilentBodies::lost, error -> hungUp())
              .doOnRequest(silence::asked)
              .doOnNext(buffer -> silence.came())
              .takeUntilOther(
                  Flux.interval(bound, bound.dividedBy(4))
                      .filter(tick -> silence.longer(bound))
                      .doOnNext(tick -> silence.cut()))
              // An error of the other side would leave the body subscribed to.
              .concatWith(Mono.defer(() -> silence.isCut() ? Mono.error(refusal()) : Mono.empty()))
              .contextWrite(SilentBodies::toldOnce);
        });
  }

  /** Reactor Netty reports a lost connection to a body twice. */
  private static Context toldOnce(Context context) {
    Consumer<Throwable> again = error -> {};
    return context.put(DROPPED, again);
  }

  private static boolean lost(Throwable error) {
    return error instanceof IOException || error instanceof AbortedException;
  }

  /** The client is gone, which is not an error of the server's own. */
  private static Refusal hungUp() {
    return Refusal.of(
        "incomplete",
        HttpStatus.BAD_REQUEST,
        "the connection was lost within the body (expected: all of it)");
  }

  private Refusal refusal() {
    return Refusal.of(
        "too_slow",
        HttpStatus.REQUEST_TIMEOUT,
        "nothing of the body came for " + bound.toSeconds() + " s (expected: the rest of it)");
  }

  /** Measures how long the client has been waited for. */
  private static final class Silence {

    private final AtomicLong missing = new AtomicLong();
    private volatile long since = System.nanoTime();
    private volatile boolean cut;

    void asked(long count) {
      since = System.nanoTime();
      missing.accumulateAndGet(count, Operators::addCap);
    }

    void came() {
      since = System.nanoTime();
      missing.decrementAndGet();
    }

    void cut() {
      cut = true;
    }

    boolean isCut() {
      return cut;
    }

    boolean longer(Duration bound) {
      return missing.get() > 0 && System.nanoTime() - since >= bound.toNanos();
    }
  }
}
