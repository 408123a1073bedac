package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.r2dbc.spi.ConnectionFactoryOptions;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A fault under load is one warning for each change of the shard's status, and nothing else; {@code
 * -Dfaults.rounds=50} goes through all faults more often.
 */
@Tag("same-on-any-server")
class FaultLogIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");
  private static final ShardId ADMIN = ShardId.of("admin");
  private static final String DRIVER = "io.asyncer.r2dbc.mysql";

  private final Database database = TestServers.shared().freshDatabases("faults").get(0);
  private final String user =
      "u" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
  private final Shard root = Shard.of(ADMIN.value(), database.server().r2dbcUrl());
  private final ShardRouter admin = TestShards.router(List.of(root)).build();
  private final Relay relay = Relay.to(root);
  private final Logged logged = new Logged("@127.0.0.1:" + relay.port());
  private final ShardRouter router =
      TestShards.router(List.of(relay.instead(shard())))
          .pool(PoolOptions.builder().connectTimeout(Duration.ofMillis(400)).build())
          .timeouts(Timeouts.of(Duration.ofMillis(500)))
          .build();
  private final List<ShardEvent> changes = new CopyOnWriteArrayList<>();

  /** The log from warnings on, as Spring Boot has it by default. */
  private static final class Logged extends AppenderBase<ILoggingEvent> {

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    private final String address;

    Logged(String address) {
      this.address = address;
    }

    void attach() {
      setContext(root.getLoggerContext());
      start();
      root.addAppender(this);
      root.getLoggerContext().getLogger(DRIVER).setLevel(Level.INFO);
    }

    void detach() {
      root.getLoggerContext().getLogger(DRIVER).setLevel(Level.OFF);
      root.detachAppender(this);
    }

    @Override
    protected void append(ILoggingEvent event) {
      String text = event.getFormattedMessage();
      boolean ofAnotherTest = text.contains("@127.0.0.1:") && !text.contains(address);
      if (event.getLevel().isGreaterOrEqual(Level.WARN) && !ofAnotherTest) {
        lines.add(event.getLevel() + " " + event.getLoggerName() + " " + text);
      }
    }
  }

  private enum Fault {
    RESET,
    HALF_CLOSED,
    SILENT,
    REFUSED,
    PASSWORD,
    DATABASE,
    NO_ROOM
  }

  static Stream<Fault> faults() {
    return IntStream.range(0, Integer.getInteger("faults.rounds", 1))
        .boxed()
        .flatMap(round -> Stream.of(Fault.values()));
  }

  private Shard shard() {
    return Shard.of(
        ID,
        root.options()
            .mutate()
            .option(ConnectionFactoryOptions.DATABASE, database.name())
            .option(ConnectionFactoryOptions.USER, user)
            .option(ConnectionFactoryOptions.PASSWORD, "right")
            .build());
  }

  @BeforeEach
  void createUser() {
    run("CREATE USER %s IDENTIFIED BY 'right'");
    run("GRANT ALL ON `" + database.name() + "`.* TO %s");
    createTable();
    router.operations().events().subscribe(changes::add);
    logged.attach();
  }

  @AfterEach
  void close() {
    logged.detach();
    relay.close();
    run("DROP USER %s");
    admin.close().block(BOUND);
  }

  @ParameterizedTest
  @MethodSource("faults")
  void isOneWarningForEachChange(Fault fault) {
    Disposable load = load();
    Await.until(
        "asked", router.operations().statistics(), all -> all.get(0).latency().count() > 50);
    begin(fault);
    Status out = fault == Fault.NO_ROOM ? Status.DEGRADED : Status.DOWN;
    Await.until("" + out, router.operations().statistics(), all -> all.get(0).status() == out);
    end(fault);
    // The log and the event come a moment after the statistics show the change.
    Await.until(
        "well",
        Mono.fromSupplier(() -> List.copyOf(changes)),
        told -> told.size() > 1 && told.get(told.size() - 1).now() == Status.ACTIVE);
    load.dispose();
    router.close().block(BOUND);
    assertThat(logged.lines)
        .hasSameSizeAs(changes)
        .allMatch(line -> line.startsWith("WARN io.shardflux.r2dbc"));
  }

  private Disposable load() {
    return Flux.range(0, 8)
        .flatMap(
            i ->
                router
                    .on(ID)
                    .sql("SELECT SLEEP(0.01) FROM t")
                    .map((row, metadata) -> 1)
                    .one()
                    .onErrorResume(error -> Mono.empty())
                    .then(Mono.delay(Duration.ofMillis(2)))
                    .repeat())
        .subscribe();
  }

  private void begin(Fault fault) {
    switch (fault) {
      case RESET -> relay.reset();
      case HALF_CLOSED -> relay.halfClose();
      case SILENT -> relay.drop();
      case REFUSED -> {
        relay.refuse();
        relay.reset();
      }
      case PASSWORD -> {
        run("ALTER USER %s IDENTIFIED BY 'other'");
        cutAll();
      }
      case DATABASE -> run("DROP DATABASE `" + database.name() + "`");
      case NO_ROOM -> {
        run("ALTER USER %s WITH MAX_USER_CONNECTIONS 2");
        cutAll();
      }
    }
  }

  private void end(Fault fault) {
    switch (fault) {
      case RESET, HALF_CLOSED, SILENT, REFUSED -> relay.pass();
      case PASSWORD -> run("ALTER USER %s IDENTIFIED BY 'right'");
      case DATABASE -> {
        run("CREATE DATABASE `" + database.name() + "`");
        createTable();
      }
      case NO_ROOM -> run("ALTER USER %s WITH MAX_USER_CONNECTIONS 0");
    }
  }

  private void cutAll() {
    relay.reset();
    relay.pass();
  }

  private void createTable() {
    run("CREATE TABLE `" + database.name() + "`.t (id INT PRIMARY KEY)");
    run("INSERT INTO `" + database.name() + "`.t VALUES (1)");
  }

  private void run(String sql) {
    admin
        .on(ADMIN)
        .sql(sql.replace("%s", "'" + user + "'@'%'"))
        .rowsUpdated()
        .block(Duration.ofSeconds(30));
  }
}
