package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;

/** Explanations of statements over HTTP. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
final class ExplainIntegrationTests {

  private final TestApplication application;
  private final WebTestClient client;

  ExplainIntegrationTests() throws IOException {
    application = TestApplication.on(TestServers.shared().freshDatabases("explain"));
    client = application.client();
  }

  @AfterAll
  void stop() {
    application.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"sql": "SELECT name FROM users WHERE id = 42"}
          {"sql": "SELECT name FROM users WHERE id = ?", "binds": [42]}
          {"sql": "SELECT name FROM users WHERE id = :id", "binds": {"id": 42}}
          """)
  void aKeyGoesToItsShardAlone(String request) {
    explain(request)
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.shards.length()")
        .isEqualTo(1)
        .jsonPath("$.shards[0].shard_id")
        .isEqualTo("shard_0")
        .jsonPath("$.shards[0].sql")
        .value(String.class, sql -> assertThat(sql).startsWith("SELECT name FROM users WHERE id ="))
        .jsonPath("$.merge")
        .isEqualTo(null)
        .jsonPath("$.held_rows")
        .isEqualTo(0)
        .jsonPath("$.refusal")
        .isEqualTo(null);
  }

  @Test
  void aReadWithoutAKeyGoesToAllAndSaysHowItIsMerged() {
    explain("{\"sql\": \"SELECT name FROM users ORDER BY name LIMIT 5\", \"binds\": []}")
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.shards[*].shard_id")
        .value(
            shards ->
                assertThat(shards.toString()).isEqualTo("[\"shard_0\",\"shard_1\",\"shard_2\"]"))
        .jsonPath("$.shards[2].sql")
        .value(String.class, sql -> assertThat(sql).contains("ORDER BY", "LIMIT"))
        .jsonPath("$.merge")
        .isNotEmpty()
        .jsonPath("$.refusal")
        .isEqualTo(null);
  }

  @Test
  void aMergeThatHoldsRowsSaysHowMany() {
    explain("{\"sql\": \"SELECT name, COUNT(*) FROM users GROUP BY name ORDER BY COUNT(*)\"}")
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.held_rows")
        .isEqualTo(100_000);
  }

  @Test
  void aRefusalIsAnAnswer() {
    explain("{\"sql\": \"DELETE FROM users\"}")
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.shards.length()")
        .isEqualTo(0)
        .jsonPath("$.refusal.code")
        .isEqualTo("SCATTERED_WRITE")
        .jsonPath("$.refusal.reason")
        .isNotEmpty()
        .jsonPath("$.refusal.way_out")
        .isNotEmpty();
  }

  @Test
  void nothingIsRun() {
    String insert =
        "INSERT INTO users (id, username, email, name) VALUES (42, 'ada', 'a@b', 'Ada')";
    explain("{\"sql\": \"" + insert + "\"}")
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.shards[0].sql")
        .isEqualTo(insert);
    client.get().uri("/users/42").exchange().expectStatus().isNotFound();
  }

  /** They would fill the memory if somebody wrote out all of their digits. */
  @ParameterizedTest
  @ValueSource(
      strings = {"1E+2147483647", "-1e999999999", "7e-2147483647", "1e400", "0e2147483647", "5e20"})
  void numbersOfAnySizeAreAnswered(String number) {
    explain("{\"sql\": \"SELECT name FROM users WHERE id = ?\", \"binds\": [" + number + "]}")
        .expectStatus()
        .isOk();
    explain(
            "{\"sql\": \"SELECT id FROM users WHERE id IN (?, 3) OR id > ?\", \"binds\": ["
                + number
                + ","
                + number
                + "]}")
        .expectStatus()
        .isOk();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"sql": "SELECT name FROM users WHERE id = ?"}                          | values: 0 (expected: 1)
          {"sql": "SELECT name FROM users WHERE id = ?", "binds": [1, 2]}         | values: 2 (expected: 1)
          {"sql": "SELECT name FROM users WHERE id = :id", "binds": {"no": 1}}    | values: [no] (expected: one for each of [id])
          """)
  void valuesThatAreNotThoseOfTheMarkersAreRefused(String request, String detail) {
    explain(request)
        .expectStatus()
        .isBadRequest()
        .expectBody()
        .jsonPath("$.code")
        .isEqualTo("invalid")
        .jsonPath("$.detail")
        .isEqualTo(detail);
  }

  static Stream<Arguments> longTexts() {
    String select = "SELECT ";
    String from = " FROM users";
    String where = " FROM users WHERE id";
    return Stream.of(
        Arguments.of("", select + "1" + "+1".repeat(1_000) + from),
        Arguments.of(
            "TOO_LARGE",
            select + "CASE WHEN 1 THEN ".repeat(500) + "1" + " END".repeat(500) + from),
        Arguments.of("TOO_LARGE", select + "1" + from + " JOIN users".repeat(2_000)),
        Arguments.of("TOO_LARGE", select + "ABS(".repeat(2_000) + "1" + ")".repeat(2_000) + from),
        Arguments.of(
            "TOO_LARGE",
            IntStream.range(0, 1_000)
                .mapToObj(i -> "c" + (i + 1) + " AS (SELECT * FROM c" + i + ")")
                .collect(
                    Collectors.joining(", ", "WITH c0 AS (SELECT 1), ", " SELECT * FROM c1000"))),
        Arguments.of("", select + "1" + where + " IS NULL".repeat(2_000)),
        Arguments.of("", select + "1" + where + " = 1".repeat(2_000)),
        Arguments.of("TOO_LARGE", select + "1" + where + " BETWEEN 1 AND 2".repeat(2_000)),
        Arguments.of("HINT", "/* shardflux: key=(" + "a".repeat(16_000) + " */ SELECT 1" + from),
        Arguments.of("HINT", "/* shardflux: " + "a-".repeat(1_000) + " */ SELECT 1" + from));
  }

  @ParameterizedTest
  @MethodSource("longTexts")
  void whateverItsLengthOrDepthIsAnswered(String refusal, String sql) {
    String plan =
        explain("{\"sql\": \"" + sql + "\"}")
            .expectStatus()
            .isOk()
            .expectBody(String.class)
            .returnResult()
            .getResponseBody();
    assertThat(plan)
        .contains("\"refusal\":" + (refusal.isEmpty() ? "null" : "{\"code\":\"" + refusal + "\""));
  }

  private WebTestClient.ResponseSpec explain(String json) {
    return client
        .post()
        .uri("/shards/explain")
        .contentType(MediaType.APPLICATION_JSON)
        .bodyValue(json)
        .exchange();
  }
}
