package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.publisher.Flux;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Moves by the endpoint of an application, on real servers. */
@Tag("same-on-any-server")
class MovesIntegrationTests {

  private static final int USERS = 60;

  /** Takes all keys off the shard that has them. */
  private static final String NEXT = "{type: fixed, shard: shard_2}";

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("moves_boot");
  private final List<String> urls = databases.stream().map(Database::r2dbcUrl).toList();

  @AfterEach
  void restore() {
    if (servers.controllable()) {
      servers.restore();
    }
  }

  @Test
  void movesByTheEndpoint() {
    try (WebApplication application = application(urls)) {
      on(application.router(), "shard_0", "CREATE TABLE users (id BIGINT, name VARCHAR(20))");
      refuses(application);
      on(application.router(), "shard_0", "DROP TABLE users");
      load(application.router());
      JsonNode planned = start(application, NEXT, true);
      assertThat(planned.get("job").isNull()).isTrue();
      assertThat(planned.get("tables").get(0).get("name").asString()).isEqualTo("users");
      assertThat(planned.get("pairs")).hasSize(1);
      assertThat(planned.get("pairs").get(0).get("from").asString()).isEqualTo("shard_0");
      assertThat(planned.get("refusals")).isEmpty();
      assertThat(get(application, "/actuator/moves").get("moves")).isEmpty();

      String intent = "{change: by_id, next: " + NEXT + "}";
      JsonNode same =
          json(
              post(application, "", Map.of("intent", intent, "planOnly", true))
                  .expectStatus()
                  .isOk());
      assertThat(same.get("pairs")).isEqualTo(planned.get("pairs"));
      post(application, "", Map.of("intent", intent, "next", NEXT)).expectStatus().isBadRequest();
      tellsWhatBecomesOfStatements(application);

      JsonNode slow =
          json(
              post(
                      application,
                      "",
                      Map.of(
                          "strategy",
                          "by_id",
                          "next",
                          NEXT,
                          "options",
                          "{rows-per-second: 50}",
                          "accept",
                          "AUTO_INCREMENT, UNIQUE_KEY",
                          "planOnly",
                          true))
                  .expectStatus()
                  .isOk());
      assertThat(slow.get("options").get("rowsPerSecond").asInt()).isEqualTo(50);
      JsonNode started = start(application, NEXT, false);
      long job = started.get("job").asLong();
      assertThat(started.get("pairs")).isEqualTo(planned.get("pairs"));
      JsonNode second = start(application, NEXT, false);
      assertThat(second.get("job").isNull()).isTrue();
      assertThat(second.get("refusals").get(0).get("code").asString()).isEqualTo("UNDER_WAY");

      JsonNode ended = ended(application, job);
      assertThat(ended.get("error").isNull()).isTrue();
      assertThat(ended.get("owner").asString()).isNotEmpty();
      assertThat(ended.get("rows").asLong()).isPositive();
      assertThat(ended.get("report").get("done").asDouble()).isEqualTo(1);
      assertThat(ended.get("stuck").asBoolean()).isFalse();
      assertThat(get(application, "/actuator/moves").get("moves")).containsExactly(ended);
      assertThat(rows(application.router())).containsExactly(0L, (long) USERS);

      Awaitility.await()
          .atMost(WebApplication.BOUND)
          .until(() -> meter(application, "shardflux.move.done") == 1);
      assertThat(meter(application, "shardflux.move.rows")).isEqualTo(ended.get("rows").asDouble());
      assertThat(meter(application, "shardflux.move.stuck")).isZero();

      JsonNode cluster = get(application, "/actuator/cluster");
      assertThat(cluster.get("epoch").asLong()).isGreaterThan(1);
      assertThat(cluster.get("inForce")).isEqualTo(cluster.get("epoch"));
      assertThat(cluster.get("routers")).hasSize(1);
      assertThat(cluster.get("routers").get(0).get("live").asBoolean()).isTrue();
      assertThat(cluster.get("routers").get(0).get("host").asString()).contains("process ");
      assertThat(cluster.get("orders")).isEmpty();
      application
          .client()
          .post()
          .uri("/actuator/cluster")
          .bodyValue(Map.of("republish", "for nothing"))
          .exchange()
          .expectStatus()
          .isBadRequest();
      application
          .client()
          .delete()
          .uri("/actuator/moves?strategy=by_id")
          .exchange()
          .expectStatus()
          .isNoContent();
    }
  }

  private static void tellsWhatBecomesOfStatements(WebApplication application) {
    ConnectionFactory driver = application.context().getBean(ConnectionFactory.class);
    Flux.usingWhen(
            driver.create(),
            connection ->
                Flux.from(connection.createStatement("SELECT COUNT(*) FROM users").execute())
                    .concatMap(result -> result.map((row, metadata) -> true)),
            Connection::close)
        .blockLast(WebApplication.BOUND);
    assertThat(start(application, NEXT, true).get("statements")).isEmpty();
    JsonNode split =
        start(application, "{type: hash, shards: [shard_0, shard_2]}", true).get("statements");
    assertThat(split).hasSize(1);
    assertThat(split.get(0).asString())
        .isEqualTo("scattered, now keyed: SELECT COUNT(*) FROM users");
  }

  private static double meter(WebApplication application, String name) {
    JsonNode meter = get(application, "/actuator/metrics/" + name);
    return meter.get("measurements").get(0).get("value").asDouble();
  }

  private static void refuses(WebApplication application) {
    JsonNode refused = start(application, NEXT, false);
    assertThat(refused.get("job").isNull()).isTrue();
    assertThat(refused.get("refusals").get(0).get("code").asString()).isEqualTo("NO_PRIMARY_KEY");
    for (String next : List.of("{type: hsh}", "{type: fixed, shard: shard_9}", "{", "hash")) {
      post(application, "", Map.of("strategy", "by_id", "next", next))
          .expectStatus()
          .isBadRequest();
    }
    for (Map<String, String> body :
        List.of(Map.of("strategy", "by_id"), Map.of("strategy", "by_it", "next", NEXT))) {
      post(application, "", body).expectStatus().isBadRequest();
    }
    for (Map<String, String> wrong :
        List.of(
            Map.of("accept", "NO_PRIMARY_KEY"),
            Map.of("accept", "AUTO_INCREMENT,ALL"),
            Map.of("options", "{max-lag: 1ms}"),
            Map.of("options", "{"))) {
      Map<String, String> body = new HashMap<>(wrong);
      body.put("strategy", "by_id");
      body.put("next", NEXT);
      post(application, "", body).expectStatus().isBadRequest();
    }
    post(application, "/7", Map.of("want", "pause")).expectStatus().isBadRequest();
    post(application, "/7", Map.of("want", "stop")).expectStatus().isBadRequest();
    application.client().get().uri("/actuator/moves/7").exchange().expectStatus().isNotFound();
    assertThat(get(application, "/actuator/moves").get("moves")).isEmpty();
  }

  @Test
  void showsAMoveThatIsStuckUntilItIsCancelled() {
    try (WebApplication application = application(urls)) {
      load(application.router());
      // The plan has not seen it, and so it is met by the copying.
      String other = "CREATE TABLE users (id BIGINT PRIMARY KEY, surname VARCHAR(20) NOT NULL)";
      JsonNode plan = start(application, NEXT, true);
      assertThat(plan.get("refusals")).isEmpty();
      post(application, "", Map.of("strategy", "by_id", "next", NEXT)).expectStatus().isOk();
      on(application.router(), "shard_2", other);
      Awaitility.await()
          .atMost(WebApplication.BOUND)
          .until(() -> !get(application, "/actuator/moves/1").get("error").isNull());
      JsonNode health = health(application);
      assertThat(health.get("status").asString()).isEqualTo("DEGRADED");
      JsonNode move = health.get("details").get("move");
      assertThat(move.get("job").asLong()).isEqualTo(1);
      assertThat(move.get("phase").asString()).isEqualTo("COPY");
      // Health may be public, and the error may name rows.
      assertThat(move.has("error")).isFalse();
      post(application, "/1", Map.of("want", "cancel")).expectStatus().isOk();
      ended(application, 1);
      Awaitility.await()
          .atMost(WebApplication.BOUND)
          .until(() -> health(application).get("status").asString().equals("UP"));
    }
  }

  @Test
  void healthDoesNotWaitForAControlServerThatIsSilent() {
    assumeTrue(servers.controllable());
    try (WebApplication application =
        application(urls.subList(0, 2), "shardflux.control.url=" + urls.get(2))) {
      assertThat(health(application).get("details").has("move")).isFalse();
      servers.pause(databases.get(2).server());
      Awaitility.await()
          .atMost(WebApplication.BOUND)
          .until(() -> health(application).get("details").has("move"));
      for (int i = 0; i < 4; i++) {
        long begun = System.nanoTime();
        JsonNode health = health(application);
        assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(5));
        assertThat(health.get("status").asString()).isEqualTo("UP");
        assertThat(health.get("details").get("move").asString()).isEqualTo("not known");
      }
      servers.resume(databases.get(2).server());
    }
  }

  private static WebApplication application(List<String> urls, String... more) {
    return WebApplication.on(
        urls,
        Stream.of(
                Stream.of(
                    "shardflux.control.create-tables=true",
                    "shardflux.control.poll=100ms",
                    "shardflux.control.lease=1s",
                    "shardflux.resharding.rollback-window=0s",
                    "shardflux.timeouts.acquire=2s",
                    "shardflux.strategies.by_id.type=fixed",
                    "shardflux.strategies.by_id.shard=shard_0",
                    "shardflux.tables.users.strategy=by_id",
                    "shardflux.tables.users.key.id=integer",
                    "management.endpoints.web.exposure.include=health,moves,cluster,metrics",
                    "management.endpoint.health.show-details=always"),
                Stream.of(more))
            .flatMap(each -> each)
            .toArray(String[]::new));
  }

  private static void load(ShardRouter router) {
    on(router, "shard_0", "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20))");
    Flux.range(1, USERS)
        .flatMap(
            id ->
                router
                    .on("users", ShardKey.of(id))
                    .sql("INSERT INTO users VALUES (:id, 'name')")
                    .bind("id", id)
                    .rowsUpdated(),
            4)
        .blockLast(WebApplication.BOUND);
  }

  private static void on(ShardRouter router, String shard, String sql) {
    router.on(ShardId.of(shard)).sql(sql).rowsUpdated().block(WebApplication.BOUND);
  }

  private static List<Long> rows(ShardRouter router) {
    List<Long> rows = new ArrayList<>();
    for (String shard : List.of("shard_0", "shard_2")) {
      router
          .on(ShardId.of(shard))
          .sql("SELECT COUNT(*) FROM users")
          .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
          .one()
          .doOnNext(rows::add)
          .block(WebApplication.BOUND);
    }
    return rows;
  }

  private static JsonNode start(WebApplication application, String next, boolean planOnly) {
    return json(
        post(application, "", Map.of("strategy", "by_id", "next", next, "planOnly", planOnly))
            .expectStatus()
            .isOk());
  }

  private static WebTestClient.ResponseSpec post(
      WebApplication application, String path, Map<String, ?> body) {
    return application.client().post().uri("/actuator/moves" + path).bodyValue(body).exchange();
  }

  private static JsonNode ended(WebApplication application, long job) {
    Awaitility.await()
        .atMost(WebApplication.BOUND)
        .until(() -> get(application, "/actuator/moves/" + job).get("ended").asBoolean());
    return get(application, "/actuator/moves/" + job);
  }

  private static JsonNode health(WebApplication application) {
    return get(application, "/actuator/health/shards");
  }

  private static JsonNode get(WebApplication application, String path) {
    return json(application.client().get().uri(path).exchange().expectStatus().isOk());
  }

  private static JsonNode json(WebTestClient.ResponseSpec answer) {
    return new JsonMapper()
        .readTree(String.valueOf(answer.expectBody(String.class).returnResult().getResponseBody()));
  }
}
