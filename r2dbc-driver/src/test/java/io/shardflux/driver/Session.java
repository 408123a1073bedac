package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.Result;
import io.shardflux.servers.Database;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** A session of somebody else's on one shard, who looks and interferes. */
final class Session implements AutoCloseable {

  private static final Duration POLL = Duration.ofMillis(20);
  private static final Duration LIST_OF_TRANSACTIONS = Duration.ofMillis(250);

  private final Database database;
  private final Connection connection;

  Session(Database database) {
    this.database = database;
    this.connection =
        Mono.defer(() -> Mono.from(ConnectionFactories.get(database.r2dbcUrl()).create()))
            .subscribeOn(Schedulers.boundedElastic())
            .blockOptional(BOUND)
            .orElseThrow();
  }

  void run(String sql) {
    Flux.from(connection.createStatement(sql).execute())
        .concatMap(Result::getRowsUpdated)
        .blockLast(BOUND);
  }

  long number(String sql) {
    return numbers(sql).single().blockOptional(BOUND).orElseThrow();
  }

  private Flux<Long> numbers(String sql) {
    return Flux.from(connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  /** The number of the others' statements like this that are under way in this database. */
  long statements(String like) {
    return number("SELECT COUNT(*)" + others(like));
  }

  void awaitStatements(String like, LongPredicate wanted) {
    AtomicLong last = new AtomicLong();
    Mono.fromSupplier(() -> statements(like))
        .subscribeOn(Schedulers.boundedElastic())
        .doOnNext(last::set)
        .filter(wanted::test)
        .repeatWhenEmpty(tries -> tries.delayElements(POLL))
        .timeout(BOUND, Mono.error(() -> new AssertionError(last + " statements like " + like)))
        .block();
  }

  /** The connection of such a statement, of which there is one. */
  long connectionOf(String like) {
    return number("SELECT id" + others(like));
  }

  /**
   * The connection of a transaction that has changed something and waits for its next statement.
   * InnoDB makes its list of them anew only if nobody has read it for 100 ms.
   */
  long inTransaction() {
    String sql =
        "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx JOIN"
            + " information_schema.processlist ON id = trx_mysql_thread_id WHERE trx_rows_modified > 0"
            + " AND command = 'Sleep' AND db = '"
            + database.name()
            + "'";
    return Flux.defer(() -> numbers(sql))
        .singleOrEmpty()
        .repeatWhenEmpty(tries -> tries.delayElements(LIST_OF_TRANSACTIONS))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private String others(String like) {
    return " FROM information_schema.processlist WHERE db = '"
        + database.name()
        + "' AND id <> CONNECTION_ID() AND command <> 'Sleep' AND info LIKE '"
        + like
        + "'";
  }

  @Override
  public void close() {
    Mono.from(connection.close()).block(BOUND);
  }
}
