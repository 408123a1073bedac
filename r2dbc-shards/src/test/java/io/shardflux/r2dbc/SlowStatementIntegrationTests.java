package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import reactor.core.scheduler.Schedulers;

class SlowStatementIntegrationTests {

  // Longer than a busy machine takes over a quick statement.
  private static final Duration SLOW = Duration.ofSeconds(1);

  private final Logger logger = (Logger) LoggerFactory.getLogger("io.shardflux.slow");
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final ShardRouter router =
      TestShards.router(TestShards.fresh(TestServers.shared())).slowStatement(SLOW).build();

  @BeforeEach
  void listen() {
    // A statement waits for its connection, and opening that is no part of these tests.
    router.on(IDS.get(1)).sql("DO 0").rowsUpdated().block(BOUND);
    log.start();
    logger.addAppender(log);
  }

  @AfterEach
  void close() {
    logger.detachAppender(log);
    router.close().block(BOUND);
  }

  @Test
  void isToldWithItsMarkersAndWithoutItsValues() {
    router
        .on(IDS.get(1))
        .sql("SELECT  SLEEP(:time),\n 'x'")
        .bind("time", 1.5)
        .map((row, metadata) -> 1)
        .one()
        .block(BOUND);
    assertThat(log.list).hasSize(1);
    ILoggingEvent event = log.list.get(0);
    assertThat(event.getLevel()).isEqualTo(Level.WARN);
    assertThat(event.getFormattedMessage()).isEqualTo("slow statement");
    Map<String, Object> said = new LinkedHashMap<>();
    event.getKeyValuePairs().forEach(pair -> said.put(pair.key, pair.value));
    assertThat(said)
        .containsOnlyKeys("shard", "server", "elapsed_ms", "rows", "outcome", "statement")
        .containsEntry("shard", IDS.get(1))
        .containsEntry("rows", 1L)
        .containsEntry("outcome", "success")
        .containsEntry("statement", "SELECT SLEEP(:time), 'x'");
    assertThat((Long) said.get("elapsed_ms")).isGreaterThanOrEqualTo(SLOW.toMillis());
    assertThat(event.getMDCPropertyMap()).isEmpty();
  }

  @Test
  void aQuickOneAndASlowConsumerAreNot() {
    router
        .on(IDS.get(1))
        .sql("SELECT 1 UNION SELECT 2")
        .map((row, metadata) -> 1)
        .all()
        .delayElements(SLOW, Schedulers.parallel())
        .limitRate(1)
        .collectList()
        .block(BOUND);
    assertThat(log.list).isEqualTo(List.of());
  }
}
