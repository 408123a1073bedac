package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;

/** The failures that clients get; nothing listens where the shards should be. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ProblemsTests {

  private static final String SECRET = "hunter2";
  private static final String GOOD =
      "{\"id\":42,\"username\":\"ada\",\"email\":\"ada@example.org\",\"name\":\"Ada\"}";

  private static final String URL = "r2dbc:mysql://app:" + SECRET + "@127.0.0.1:1/db";

  private final TestApplication application = TestApplication.on(URL + "0", URL + "1", URL + "2");
  private final WebTestClient client = application.client();

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
          GET    | /nowhere                      |                    |          | 404 | path: /nowhere (expected: /users
          GET    | /users/                       |                    |          | 404 | path: /users/ (expected: /users
          PATCH  | /users                        | application/json   | GOOD     | 405 | Supported methods: [
          POST   | /shards                       | application/json   | GOOD     | 405 | Supported methods: [
          POST   | /users                        | text/plain         | GOOD     | 415 | Content-Type: text/plain (expected: one of [application/
          POST   | /users                        |                    | GOOD     | 415 | Content-Type: none (expected: one of [application/
          POST   | /users                        | application/json   |          | 400 | empty (expected: a JSON object
          POST   | /users                        | application/json   | []       | 400 | an array (expected: a JSON object
          POST   | /users                        | application/json   | {"id":1  | 400 | not JSON, at column
          POST   | /users                        | application/json   | {}       | 400 | wrong fields: id, username, email, name
          POST   | /users                        | application/json   | LONG     | 413 | body above 65536 bytes
          PUT    | /users/43                     | application/json   | GOOD     | 400 | wrong fields: id
          PUT    | /users/0                      | application/json   | GOOD     | 400 | id: 0 (expected: an integer from 1
          GET    | /users/abc                    |                    |          | 400 | id: abc (expected: an integer from 1
          DELETE | /users/9223372036854775808    |                    |          | 400 | id: 9223372036854775808 (expected: an integer
          GET    | /users?order=name             |                    |          | 400 | order: name (expected: id)
          GET    | /users?timeout=0ms            |                    |          | 400 | timeout: 0ms (expected: 1ms to 600s
          GET    | /users?ids=1,x                |                    |          | 400 | ids: x (expected: 1 to 1000 integers
          GET    | /users?limit=1                |                    |          | 400 | query parameter: limit (expected: one of [ids, order, timeout])
          GET    | /shards/route?key=1           |                    |          | 400 | table: none (expected: one of [users])
          GET    | /shards/route?table=x&key=1   |                    |          | 400 | table: x (expected: one of [users])
          GET    | /shards/route?table=users     |                    |          | 400 | key: 0 parts (expected: one key=… for each of [id])
          GET    | /shards/route?table=users&key=x |                  |          | 400 | key: x (expected: INTEGER)
          GET    | /shards/route?table=users&key=99999999999999999999 | |        | 400 | key part: 99999999999999999999 (expected: an integer
          GET    | /shards/explain               |                    |          | 405 | Supported methods: [POST]
          POST   | /shards/explain               | text/plain         | {}       | 415 | Content-Type: text/plain (expected: one of [application/json])
          POST   | /shards/explain               | application/json   |          | 400 | (expected: a JSON object with sql
          POST   | /shards/explain               | application/json   | []       | 400 | an array (expected: a JSON object with sql
          POST   | /shards/explain               | application/json   | {"sql":1 | 400 | not JSON, at column
          POST   | /shards/explain               | application/json   | {} {}    | 400 | not JSON, at column
          POST   | /shards/explain               | application/json   | {}       | 400 | sql: missing (expected: a statement)
          POST   | /shards/explain               | application/json   | {"sql":1} | 400 | sql: a number (expected: a statement)
          POST   | /shards/explain               | application/json   | {"sq":""} | 400 | sq: unknown (expected: sql or binds)
          POST   | /shards/explain               | application/json   | {"sql":"x","sql":"y"} | 400 | not JSON, at column
          POST   | /shards/explain               | application/json   | {"sql":"x","binds":1} | 400 | binds: a number (expected: a list of values, or
          POST   | /shards/explain               | application/json   | {"sql":"x","binds":[1,[]]} | 400 | binds[1]: an array (expected: a text, a number
          POST   | /shards/explain               | application/json   | {"sql":"x","binds":{"a":{}}} | 400 | binds.a: an object (expected: a text, a number
          POST   | /shards/explain               | application/json   | LONG     | 413 | body above 65536 bytes
          POST   | /shards/explain               | application/json   | {"sql":"SELECT 1"} | 503 | the shard could not do it now
          POST   | /users                        | application/json   | GOOD     | 503 | expected: a server
          PUT    | /users/42                     | application/json   | GOOD     | 503 | expected: a server
          GET    | /users/42                     |                    |          | 503 | expected: a server
          DELETE | /users/42                     |                    |          | 503 | expected: a server
          """)
  void tellsWhatIsWrong(
      String method, String path, String type, String body, int status, String detail) {
    WebTestClient.RequestBodySpec request = client.method(HttpMethod.valueOf(method)).uri(path);
    if (type != null) {
      request.contentType(MediaType.parseMediaType(type));
    }
    if (body != null) {
      String text = body.replace("GOOD", GOOD).replace("LONG", " ".repeat(70_000));
      request.bodyValue(text.getBytes(StandardCharsets.UTF_8));
      if (body.equals("LONG")) {
        // The server hangs up on what it doesn't read, so no other request may be sent there.
        request.header(HttpHeaders.CONNECTION, "close");
      }
    }
    request
        .exchange()
        .expectStatus()
        .isEqualTo(status)
        .expectHeader()
        .contentType(MediaType.APPLICATION_PROBLEM_JSON)
        .expectBody()
        .jsonPath("$.status")
        .isEqualTo(status)
        .jsonPath("$.title")
        .isNotEmpty()
        .jsonPath("$.detail")
        .value(String.class, text -> assertThat(text).contains(detail))
        .consumeWith(
            result -> assertSafe(new String(result.getResponseBody(), StandardCharsets.UTF_8)));
  }

  @Test
  void saysWhenToComeBackToAShardThatIsDown() {
    client
        .get()
        .uri("/users/42")
        .exchange()
        .expectStatus()
        .isEqualTo(503)
        .expectHeader()
        .valueEquals(HttpHeaders.RETRY_AFTER, "1")
        .expectBody()
        .jsonPath("$.code")
        .isEqualTo("unavailable");
  }

  @Test
  void namesEveryWrongField() {
    client
        .post()
        .uri("/users")
        .contentType(MediaType.APPLICATION_JSON)
        .bodyValue("{\"id\":0,\"username\":\"\",\"email\":\"x\",\"nam\":\"Ada\"}")
        .exchange()
        .expectStatus()
        .isBadRequest()
        .expectBody()
        .jsonPath("$.errors[*].field")
        .value(
            fields ->
                assertThat(fields.toString())
                    .isEqualTo("[\"id\",\"username\",\"email\",\"nam\",\"name\"]"));
  }

  @Test
  void givesNoArrayOfAPart() {
    client
        .get()
        .uri("/users")
        .accept(MediaType.APPLICATION_JSON)
        .exchange()
        .expectStatus()
        .isEqualTo(503)
        .expectHeader()
        .contentType(MediaType.APPLICATION_PROBLEM_JSON);
  }

  @Test
  void givesLinesWhereNoShardAnswers() {
    String body =
        client
            .get()
            .uri("/users")
            .exchange()
            .expectStatus()
            .isOk()
            .expectHeader()
            .contentType(MediaType.APPLICATION_NDJSON)
            .expectBody(String.class)
            .returnResult()
            .getResponseBody();
    assertThat(body).isNotNull();
    String[] lines = body.split("\n");
    assertThat(lines).hasSize(4);
    assertThat(lines[0]).contains("\"code\":\"unavailable\"").contains("\"rows_before\":0");
    assertThat(lines[3])
        .isEqualTo(
            "{\"summary\":{\"asked\":3,\"answered\":0,"
                + "\"failed\":[\"shard_0\",\"shard_1\",\"shard_2\"],\"rows\":0,\"complete\":false}}");
    assertSafe(body);
  }

  @Test
  void listsShardsThatAreDown() {
    client.get().uri("/users/1").exchange().expectStatus().isEqualTo(503);
    client
        .get()
        .uri("/shards")
        .exchange()
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.length()")
        .isEqualTo(3)
        .jsonPath("$[0].status")
        .isEqualTo("DOWN")
        .jsonPath("$[0].row_count")
        .isEmpty()
        .consumeWith(
            result -> assertSafe(new String(result.getResponseBody(), StandardCharsets.UTF_8)));
  }

  @Test
  void isNotWellWithoutAnyShard() {
    client.get().uri("/users").exchange().expectBody(String.class);
    client
        .get()
        .uri("/actuator/health")
        .exchange()
        .expectStatus()
        .isEqualTo(503)
        .expectBody()
        .jsonPath("$.components.shards.status")
        .isEqualTo("DOWN");
  }

  @Test
  void headNeedsNoRows() {
    client.head().uri("/users").exchange().expectStatus().isOk().expectBody().isEmpty();
  }

  @Test
  void saysWhereAKeyGoesWithoutAnyShard() {
    client
        .get()
        .uri("/shards/route?table=users&key=42")
        .exchange()
        .expectStatus()
        .isOk()
        .expectBody()
        .jsonPath("$.shard_id")
        .isEqualTo("shard_0")
        .jsonPath("$.kind")
        .isEqualTo("hash")
        .jsonPath("$.strategy")
        .isEqualTo("by_id")
        .jsonPath("$.why")
        .value(
            String.class,
            why ->
                assertThat(why)
                    .startsWith("hash(CRC32, 1024 slots over [shard_0, shard_1, shard_2])"));
  }

  private static void assertSafe(String body) {
    assertThat(body)
        .doesNotContain(SECRET)
        .doesNotContain("SELECT")
        .doesNotContain("INSERT")
        .doesNotContain("Exception")
        .doesNotContain("at io.");
  }
}
