package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A server killed or hung while it is read from, and a client that is gone. */
@Tag("same-on-any-server")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class FaultsIntegrationTests {

  private static final JsonMapper JSON = new JsonMapper();

  /** Far more than what sockets and the application hold on the way, so that reading takes part. */
  private static final int USERS = 150_000;

  private static final String NAME = "x".repeat(255);

  private final TestServers servers = TestServers.shared();
  private final List<Database> databases = servers.freshDatabases("faults");
  private final TestApplication application;
  private final Map<String, Long> perShard;

  FaultsIntegrationTests() throws IOException {
    Assumptions.assumeTrue(servers.controllable(), "servers that can be killed");
    application = TestApplication.on(databases);
    perShard = upload();
  }

  @AfterEach
  void restore() {
    servers.restore();
    // A server that was out is asked again only once a probe has got through.
    Awaitility.await()
        .atMost(TestApplication.BOUND)
        .untilAsserted(
            () ->
                application
                    .client()
                    .get()
                    .uri("/actuator/health")
                    .exchange()
                    .expectBody()
                    .jsonPath("$.status")
                    .isEqualTo("UP"));
  }

  @AfterAll
  void stop() {
    application.close();
  }

  @Test
  void aKilledServerIsOneErrorLineAndTheOthersArriveWhole() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (RawHttp http = RawHttp.get(application.port(), "/users")) {
      assertThat(http.head()).contains("200 OK");
      lines.add(next(http));
      // Nothing is read meanwhile, so all three shards are in the middle of their rows.
      servers.kill(databases.get(1).server());
      rest(http, lines);
    }
    Map<String, Long> rows = rows(lines);
    assertThat(rows.get("shard_0")).isEqualTo(perShard.get("shard_0"));
    assertThat(rows.get("shard_2")).isEqualTo(perShard.get("shard_2"));
    assertThat(rows.getOrDefault("shard_1", 0L)).isLessThan(perShard.get("shard_1"));
    List<JsonNode> errors = lines.stream().filter(line -> line.has("error")).toList();
    assertThat(errors).hasSize(1);
    assertThat(errors.get(0).get("shard_id").asString()).isEqualTo("shard_1");
    assertThat(errors.get(0).get("error").get("code").asString()).isEqualTo("unavailable");
    assertThat(errors.get(0).get("error").get("rows_before").asLong())
        .isEqualTo(rows.getOrDefault("shard_1", 0L));
    assertThat(lines.get(lines.size() - 1).toString())
        .isEqualTo(
            "{\"summary\":{\"asked\":3,\"answered\":2,\"failed\":[\"shard_1\"],\"rows\":"
                + (lines.size() - 2)
                + ",\"complete\":false}}");

    servers.restart(databases.get(1).server());
    Awaitility.await()
        .atMost(TestApplication.BOUND)
        .untilAsserted(
            () ->
                application
                    .client()
                    .get()
                    .uri("/actuator/health")
                    .exchange()
                    .expectBody()
                    .jsonPath("$.components.shards.details.shard_1")
                    .isEqualTo("ACTIVE"));
    assertThat(all("/users").get(USERS).toString())
        .isEqualTo(
            "{\"summary\":{\"asked\":3,\"answered\":3,\"failed\":[],\"rows\":"
                + USERS
                + ",\"complete\":true}}");
  }

  @Test
  void aKilledServerLeavesTheOrderOfTheOthers() throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (RawHttp http = RawHttp.get(application.port(), "/users?order=id")) {
      http.head();
      lines.add(next(http));
      servers.kill(databases.get(2).server());
      rest(http, lines);
    }
    Map<String, Long> rows = rows(lines);
    assertThat(rows.get("shard_0")).isEqualTo(perShard.get("shard_0"));
    assertThat(rows.get("shard_1")).isEqualTo(perShard.get("shard_1"));
    assertThat(lines.stream().filter(line -> line.has("id")).map(line -> line.get("id").asLong()))
        .isSorted();
    assertThat(lines.get(lines.size() - 1).get("summary").get("failed").toString())
        .isEqualTo("[\"shard_2\"]");
  }

  @Test
  void aHungServerIsTimedOutAndTheOthersArriveWhole() throws IOException {
    servers.pause(databases.get(0).server());
    List<JsonNode> lines = all("/users?timeout=3s");
    Map<String, Long> rows = rows(lines);
    assertThat(rows.get("shard_1")).isEqualTo(perShard.get("shard_1"));
    assertThat(rows.get("shard_2")).isEqualTo(perShard.get("shard_2"));
    List<JsonNode> errors = lines.stream().filter(line -> line.has("error")).toList();
    assertThat(errors).hasSize(1);
    assertThat(errors.get(0).get("shard_id").asString()).isEqualTo("shard_0");
    assertThat(errors.get(0).get("error").get("code").asString()).isEqualTo("timeout");
  }

  @Test
  void aClientsOwnShortTimeTakesNoShardFromOthers() {
    AtomicInteger hurried = new AtomicInteger();
    Disposable hurry =
        Flux.interval(Duration.ofMillis(50))
            .onBackpressureDrop()
            .concatMap(
                tick ->
                    Mono.fromCallable(() -> status("/users?timeout=1ms"))
                        .doOnNext(status -> hurried.incrementAndGet())
                        .subscribeOn(Schedulers.boundedElastic()))
            .subscribe();
    try {
      Awaitility.await()
          .atMost(TestApplication.BOUND)
          .pollInterval(Duration.ofMillis(10))
          .until(
              () -> {
                for (long id = 1; id <= 20; id++) {
                  get("/users/" + id).expectStatus().isOk();
                }
                return hurried.get() >= 40;
              });
    } finally {
      hurry.dispose();
    }
    get("/actuator/health").expectBody().jsonPath("$.status").isEqualTo("UP");
  }

  /** Hangs up behind the head. */
  private String status(String path) throws IOException {
    try (RawHttp http = RawHttp.get(application.port(), path)) {
      return http.head();
    }
  }

  private WebTestClient.ResponseSpec get(String path) {
    return application.client().get().uri(path).exchange();
  }

  @Test
  void noArrayComesWhileAServerHangs() {
    servers.pause(databases.get(0).server());
    application
        .client()
        .get()
        .uri("/users?ids=1,2,42&timeout=1s")
        .accept(MediaType.APPLICATION_JSON)
        .exchange()
        .expectStatus()
        .isEqualTo(504)
        .expectBody()
        .jsonPath("$.code")
        .isEqualTo("timeout");
  }

  @Test
  void aLineForAKilledServerFailsAloneAndIsNotTakenForStored() throws IOException {
    servers.kill(databases.get(1).server());
    List<JsonNode> answers = new ArrayList<>();
    try (RawHttp http = RawHttp.upload(application.port())) {
      for (int id = USERS + 1; id <= USERS + 30; id++) {
        http.send(user(id));
      }
      http.end();
      http.head();
      rest(http, answers);
    }
    List<JsonNode> errors = answers.stream().filter(line -> line.has("error")).toList();
    assertThat(errors).isNotEmpty();
    assertThat(errors)
        .extracting(line -> line.get("error").get("code").asString())
        .containsAnyOf("unavailable", "outcome_unknown")
        .isSubsetOf("unavailable", "outcome_unknown");
    assertThat(answers.stream().filter(line -> line.has("id")))
        .isNotEmpty()
        .noneMatch(line -> line.get("shard_id").asString().equals("shard_1"));
    assertThat(answers.get(30).get("summary").get("failed").asInt()).isEqualTo(errors.size());
    servers.restore();
    deleteAbove(USERS);
  }

  @Test
  void aClientThatGoesAwayFreesEveryShard() throws IOException {
    try (RawHttp http = RawHttp.get(application.port(), "/users")) {
      http.head();
      next(http);
    }
    application.awaitIdle();
    assertThat(all("/users?ids=1,2,3")).hasSize(4);
  }

  private Map<String, Long> upload() throws IOException {
    List<JsonNode> answers = new ArrayList<>();
    try (RawHttp http = RawHttp.upload(application.port())) {
      Thread sender = new Thread(() -> sendAll(http), "sender");
      sender.start();
      http.head();
      rest(http, answers);
    }
    assertThat(answers.stream().filter(line -> line.has("error"))).isEmpty();
    assertThat(answers.get(USERS).get("summary").get("stored").asInt()).isEqualTo(USERS);
    return rows(answers);
  }

  private static void sendAll(RawHttp http) {
    try {
      for (int id = 1; id <= USERS; id++) {
        http.send(user(id));
      }
      http.end();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void deleteAbove(int id) {
    application
        .router()
        .onAll()
        .sql("DELETE FROM users WHERE id > :id")
        .bind("id", id)
        .rowsUpdated()
        .then()
        .block(TestApplication.BOUND);
  }

  private List<JsonNode> all(String path) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (RawHttp http = RawHttp.get(application.port(), path)) {
      http.head();
      rest(http, lines);
    }
    return lines;
  }

  private static void rest(RawHttp http, List<JsonNode> lines) throws IOException {
    for (String line = http.line(); line != null; line = http.line()) {
      lines.add(JSON.readTree(line));
    }
  }

  private static JsonNode next(RawHttp http) throws IOException {
    return JSON.readTree(Objects.requireNonNull(http.line()));
  }

  /** The number of users that came from each shard. */
  private static Map<String, Long> rows(List<JsonNode> lines) {
    return lines.stream()
        .filter(line -> line.has("id"))
        .map(line -> line.get("shard_id").asString())
        .collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
  }

  private static String user(int id) {
    return "{\"id\":"
        + id
        + ",\"username\":\"user"
        + id
        + "\",\"email\":\"u@b\",\"name\":\""
        + NAME
        + "\"}\n";
  }
}
