package io.shardflux.servers;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/** Single statements on connections of their own; blocks, always for a bounded time. */
final class Sql {

  private static final Duration ATTEMPT_BOUND = Duration.ofSeconds(2);
  private static final Duration ATTEMPT_GAP = Duration.ofMillis(50);

  private Sql() {}

  static void run(DatabaseServer server, String statement, Duration bound) {
    answer(server, bound, connection -> execute(connection, statement).then(Mono.just("")));
  }

  /** The first column of the only row, as text. */
  static String value(DatabaseServer server, String query, Duration bound) {
    return answer(server, bound, connection -> firstColumn(connection, query));
  }

  /** Asks again and again until the server answers, it is no longer alive, or the time is over. */
  static String awaitValue(
      DatabaseServer server, String query, Duration bound, BooleanSupplier alive) {
    Mono<String> attempt =
        connected(server, connection -> firstColumn(connection, query)).timeout(ATTEMPT_BOUND);
    Retry whileAlive =
        Retry.fixedDelay(Long.MAX_VALUE, ATTEMPT_GAP).filter(error -> alive.getAsBoolean());
    return blocked(server, bound, attempt.retryWhen(whileAlive));
  }

  private interface Work {
    Mono<String> on(Connection connection);
  }

  private static String answer(DatabaseServer server, Duration bound, Work work) {
    return blocked(server, bound, connected(server, work));
  }

  private static Mono<String> connected(DatabaseServer server, Work work) {
    ConnectionFactory factory = ConnectionFactories.get(server.r2dbcUrl());
    return Mono.usingWhen(
        Mono.defer(() -> Mono.from(factory.create())), work::on, Connection::close);
  }

  private static Mono<String> firstColumn(Connection connection, String query) {
    return Flux.from(connection.createStatement(query).execute())
        .flatMap(result -> result.map(row -> String.valueOf(row.get(0))))
        .single();
  }

  private static Mono<Void> execute(Connection connection, String statement) {
    return Flux.from(connection.createStatement(statement).execute())
        .flatMap(result -> result.getRowsUpdated())
        .then();
  }

  private static String blocked(DatabaseServer server, Duration bound, Mono<String> answer) {
    try {
      return answer.timeout(bound).blockOptional().orElseThrow();
    } catch (RuntimeException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IllegalStateException(
          server + ": no answer within " + bound.toMillis() + " ms: " + cause.getMessage(), e);
    }
  }
}
