package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.api.users.Users;
import io.shardflux.r2dbc.observe.HotKey;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
final class UsersIntegrationTests {

  private static final JsonMapper JSON = new JsonMapper();

  private final TestApplication application;
  private final WebTestClient client;

  UsersIntegrationTests() throws IOException {
    application = TestApplication.on(TestServers.shared().freshDatabases("users"));
    client = application.client();
  }

  @AfterAll
  void stop() {
    application.close();
  }

  @BeforeEach
  void empty() {
    application
        .router()
        .onAll()
        .sql("DELETE FROM users")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .then()
        .block(TestApplication.BOUND);
  }

  @Test
  void createsAndFindsAUser() {
    String created =
        "{\"id\":42,\"username\":\"zoë\",\"email\":\"z@b\",\"name\":\"Zoë 😀\",\"shard_id\":\"shard_0\"}";
    post(json(42, "zoë", "Zoë 😀"))
        .expectStatus()
        .isCreated()
        .expectHeader()
        .location("/users/42")
        .expectBody(String.class)
        .isEqualTo(created);
    client
        .get()
        .uri("/users/42")
        .exchange()
        .expectStatus()
        .isOk()
        .expectBody(String.class)
        .isEqualTo(created);
    assertThat(shardsOf()).isEqualTo(Map.of(42L, "shard_0"));
  }

  /** Its servers have no replicas; what a replica does by a token is tested with the router. */
  @Test
  void givesAndTakesATokenOfWhatWasWritten() {
    String created =
        post(json(42, "ada", "Ada"))
            .expectStatus()
            .isCreated()
            .returnResult(String.class)
            .getResponseHeaders()
            .getFirst("Shardflux-Token");
    assertThat(created).matches("1;[0-9]+;shard_0=-");
    for (String uri : List.of("/users/42", "/users", "/users?ids=42")) {
      client
          .get()
          .uri(uri)
          .header("Shardflux-Token", String.valueOf(created))
          .exchange()
          .expectStatus()
          .isOk()
          .expectBody(String.class)
          .value(body -> assertThat(body).contains("Ada"));
      client
          .get()
          .uri(uri)
          .header("Shardflux-Token", "1;1;shard_0='")
          .exchange()
          .expectStatus()
          .isBadRequest();
    }
    client
        .delete()
        .uri("/users/42")
        .exchange()
        .expectStatus()
        .isNoContent()
        .expectHeader()
        .exists("Shardflux-Token");
  }

  @Test
  void answersEveryRequestOfAKeptConnection() throws IOException {
    post(json(42, "ada", "Ada")).expectStatus().isCreated();
    try (RawHttp http = RawHttp.kept(application.port())) {
      // The second is answered at once and so ends within the handling of the first's end.
      http.ask("/users/42", "/users/no-number");
      assertThat(http.answer()).startsWith("HTTP/1.1 200");
      assertThat(http.answer()).startsWith("HTTP/1.1 400");
      http.ask("/users/42");
      assertThat(http.answer()).startsWith("HTTP/1.1 200");
    }
  }

  @Test
  void refusesASecondUserOfAnId() {
    post(json(42, "ada", "Ada")).expectStatus().isCreated();
    post(json(42, "bob", "Bob"))
        .expectStatus()
        .isEqualTo(409)
        .expectBody()
        .jsonPath("$.code")
        .isEqualTo("duplicate");
    client.get().uri("/users/42").exchange().expectBody().jsonPath("$.name").isEqualTo("Ada");
  }

  @Test
  void countsByWhichUserItIsAsked() {
    post(json(4_242, "ada", "Ada")).expectStatus().isCreated();
    for (int i = 0; i < 5; i++) {
      put(4_242, json(4_242, "eve", "Eve " + i)).expectStatus().isOk();
      client.get().uri("/users/4242").exchange().expectStatus().isOk();
    }
    client.delete().uri("/users/4242").exchange().expectStatus().isNoContent();
    assertThat(application.router().operations().hotKeys(Users.TABLE))
        .contains(new HotKey(ShardKey.of(4_242), 12, 12));
  }

  @Test
  void replacesAUserAlsoByTheSame() {
    post(json(42, "ada", "Ada")).expectStatus().isCreated();
    for (int i = 0; i < 2; i++) {
      put(42, json(42, "eve", "Eve"))
          .expectStatus()
          .isOk()
          .expectBody()
          .jsonPath("$.name")
          .isEqualTo("Eve");
    }
    client.get().uri("/users/42").exchange().expectBody().jsonPath("$.username").isEqualTo("eve");
  }

  @Test
  void replacesNoUserThatIsNotThere() {
    put(42, json(42, "ada", "Ada")).expectStatus().isNotFound();
    client.get().uri("/users/42").exchange().expectStatus().isNotFound();
  }

  @Test
  void deletesAUserOnce() {
    post(json(42, "ada", "Ada")).expectStatus().isCreated();
    client.delete().uri("/users/42").exchange().expectStatus().isNoContent().expectBody().isEmpty();
    client.delete().uri("/users/42").exchange().expectStatus().isNotFound();
    client.get().uri("/users/42").exchange().expectStatus().isNotFound();
  }

  @Test
  void findsSomeByTheirIds() throws IOException {
    upload(300);
    List<JsonNode> lines = lines("/users?order=id&ids=7,299,7,5000,1,2");
    assertThat(lines.subList(0, 4))
        .extracting(line -> line.get("id").asLong())
        .containsExactly(1L, 2L, 7L, 299L);
    assertThat(lines.get(4).get("summary").get("rows").asLong()).isEqualTo(4);
    assertThat(lines.get(4).get("summary").get("complete").asBoolean()).isTrue();
    assertThat(lines).hasSize(5);
  }

  @Test
  void streamsAllWithTheSummaryLast() throws IOException {
    upload(3_000);
    List<JsonNode> lines = lines("/users");
    assertThat(lines).hasSize(3_001);
    assertThat(lines.get(3_000).toString())
        .isEqualTo(
            "{\"summary\":{\"asked\":3,\"answered\":3,\"failed\":[],\"rows\":3000,\"complete\":true}}");
    Map<Long, String> shards = shardsOf();
    assertThat(lines.subList(0, 3_000))
        .allMatch(
            line -> line.get("shard_id").asString().equals(shards.get(line.get("id").asLong())))
        .extracting(line -> line.get("id").asLong())
        .doesNotHaveDuplicates();
  }

  @Test
  void streamsAllInOrder() throws IOException {
    upload(3_000);
    List<JsonNode> lines = lines("/users?order=id");
    assertThat(lines.subList(0, 3_000))
        .extracting(line -> line.get("id").asInt())
        .isEqualTo(IntStream.rangeClosed(1, 3_000).boxed().toList());
  }

  @Test
  void givesAnArrayOnRequest() throws IOException {
    upload(10);
    JsonNode array = elements("/users?order=id");
    assertThat(array.size()).isEqualTo(10);
    assertThat(array.get(9).get("id").asInt()).isEqualTo(10);
  }

  @Test
  void givesNoArrayAboveTenThousand() throws IOException {
    upload(10_000);
    assertThat(elements("/users").size()).isEqualTo(10_000);
    post(json(10_001, "one", "One")).expectStatus().isCreated();
    array("/users")
        .expectStatus()
        .isEqualTo(406)
        .expectBody()
        .jsonPath("$.code")
        .isEqualTo("too_many");
  }

  @Test
  void prefersWhatTheClientPrefers() {
    for (String accept :
        List.of("*/*", "application/*", "application/x-ndjson, application/json;q=0.5")) {
      client
          .get()
          .uri("/users")
          .header("Accept", accept)
          .exchange()
          .expectHeader()
          .contentType(MediaType.APPLICATION_NDJSON);
    }
    client
        .get()
        .uri("/users")
        .header("Accept", "application/json, */*;q=0.1")
        .exchange()
        .expectHeader()
        .contentType(MediaType.APPLICATION_JSON);
    client
        .get()
        .uri("/users")
        .header("Accept", "text/html")
        .exchange()
        .expectStatus()
        .isEqualTo(406);
  }

  @Test
  void countsUsersOfEveryShard() throws IOException {
    upload(300);
    JsonNode shards =
        JSON.readTree(
            array("/shards")
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody());
    assertThat(shards)
        .extracting(shard -> shard.get("id").asString())
        .containsExactly("shard_0", "shard_1", "shard_2");
    assertThat(shards).extracting(shard -> shard.get("status").asString()).containsOnly("ACTIVE");
    assertThat(
            shards.get(0).get("row_count").asInt()
                + shards.get(1).get("row_count").asInt()
                + shards.get(2).get("row_count").asInt())
        .isEqualTo(300);
  }

  @Test
  void tellsWhereUsersReallyAre() throws IOException {
    upload(30);
    for (Map.Entry<Long, String> user : shardsOf().entrySet()) {
      client
          .get()
          .uri("/shards/route?table=users&key=" + user.getKey())
          .exchange()
          .expectBody()
          .jsonPath("$.shard_id")
          .isEqualTo(user.getValue());
    }
  }

  @Test
  void isWell() {
    client
        .get()
        .uri("/actuator/health")
        .exchange()
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.components.shards.details.shard_2")
        .isEqualTo("ACTIVE");
    client.get().uri("/actuator/env").exchange().expectStatus().isNotFound();
  }

  private void upload(int count) throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      for (int id = 1; id <= count; id++) {
        http.send(json(id, "user" + id, "User " + id) + "\n");
      }
      http.end();
      http.head();
      String last = "";
      for (String line = http.line(); line != null; line = http.line()) {
        last = line;
      }
      assertThat(last)
          .isEqualTo(
              "{\"summary\":{\"received\":" + count + ",\"stored\":" + count + ",\"failed\":0}}");
    }
  }

  private List<JsonNode> lines(String path) throws IOException {
    List<JsonNode> lines = new ArrayList<>();
    try (RawHttp http = RawHttp.get(application.port(), path)) {
      assertThat(http.head()).contains("200 OK");
      for (String line = http.line(); line != null; line = http.line()) {
        lines.add(JSON.readTree(line));
      }
    }
    return lines;
  }

  private JsonNode elements(String path) {
    return JSON.readTree(
        array(path)
            .expectStatus()
            .isOk()
            .expectBody(String.class)
            .returnResult()
            .getResponseBody());
  }

  private WebTestClient.ResponseSpec array(String path) {
    return client
        .mutate()
        .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(-1))
        .build()
        .get()
        .uri(path)
        .accept(MediaType.APPLICATION_JSON)
        .exchange();
  }

  private WebTestClient.ResponseSpec post(String json) {
    return client
        .post()
        .uri("/users")
        .contentType(MediaType.APPLICATION_JSON)
        .bodyValue(json)
        .exchange();
  }

  private WebTestClient.ResponseSpec put(long id, String json) {
    return client
        .put()
        .uri("/users/" + id)
        .contentType(MediaType.APPLICATION_JSON)
        .bodyValue(json)
        .exchange();
  }

  private static String json(long id, String username, String name) {
    return "{\"id\":"
        + id
        + ",\"username\":\""
        + username
        + "\",\"email\":\"z@b\",\"name\":\""
        + name
        + "\"}";
  }

  /** An answer of the servers themselves, not of the application. */
  private Map<Long, String> shardsOf() {
    Map<Long, String> shards = new HashMap<>();
    application
        .router()
        .onAll()
        .sql("SELECT id FROM users")
        .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
        .signals()
        .collectList()
        .blockOptional(TestApplication.BOUND)
        .orElseThrow()
        .forEach(
            signal -> {
              if (signal instanceof ShardSignal.Row<Long> row) {
                shards.put(row.value(), row.shard().value());
              }
            });
    return shards;
  }
}
