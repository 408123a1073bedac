package io.shardflux.r2dbc.transaction;

import io.r2dbc.spi.Connection;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.shard.Attempt;
import io.shardflux.router.Internal;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * The statements on a connection that is held, one after the other. A statement's turn comes when
 * all before it have ended, and nothing of them is under way.
 */
@Internal
public final class Turns implements Attempt.Lender {

  private final ServerPool server;
  private final Connection connection;
  private final Runnable left;
  private final UnaryOperator<Throwable> noted;
  private final AtomicReference<Mono<Void>> last = new AtomicReference<>(Mono.empty());

  /**
   * The turns on a connection.
   *
   * @param left is told of each statement's end
   * @param noted takes each statement's error, and gives the one to tell
   */
  public Turns(
      ServerPool server, Connection connection, Runnable left, UnaryOperator<Throwable> noted) {
    this.server = server;
    this.connection = connection;
    this.left = left;
    this.noted = noted;
  }

  @Override
  public <T> Flux<T> withConnection(Function<Connection, ? extends Publisher<T>> work) {
    return Flux.usingWhen(
            Mono.fromSupplier(this::queue),
            turn ->
                turn.before.thenMany(
                    Flux.defer(() -> server.onLoop(connection, work.apply(connection)))),
            turn -> Mono.fromRunnable(turn::end),
            (turn, error) ->
                ShardErrors.answered(error) ? Mono.fromRunnable(turn::end) : turn.givenUp(),
            Turn::givenUp)
        .onErrorMap(noted);
  }

  private Turn queue() {
    Sinks.Empty<Void> mine = Sinks.empty();
    return new Turn(last.getAndSet(mine.asMono()), mine);
  }

  /** A statement's place among the others. */
  private final class Turn {

    private final Mono<Void> before;
    private final Sinks.Empty<Void> mine;

    Turn(Mono<Void> before, Sinks.Empty<Void> mine) {
      this.before = before;
      this.mine = mine;
    }

    Mono<Void> givenUp() {
      return before.then(Mono.defer(() -> server.settle(connection))).doFinally(settled -> end());
    }

    void end() {
      left.run();
      var unused = mine.tryEmitEmpty();
    }
  }
}
