package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static io.shardflux.r2dbc.TestShards.IDS;
import static java.util.stream.Collectors.toCollection;
import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.common.docs.KeyName;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.shardflux.r2dbc.observe.ErrorCounts;
import io.shardflux.r2dbc.observe.ShardObservation;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** {@code monitoring.md} says what is there. */
@Tag("same-on-any-server")
class MonitoringPageIntegrationTests {

  private final String page = page();

  private static String page() {
    try {
      return Files.readString(Path.of("..", "src", "docs", "monitoring.md"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void namesEveryMeterWithItsTags() {
    ShardRouter router =
        ShardRouter.builder()
            .shard(
                Shard.of("shard_0", "r2dbc:mysql://app@127.0.0.1:1/a")
                    .withReplica("r2dbc:mysql://127.0.0.1:2/a"))
            .build();
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    new ShardMeters(router).bindTo(registry);
    Map<String, Set<String>> registered = new TreeMap<>();
    registry
        .getMeters()
        .forEach(
            meter ->
                registered
                    .computeIfAbsent(meter.getId().getName(), name -> new TreeSet<>())
                    .addAll(meter.getId().getTags().stream().map(tag -> tag.getKey()).toList()));
    assertThat(registered.keySet()).allMatch(name -> name.startsWith("shardflux."));
    Map<String, Set<String>> documented =
        matches("(?m)^\\| `(shardflux[a-z.]+)` \\|[^|]*\\|([^|]*)\\|")
            .collect(toMap(row -> row.group(1), row -> quoted(row.group(2))));
    assertThat(documented).isEqualTo(registered);
    router.close().block(BOUND);
  }

  @Test
  void namesEveryKindOfErrorAndStatus() {
    for (ErrorCounts.Kind kind : ErrorCounts.Kind.values()) {
      assertThat(page).contains("`" + kind.label() + "`");
    }
    for (ShardStatistics.Status status : ShardStatistics.Status.values()) {
      assertThat(page).contains("| `" + status + "` |");
    }
  }

  @Test
  void namesTheObservationAndItsKeys() {
    assertThat(page).contains("`" + ShardObservation.STATEMENT.getName() + "`");
    assertThat(keys("low")).isEqualTo(names(ShardObservation.Tag.values()));
    assertThat(keys("high")).isEqualTo(names(ShardObservation.Detail.values()));
  }

  @Test
  void showsASlowStatementAsItIsPrinted() {
    ListAppender<ILoggingEvent> events = new ListAppender<>();
    Logger log = (Logger) LoggerFactory.getLogger("io.shardflux.slow");
    events.start();
    log.addAppender(events);
    ShardRouter router =
        TestShards.router(TestShards.fresh(TestServers.shared()))
            .slowStatement(Duration.ofSeconds(1))
            .build();
    try {
      TestShards.load(router);
      router
          .on(IDS.get(0))
          .sql("SELECT name FROM users WHERE id = :id\n  AND SLEEP(1.2) = 0")
          // A user of that shard's.
          .bind("id", firstUser(router))
          .map((row, metadata) -> 1)
          .one()
          .block(BOUND);
    } finally {
      log.detachAppender(events);
      router.close().block(BOUND);
    }
    // On a busy machine the others may be slow too.
    List<String> printed =
        events.list.stream()
            .map(event -> printed(log, event))
            .filter(line -> line.contains("SLEEP"))
            .toList();
    assertThat(printed).hasSize(1);
    String example =
        matches("(?m)^WARN  io\\.shardflux\\.slow .*$").findFirst().orElseThrow().group();
    assertThat(normal(printed.get(0))).isEqualTo(normal(example));
  }

  private String printed(Logger log, ILoggingEvent event) {
    PatternLayout layout = new PatternLayout();
    layout.setContext(log.getLoggerContext());
    layout.setPattern(matches("`(%-5level [^`]*)`").findFirst().orElseThrow().group(1));
    layout.start();
    return layout.doLayout(event).strip();
  }

  private static long firstUser(ShardRouter router) {
    return router
        .on(IDS.get(0))
        .sql("SELECT MIN(id) FROM users")
        .map((row, metadata) -> row.get(0, Long.class))
        .one()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static String normal(String line) {
    return line.replaceAll("elapsed_ms=\"\\d+\"", "elapsed_ms").replaceAll("@[^\"]+\"", "@\"");
  }

  private Set<String> keys(String cardinality) {
    return matches("(?m)^\\| `([a-z]+)` \\| " + cardinality + " \\|")
        .map(row -> row.group(1))
        .collect(toCollection(TreeSet::new));
  }

  private static Set<String> names(KeyName[] keys) {
    return Arrays.stream(keys).map(KeyName::asString).collect(toCollection(TreeSet::new));
  }

  private static Set<String> quoted(String cell) {
    return Pattern.compile("`([a-z]+)`")
        .matcher(cell)
        .results()
        .map(tag -> tag.group(1))
        .collect(toCollection(TreeSet::new));
  }

  private Stream<MatchResult> matches(String pattern) {
    return Pattern.compile(pattern).matcher(page).results();
  }
}
