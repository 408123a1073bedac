package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
final class UploadIntegrationTests {

  private static final JsonMapper JSON = new JsonMapper();

  private final TestApplication application;

  UploadIntegrationTests() throws IOException {
    application = TestApplication.on(TestServers.shared().freshDatabases("upload"));
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
        .rowsUpdated()
        .then()
        .block(TestApplication.BOUND);
  }

  @Test
  void answersEveryLineAndFailsTheBadOnesAlone() throws IOException {
    StringBuilder body = new StringBuilder();
    Set<Long> bad = new HashSet<>();
    Set<Long> good = new HashSet<>();
    for (long line = 1; line <= 2_000; line++) {
      if (line % 97 == 0) {
        body.append("{\"id\":").append(line).append(",\"name\":\n");
        bad.add(line);
      } else if (line % 89 == 0) {
        body.append(user(0));
        bad.add(line);
      } else if (line % 83 == 0) {
        body.append('\n');
      } else {
        body.append(user(line));
        good.add(line);
      }
    }
    List<JsonNode> answers = upload(body.toString());
    assertThat(ids(answers)).containsExactlyInAnyOrderElementsOf(good);
    assertThat(errors(answers))
        .extracting(line -> line.get("line").asLong())
        .containsExactlyInAnyOrderElementsOf(bad);
    assertThat(errors(answers))
        .allMatch(line -> line.get("error").get("code").asString().equals("invalid"));
    assertSummary(answers, good.size() + bad.size(), good.size());
    assertThat(stored()).isEqualTo(good.size());
  }

  @Test
  void failsDuplicatesAlone() throws IOException {
    assertSummary(upload(user(5) + user(50) + user(500)), 3, 3);
    StringBuilder body = new StringBuilder();
    for (long id = 1; id <= 1_000; id++) {
      body.append(user(id));
    }
    List<JsonNode> answers = upload(body + user(7) + user(7));
    assertThat(errors(answers))
        .hasSize(5)
        .allMatch(line -> line.get("error").get("code").asString().equals("duplicate"));
    assertThat(errors(answers))
        .extracting(line -> line.get("line").asLong())
        .contains(5L, 50L, 500L);
    assertThat(ids(answers)).hasSize(997).contains(7L).doesNotHaveDuplicates();
    assertSummary(answers, 1_002, 997);
    assertThat(stored()).isEqualTo(1_000);
  }

  @Test
  void tellsTheShardThatEachUserIsOn() throws IOException {
    List<JsonNode> answers = upload(user(1) + user(42) + user(2));
    assertThat(answers.subList(0, 3))
        .extracting(JsonNode::toString)
        .containsExactlyInAnyOrder(
            "{\"id\":1,\"shard_id\":\"shard_2\"}",
            "{\"id\":42,\"shard_id\":\"shard_0\"}",
            "{\"id\":2,\"shard_id\":\"shard_1\"}");
  }

  @Test
  void failsALineThatIsTooLongAlone() throws IOException {
    List<JsonNode> answers =
        upload(user(1) + "{\"id\":2,\"name\":\"" + "x".repeat(70_000) + "\"}\n" + user(3));
    assertThat(errors(answers))
        .extracting(JsonNode::toString)
        .containsExactly(
            "{\"line\":2,\"error\":{\"code\":\"too_long\",\"message\":\"line above 65536 bytes"
                + " (expected: at most as many)\"}}");
    assertSummary(answers, 3, 2);
  }

  @Test
  void anEmptyUploadHasASummary() throws IOException {
    assertThat(upload(""))
        .extracting(JsonNode::toString)
        .containsExactly("{\"summary\":{\"received\":0,\"stored\":0,\"failed\":0}}");
  }

  @Test
  void answersASlowSenderLineByLine() throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      assertThat(http.head()).contains("200 OK");
      for (long id = 1; id <= 20; id++) {
        http.send(user(id));
        assertThat(http.line()).startsWith("{\"id\":" + id + ",");
      }
      http.end();
      assertThat(http.line()).contains("\"stored\":20");
      assertThat(http.line()).isNull();
    }
  }

  @Test
  void aSenderThatGoesAwayFreesEverything() throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      for (long id = 1; id <= 5_000; id++) {
        http.send(user(id));
      }
      http.head();
      assertThat(http.line()).contains("\"id\"");
    }
    application.awaitIdle();
    assertThat(stored()).isBetween(1L, 5_000L);
    assertSummary(upload(user(9_999)), 1, 1);
  }

  @Test
  void keepsTextAsItIs() throws IOException {
    String text = "O'Brien \\\\ \\\" ? :id \u0001é😀 -- /*! x */";
    upload(
        "{\"id\":1,\"username\":\""
            + text.replace("\u0001", "\\u0001")
            + "\",\"email\":\"a@b\",\"name\":\"x\"}\n");
    application
        .client()
        .get()
        .uri("/users/1")
        .exchange()
        .expectBody()
        .jsonPath("$.username")
        .isEqualTo("O'Brien \\ \" ? :id \u0001é😀 -- /*! x */");
  }

  private List<JsonNode> upload(String body) throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      for (int from = 0; from < body.length(); from += 10_000) {
        http.send(body.substring(from, Math.min(body.length(), from + 10_000)));
      }
      http.end();
      assertThat(http.head()).contains("200 OK").contains("application/x-ndjson");
      List<JsonNode> answers = new ArrayList<>();
      for (String line = http.line(); line != null; line = http.line()) {
        answers.add(JSON.readTree(line));
      }
      return answers;
    }
  }

  private long stored() {
    return application
        .router()
        .onAll()
        .sql("SELECT COUNT(*) FROM users")
        .map((row, metadata) -> ((Number) Objects.requireNonNull(row.get(0))).longValue())
        .rows()
        .reduce(0L, Long::sum)
        .blockOptional(TestApplication.BOUND)
        .orElseThrow();
  }

  private static List<Long> ids(List<JsonNode> answers) {
    return answers.stream()
        .filter(line -> line.has("id"))
        .map(line -> line.get("id").asLong())
        .toList();
  }

  private static List<JsonNode> errors(List<JsonNode> answers) {
    return answers.stream().filter(line -> line.has("error")).toList();
  }

  private static void assertSummary(List<JsonNode> answers, int received, int stored) {
    assertThat(answers.get(answers.size() - 1).toString())
        .isEqualTo(
            "{\"summary\":{\"received\":"
                + received
                + ",\"stored\":"
                + stored
                + ",\"failed\":"
                + (received - stored)
                + "}}");
    assertThat(answers).hasSize(received + 1);
  }

  private static String user(long id) {
    return "{\"id\":"
        + id
        + ",\"username\":\"user"
        + id
        + "\",\"email\":\"u@b\",\"name\":\"User\"}\n";
  }
}
