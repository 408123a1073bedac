package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.shardflux.r2dbc.settings.ScatterReads;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

@Tag("same-on-any-server")
class ScatterLogIntegrationTests {

  private static final String SCATTERED = "SELECT COUNT(*) FROM users WHERE name <> ?";

  private final Logger logger = (Logger) LoggerFactory.getLogger("io.shardflux.scatter");
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();
  private final DriverShards shards =
      new DriverShards(builder -> builder.scatterReads(ScatterReads.LOGGED));

  @BeforeEach
  void listen() {
    shards.load(3);
    log.start();
    logger.addAppender(log);
  }

  @AfterEach
  void close() {
    logger.detachAppender(log);
    shards.close();
  }

  @Test
  void aReadOfSeveralShardsIsToldWithoutItsValues() {
    assertThat(read(SCATTERED, "secret")).isEqualTo(3);
    assertThat(log.list)
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.getLevel()).isEqualTo(Level.WARN);
              assertThat(event.getFormattedMessage()).isEqualTo("several shards: " + SCATTERED);
              assertThat(event.getKeyValuePairs())
                  .singleElement()
                  .satisfies(
                      pair -> {
                        assertThat(pair.key).isEqualTo("shards");
                        assertThat(pair.value).isEqualTo(IDS);
                      });
            });
  }

  @Test
  void aReadOfOneShardAndAWriteAreNot() {
    assertThat(read("SELECT COUNT(*) FROM users WHERE id = ?", 2)).isEqualTo(1);
    assertThat(shards.updated("UPDATE users SET age = 5 WHERE id IN (1, 2)").block(BOUND))
        .isEqualTo(2);
    assertThat(log.list).isEmpty();
  }

  @Test
  void whatIsOnlyExplainedIsNot() {
    assertThat(shards.factory.explain(SCATTERED, "x").blockOptional(BOUND).orElseThrow().parts())
        .hasSize(3);
    assertThat(
            shards
                .rows(row -> row.get("shard"), "EXPLAIN SHARDS " + SCATTERED, "x")
                .collectList()
                .block(BOUND))
        .hasSize(3);
    assertThat(log.list).isEmpty();
  }

  private long read(String sql, Object value) {
    return shards
        .rows(row -> row.get(0, Long.class), sql, value)
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }
}
