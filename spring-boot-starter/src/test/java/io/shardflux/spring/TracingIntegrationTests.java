package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.test.simple.SimpleSpan;
import io.micrometer.tracing.test.simple.SimpleTracer;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The spans of an HTTP request that asks shards, on real servers. */
@Tag("same-on-any-server")
class TracingIntegrationTests {

  private final TestServers servers = TestServers.shared();
  private final WebApplication application =
      WebApplication.of(
          Traced.class,
          servers.freshDatabases("traced").stream().map(Database::r2dbcUrl).toList(),
          // So that a retry meets the session that failed.
          "shardflux.pool.max-size=1");
  private final SimpleTracer tracer = application.context().getBean(SimpleTracer.class);

  @SpringBootConfiguration
  @EnableAutoConfiguration
  @Import(All.class)
  static class Traced {

    @Bean
    SimpleTracer tracer() {
      return new SimpleTracer();
    }

    @Bean
    DefaultTracingObservationHandler tracing(SimpleTracer tracer) {
      return new DefaultTracingObservationHandler(tracer);
    }
  }

  @RestController
  static final class All {

    private final ShardRouter router;

    All(ShardRouter router) {
      this.router = router;
    }

    @GetMapping("/all")
    Mono<List<String>> all(@RequestParam String sql) {
      return router
          .onAll()
          .sql(sql)
          .map((row, metadata) -> String.valueOf(row.get(0)))
          .rows()
          .collectList();
    }
  }

  @AfterEach
  void close() {
    application.close();
  }

  @Test
  void aRequestHasASpanForEachShardItAsks() {
    SimpleSpan request = ask("SELECT 'whole'");
    assertThat(request.getParentId()).isEmpty();
    assertThat(shardSpans())
        .extracting(
            SimpleSpan::getName,
            span -> span.getTags().get("shard"),
            span -> span.getTags().get("outcome"),
            span -> span.getTags().get("statement"))
        .containsExactlyInAnyOrder(
            tuple("read shard_0", "shard_0", "success", "SELECT 'whole'"),
            tuple("read shard_1", "shard_1", "success", "SELECT 'whole'"),
            tuple("read shard_2", "shard_2", "success", "SELECT 'whole'"));
    assertThat(shardSpans())
        .allSatisfy(
            span -> {
              assertThat(span.getParentId()).isEqualTo(request.getSpanId());
              assertThat(span.getTraceId()).isEqualTo(request.getTraceId());
              assertThat(span.getTags())
                  .containsEntry("operation", "read")
                  .containsEntry("role", "primary")
                  .containsEntry("rows", "1");
            });
  }

  @Test
  void aRetriedReadHasASpanForEachGo() {
    ShardRouter router = application.router();
    // It fails once, on one of the shards: what it writes stays, as that table knows no
    // transactions.
    Flux.just("shard_0", "shard_1", "shard_2")
        .concatMap(
            shard ->
                Flux.just(
                        "CREATE TABLE tried (id INT) ENGINE = MEMORY",
                        "CREATE FUNCTION flaky() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN"
                            + " IF NOT EXISTS (SELECT 1 FROM tried) AND "
                            + shard.equals("shard_1")
                            + " THEN INSERT INTO tried VALUES (1); SIGNAL SQLSTATE '40001';"
                            + " END IF; RETURN 7; END")
                    .concatMap(sql -> router.on(ShardId.of(shard)).sql(sql).rowsUpdated()))
        .blockLast(WebApplication.BOUND);
    // The budget allows for one retry in ten reads.
    Flux.range(0, 10)
        .concatMap(
            i -> router.on(ShardId.of("shard_1")).sql("SELECT 1").map((row, metadata) -> 1).one())
        .blockLast(WebApplication.BOUND);
    tracer.getSpans().clear();

    SimpleSpan request = ask("SELECT flaky()");
    assertThat(shardSpans())
        .extracting(span -> span.getTags().get("shard"), span -> span.getTags().get("outcome"))
        .containsExactlyInAnyOrder(
            tuple("shard_0", "success"),
            tuple("shard_1", "rollback"),
            tuple("shard_1", "success"),
            tuple("shard_2", "success"));
    assertThat(shardSpans())
        .allSatisfy(span -> assertThat(span.getParentId()).isEqualTo(request.getSpanId()));
    assertThat(shardSpans().stream().filter(span -> span.getError() != null)).hasSize(1);
  }

  @Test
  void aRequestThatIsGivenUpEndsTheSpansAsCancelled() {
    Disposable request =
        WebClient.create(
                "http://localhost:"
                    + application.context().getEnvironment().getProperty("local.server.port"))
            .get()
            .uri("/all?sql={sql}", "SELECT SLEEP(30)")
            .retrieve()
            .bodyToMono(String.class)
            .subscribe();
    Awaitility.await().atMost(WebApplication.BOUND).until(() -> acquired() == 3);
    request.dispose();
    Awaitility.await()
        .atMost(WebApplication.BOUND)
        .untilAsserted(
            () ->
                assertThat(shardSpans())
                    .hasSize(3)
                    .allSatisfy(
                        span -> {
                          assertThat(span.getTags()).containsEntry("outcome", "cancelled");
                          assertThat(span.getError()).isNull();
                          assertThat(span.getEndTimestamp().toEpochMilli()).isPositive();
                        }));
  }

  /** Gives the request's span, once it has ended. */
  private SimpleSpan ask(String sql) {
    application
        .client()
        .get()
        .uri("/all?sql={sql}", sql)
        .exchange()
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.length()")
        .isEqualTo(3);
    return Awaitility.await()
        .atMost(WebApplication.BOUND)
        .until(this::endedRequest, Optional::isPresent)
        .orElseThrow();
  }

  /** A span has no name before it ends. */
  private Optional<SimpleSpan> endedRequest() {
    return tracer.getSpans().stream()
        .filter(span -> span.getEndTimestamp().toEpochMilli() > 0)
        .filter(span -> span.getName() != null && span.getName().startsWith("http"))
        .findFirst();
  }

  private int acquired() {
    return application
        .router()
        .operations()
        .statistics()
        .blockOptional(WebApplication.BOUND)
        .orElseThrow()
        .stream()
        .mapToInt(shard -> shard.pool().acquired())
        .sum();
  }

  /**
   * Those of requests that have ended: they get their tags then. The check at the start has none.
   */
  private List<SimpleSpan> shardSpans() {
    return tracer.getSpans().stream()
        .filter(span -> span.getTags().containsKey("shard"))
        .filter(span -> !span.getParentId().isEmpty())
        .toList();
  }
}
