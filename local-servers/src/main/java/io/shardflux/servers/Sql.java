package io.shardflux.servers;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcPermissionDeniedException;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.retry.Retry;

/** Runs single statements on connections of their own; blocks, always for a bounded time. */
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

  /** A column of the only row, as text. */
  static String value(DatabaseServer server, String query, String column, Duration bound) {
    return answer(
        server,
        bound,
        connection ->
            Flux.from(connection.createStatement(query).execute())
                .flatMap(result -> result.map(row -> String.valueOf(row.get(column))))
                .single());
  }

  /** The number of rows that the query has. */
  static long count(DatabaseServer server, String query, Duration bound) {
    return Long.parseLong(
        answer(
            server,
            bound,
            connection ->
                Flux.from(connection.createStatement(query).execute())
                    .flatMap(result -> result.map(row -> 1))
                    .count()
                    .map(String::valueOf)));
  }

  /**
   * Asks again and again until the server answers or refuses the login, is no longer alive, or the
   * time is over.
   */
  static String awaitValue(
      DatabaseServer server, String query, Duration bound, BooleanSupplier alive) {
    AtomicReference<Throwable> last = new AtomicReference<>(silence());
    Retry whileAlive =
        Retry.fixedDelay(Long.MAX_VALUE, ATTEMPT_GAP)
            .filter(e -> alive.getAsBoolean() && !(e instanceof R2dbcPermissionDeniedException));
    // The driver warns of a connection that is closed while it logs in.
    Mono<String> answer =
        Mono.fromCallable(() -> Ports.greets(server.host(), server.port(), ATTEMPT_BOUND))
            .subscribeOn(Schedulers.boundedElastic())
            .filter(greeted -> greeted)
            .switchIfEmpty(Mono.error(Sql::silence))
            .flatMap(greeted -> connected(server, connection -> firstColumn(connection, query)))
            .timeout(ATTEMPT_BOUND, Mono.error(Sql::silence))
            .doOnError(last::set)
            .retryWhen(whileAlive);
    return blocked(server, bound, answer, last::get);
  }

  private interface Work {
    Mono<String> on(Connection connection);
  }

  private static String answer(DatabaseServer server, Duration bound, Work work) {
    return blocked(server, bound, connected(server, work), Sql::silence);
  }

  private static Mono<String> connected(DatabaseServer server, Work work) {
    ConnectionFactory factory = ConnectionFactories.get(options(server));
    return Mono.usingWhen(
        Mono.defer(() -> Mono.from(factory.create())), work::on, Connection::close);
  }

  /** Not a URL: an error about a URL may quote it with its password. */
  private static ConnectionFactoryOptions options(DatabaseServer server) {
    return ConnectionFactoryOptions.builder()
        .option(ConnectionFactoryOptions.DRIVER, "mysql")
        .option(ConnectionFactoryOptions.HOST, server.host())
        .option(ConnectionFactoryOptions.PORT, server.port())
        .option(ConnectionFactoryOptions.USER, server.user())
        .option(ConnectionFactoryOptions.PASSWORD, server.password())
        .build();
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

  private static Throwable silence() {
    return new TimeoutException("silence");
  }

  private static String blocked(
      DatabaseServer server, Duration bound, Mono<String> answer, Supplier<Throwable> whyLate) {
    Mono<String> late =
        Mono.error(
            () ->
                new TimeoutException(
                    "no answer within " + bound.toMillis() + " ms: " + whyLate.get().getMessage()));
    try {
      return answer.timeout(bound, late).blockOptional().orElseThrow();
    } catch (RuntimeException e) {
      throw new IllegalStateException(server + ": " + Exceptions.unwrap(e).getMessage(), e);
    }
  }
}
