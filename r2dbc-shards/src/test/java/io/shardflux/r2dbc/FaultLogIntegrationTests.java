package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.shardflux.r2dbc.ShardStatistics.Status;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A fault under load is one warning for each change of the shard's status, and nothing else. */
class FaultLogIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");
  private static final String DRIVER = "io.asyncer.r2dbc.mysql";

  private final Shard shard = TestShards.fresh(TestServers.shared()).get(0);
  private final Relay relay = Relay.to(shard);
  private final Logged logged = new Logged();
  private final AtomicInteger changes = new AtomicInteger();
  private final ShardRouter router =
      TestShards.router(List.of(relay.instead(shard)))
          .pool(PoolBounds.defaults().withConnectTimeout(Duration.ofMillis(400)))
          .timeouts(Timeouts.of(Duration.ofMillis(500)))
          .build();

  /** What is logged from warnings on, as Spring Boot has it by default. */
  private static final class Logged extends AppenderBase<ILoggingEvent> {

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);

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
      if (event.getLevel().isGreaterOrEqual(Level.WARN)) {
        lines.add(
            event.getLevel() + " " + event.getLoggerName() + " " + event.getFormattedMessage());
      }
    }
  }

  private enum Fault {
    RESET,
    HALF_CLOSED,
    SILENT
  }

  @BeforeEach
  void listen() {
    logged.attach();
    router.events().subscribe(event -> changes.incrementAndGet());
  }

  @AfterEach
  void close() {
    logged.detach();
    relay.close();
  }

  @ParameterizedTest
  @EnumSource
  void isOneWarningForEachChange(Fault fault) {
    Disposable load =
        Flux.range(0, 8)
            .flatMap(
                i ->
                    router
                        .on(ID)
                        .sql("SELECT SLEEP(0.01)")
                        .map((row, metadata) -> 1)
                        .one()
                        .onErrorResume(error -> Mono.empty())
                        .then(Mono.delay(Duration.ofMillis(2)))
                        .repeat())
            .subscribe();
    Await.until("asked", router.statistics(), all -> all.get(0).latency().count() > 50);
    switch (fault) {
      case RESET -> relay.reset();
      case HALF_CLOSED -> relay.halfClose();
      case SILENT -> relay.drop();
    }
    Await.until("down", router.statistics(), all -> all.get(0).status() == Status.DOWN);
    relay.pass();
    Await.until("up", router.statistics(), all -> all.get(0).status() == Status.ACTIVE);
    load.dispose();
    router.close().block(BOUND);
    assertThat(logged.lines).hasSize(changes.get());
    assertThat(logged.lines).allMatch(line -> line.startsWith("WARN io.shardflux.r2dbc"));
  }
}
