package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Health, the endpoint and the end of an application, on real servers. */
@Tag("same-on-any-server")
class ShardsIntegrationTests {

  private static final String[] EXPOSED = {
    "management.endpoints.web.exposure.include=health,shards",
    "management.endpoint.health.show-details=always"
  };

  /** Nobody listens on that port. */
  private static final String UNREACHABLE = "r2dbc:mysql://app@127.0.0.1:1/a";

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("starter");
  private final List<String> urls = databases.stream().map(Database::r2dbcUrl).toList();

  @Test
  void isUpAndShowsEveryShard() {
    try (WebApplication application = WebApplication.on(urls, EXPOSED)) {
      get(application, "/actuator/health")
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.status")
          .isEqualTo("UP")
          .jsonPath("$.components.shards.details.shard_2")
          .isEqualTo("ACTIVE");
      get(application, "/actuator/shards")
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.shards.length()")
          .isEqualTo(3)
          .jsonPath("$.shards.shard_1.port")
          .isEqualTo(databases.get(1).server().port())
          .jsonPath("$.shards.shard_1.pool.maxSize")
          .isEqualTo(10)
          // Warmed up, and not opened by a statement.
          .jsonPath("$.shards.shard_1.pool.idle")
          .isEqualTo(1);
      get(application, "/actuator/shards/shard_2")
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.status")
          .isEqualTo("ACTIVE")
          .jsonPath("$.port")
          .isEqualTo(databases.get(2).server().port());
      get(application, "/actuator/shards/shard_3").expectStatus().isNotFound();
    }
  }

  @Test
  void isDegradedWhileSomeShardsAnswerAndDownWhenNoneDoes() {
    try (WebApplication application =
        WebApplication.on(List.of(urls.get(0), UNREACHABLE), EXPOSED)) {
      get(application, "/actuator/health")
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.status")
          .isEqualTo("DEGRADED")
          .jsonPath("$.components.shards.details.shard_0")
          .isEqualTo("ACTIVE")
          .jsonPath("$.components.shards.details.shard_1")
          .isEqualTo("DOWN");
    }
    try (WebApplication application = WebApplication.on(List.of(UNREACHABLE), EXPOSED)) {
      get(application, "/actuator/health")
          .expectStatus()
          .isEqualTo(503)
          .expectBody()
          .jsonPath("$.status")
          .isEqualTo("DOWN");
    }
  }

  @Test
  void takesAShardOutAndBackIn() {
    try (WebApplication application = WebApplication.on(urls, EXPOSED)) {
      WebApplication.Slow slow = new WebApplication.Slow(application.router());
      Mono<String> asked = slow.ask("SELECT 'asked'");
      CompletableFuture<String> underWay = slow.ask("SELECT CONCAT('after ', SLEEP(2))").toFuture();
      Awaitility.await()
          .atMost(WebApplication.BOUND)
          .until(() -> inFlight(application.router()) > 0);
      changed(application, "drain")
          .jsonPath("$.status")
          .isEqualTo("DRAINING")
          .jsonPath("$.inFlight")
          .isEqualTo(1);
      StepVerifier.create(asked)
          .expectError(ShardUnavailableException.class)
          .verify(WebApplication.BOUND);
      assertThat(underWay.orTimeout(WebApplication.BOUND.toSeconds(), TimeUnit.SECONDS).join())
          .isEqualTo("after 0");
      changed(application, "close").jsonPath("$.status").isEqualTo("DRAINING");
      changed(application, "resume").jsonPath("$.status").isEqualTo("ACTIVE");
      StepVerifier.create(asked).expectNext("asked").expectComplete().verify(WebApplication.BOUND);

      changed(application, "open")
          .jsonPath("$.status")
          .isEqualTo("DOWN")
          .jsonPath("$.breaker.state")
          .isEqualTo("FORCED_OPEN");
      StepVerifier.create(asked)
          .expectError(ShardUnavailableException.class)
          .verify(WebApplication.BOUND);
      get(application, "/actuator/health")
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.status")
          .isEqualTo("DEGRADED");
      changed(application, "close").jsonPath("$.status").isEqualTo("ACTIVE");
      StepVerifier.create(asked).expectNext("asked").expectComplete().verify(WebApplication.BOUND);
    }
  }

  @Test
  void refusesWhatItCantDoToAShard() {
    try (WebApplication application = WebApplication.on(urls, EXPOSED)) {
      change(application, "shard_3", "drain").expectStatus().isBadRequest();
      change(application, "shard_0", "destroy").expectStatus().isBadRequest();
    }
    try (WebApplication application =
        WebApplication.on(
            urls,
            "management.endpoints.web.exposure.include=shards",
            "management.endpoint.shards.access=read-only")) {
      get(application, "/actuator/shards/shard_0").expectStatus().isOk();
      change(application, "shard_0", "drain").expectStatus().isEqualTo(405);
    }
  }

  private static WebTestClient.BodyContentSpec changed(WebApplication application, String action) {
    return change(application, "shard_0", action).expectStatus().isOk().expectBody();
  }

  private static WebTestClient.ResponseSpec change(
      WebApplication application, String shard, String action) {
    return application
        .client()
        .post()
        .uri("/actuator/shards/" + shard)
        .bodyValue(Map.of("action", action))
        .exchange();
  }

  @Test
  void answersARequestThatIsUnderWayWhenItIsStopped() throws Exception {
    WebApplication application = WebApplication.on(urls);
    WebTestClient client = application.client();
    CompletableFuture<String> answer =
        CompletableFuture.supplyAsync(
            () ->
                String.valueOf(
                    client
                        .get()
                        .uri("/slow")
                        .exchange()
                        .expectStatus()
                        .isOk()
                        .expectBody(String.class)
                        .returnResult()
                        .getResponseBody()));
    Awaitility.await().atMost(WebApplication.BOUND).until(() -> inFlight(application.router()) > 0);
    application.close();
    // Its second statement begins after the stop did.
    assertThat(answer.get(WebApplication.BOUND.toSeconds(), TimeUnit.SECONDS)).isEqualTo("whole");
    awaitNoConnection();
  }

  @Test
  void waitsForStatementsThatNoRequestWaitsFor() throws Exception {
    WebApplication application = WebApplication.on(urls);
    CompletableFuture<String> answer =
        new WebApplication.Slow(application.router())
            .ask("SELECT CAST(SLEEP(2) AS CHAR)")
            .toFuture();
    Awaitility.await().atMost(WebApplication.BOUND).until(() -> inFlight(application.router()) > 0);
    application.close();
    assertThat(answer.get(WebApplication.BOUND.toSeconds(), TimeUnit.SECONDS)).isEqualTo("0");
    awaitNoConnection();
  }

  private static WebTestClient.ResponseSpec get(WebApplication application, String path) {
    return application.client().get().uri(path).exchange();
  }

  private static int inFlight(ShardRouter router) {
    return router
        .operations()
        .statistics()
        .blockOptional(WebApplication.BOUND)
        .orElseThrow()
        .stream()
        .mapToInt(ShardStatistics::inFlight)
        .sum();
  }

  /** A server counts a connection for a while after its client has closed it. */
  private void awaitNoConnection() {
    Awaitility.await().atMost(WebApplication.BOUND).until(() -> connectionsLeft() == 0);
  }

  /** Of any account, to the databases of this test. */
  private long connectionsLeft() {
    ShardRouterBuilder builder = ShardRouter.builder();
    for (int i = 0; i < databases.size(); i++) {
      builder.shard(
          Shard.of("observer_" + i, databases.get(i).server().r2dbcUrl() + "/information_schema"));
    }
    ShardRouter observer = builder.build();
    try {
      return observer
          .onAll()
          .sql("SELECT COUNT(*) FROM information_schema.processlist WHERE db LIKE 'starter%'")
          .map((row, metadata) -> row.get(0, Long.class))
          .rows()
          .reduce(0L, Long::sum)
          .blockOptional(WebApplication.BOUND)
          .orElseThrow();
    } finally {
      observer.close().block(WebApplication.BOUND);
    }
  }
}
