package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.api.client.ClientBounds;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.WebTestClient;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.netty.http.client.PrematureCloseException;
import reactor.util.retry.Retry;

/** Rows that are moved over HTTP, on real servers. */
@Tag("same-on-any-server")
class MovesIntegrationTests {

  private static final String[] OPERATORS = {
    "server.address=127.0.0.1",
    "shardflux.control.create-tables=true",
    "shardflux.control.poll=100ms",
    "shardflux.control.lease=1s",
    "shardflux.resharding.rollback-window=0s",
    "shardflux.timeouts.acquire=1s"
  };

  /** Takes the last quarter of each shard's slots to the fourth one. */
  private static final String QUARTER =
      "{\"strategy\":\"by_id\",\"next\":{\"type\":\"hash\",\"slot-table\":["
          + "{\"shard\":\"shard_0\",\"slots\":256},{\"shard\":\"shard_3\",\"slots\":86},"
          + "{\"shard\":\"shard_1\",\"slots\":256},{\"shard\":\"shard_3\",\"slots\":85},"
          + "{\"shard\":\"shard_2\",\"slots\":256},{\"shard\":\"shard_3\",\"slots\":85}]}}";

  /** A switch cuts the answer of a read whose rows may be missing then; it is never whole. */
  private static final Retry CUT = Retry.max(3).filter(PrematureCloseException.class::isInstance);

  @Test
  @Tag("same-on-any-server")
  void aFourthServerTakesUsersWhileTheyAreWrittenAndRead(@TempDir Path folder) {
    try (TestApplication application = onEmbedded(folder)) {
      WebTestClient client = application.client();
      assertThat(post(client, "/shards", "{}", 201)).contains("\"shard_id\":\"shard_3\"");
      assertThat(post(client, "/shards", "{}", 409)).contains("\"code\":\"conflict\"");
      AtomicInteger written = new AtomicInteger();
      AtomicInteger read = new AtomicInteger();
      AtomicReference<@Nullable Throwable> failed = new AtomicReference<>();
      Disposable writing =
          Mono.fromRunnable(() -> insert(client, 10_000 + written.incrementAndGet()))
              .then(Mono.fromRunnable(() -> whole(client, read)).retryWhen(CUT))
              .repeat()
              .subscribeOn(Schedulers.boundedElastic())
              .subscribe(nothing -> {}, failed::set);
      String planned = post(client, "/moves", QUARTER, 200);
      assertThat(planned).contains("\"job\":1,").contains("\"refusals\":[]");
      assertThat(last(client, "/moves/1"))
          .contains("\"ended\":true,\"error\":null")
          .contains("\"done\":1.0,")
          .contains("\"stuck\":false");
      writing.dispose();
      assertThat(failed.get()).isNull();
      assertThat(read.get()).isPositive();
      assertThat(whole(client, read)).contains("\"asked\":4");
      assertThat(
              client
                  .get()
                  .uri("/shards")
                  .exchange()
                  .expectBody(String.class)
                  .returnResult()
                  .getResponseBody())
          .contains("\"id\":\"shard_3\"")
          .doesNotContain("\"row_count\":0,");
    }
    try (TestApplication again = onEmbedded(folder)) {
      assertThat(whole(again.client(), new AtomicInteger())).contains("\"asked\":4");
      assertThat(last(again.client(), "/moves")).contains("\"job\":1,");
    }
  }

  private static TestApplication onEmbedded(Path folder) {
    String[] properties = Arrays.copyOf(OPERATORS, OPERATORS.length + 2);
    properties[OPERATORS.length] = "server.port=0";
    properties[OPERATORS.length + 1] = "shardflux.servers.data=" + folder;
    return TestApplication.with(properties);
  }

  @Test
  void answersOperatorsAlone() throws IOException {
    List<Database> databases = TestServers.shared().freshDatabases("moves_api");
    String token = "a-token-of-24-characters";
    try (TestApplication application =
        TestApplication.on(
            ClientBounds.defaults(),
            databases,
            "shardflux.control.create-tables=true",
            "shardflux.api.operator-token=" + token)) {
      WebTestClient anyone = application.client();
      for (String path : List.of("/moves", "/moves/1")) {
        assertThat(get(anyone, path, 403)).contains("\"code\":\"forbidden\"");
        assertThat(post(anyone, path, "{}", 403)).contains("\"title\":\"Forbidden\"");
      }
      WebTestClient operator =
          anyone.mutate().defaultHeader("Authorization", "Bearer " + token).build();
      assertThat(get(operator, "/moves/1", 404)).contains("job: 1, no such move");
      assertThat(get(operator, "/moves/one", 400)).contains("job: one (expected: a number)");
      assertThat(post(operator, "/moves", "{", 400)).contains("not JSON");
      assertThat(post(operator, "/moves", "{}", 400)).contains("strategy: missing");
      assertThat(post(operator, "/moves", "{\"strategy\":\"by_id\",\"next\":7}", 400))
          .contains("next: a number (expected: a strategy");
      assertThat(post(operator, "/moves", "{\"strategy\":\"by_id\",\"next\":\"{type: hsh}\"}", 400))
          .contains("strategies.by_id.type: hsh (expected: one of hash,");
      assertThat(post(operator, "/moves", "{\"intent\":{\"spread\":\"by_id\"},\"next\":\"\"}", 400))
          .contains("intent: beside strategy or next");
      assertThat(post(operator, "/moves", "{\"intent\":{\"spreat\":\"by_id\"}}", 400))
          .contains("intent: [] (expected: exactly one of [change, ");
      String away = "{\"intent\":{\"remove-shard\":\"shard_1\"},\"plan_only\":true}";
      assertThat(post(operator, "/moves", away, 200))
          .contains("\"strategy\":\"by_id\"")
          .contains("{\"from\":\"shard_1\",\"to\":\"shard_2\",");
      assertThat(post(operator, "/moves/1", "{\"want\":\"stop\"}", 400)).contains("want: stop");
      assertThat(post(operator, "/moves/1", "{\"want\":\"pause\"}", 404)).contains("no such");
      refusals(application, operator);
    }
    try (TestApplication alone =
        TestApplication.on(ClientBounds.defaults(), databases, "server.address=127.0.0.1")) {
      assertThat(get(alone.client(), "/moves", 404)).contains("moves: none here (expected:");
    }
  }

  private static void refusals(TestApplication application, WebTestClient operator) {
    application
        .router()
        .onAll()
        .sql("ALTER TABLE users DROP PRIMARY KEY")
        .rowsUpdated()
        .then()
        .block(TestApplication.BOUND);
    String next = "{\"strategy\":\"by_id\",\"next\":\"{type: fixed, shard: shard_0}\"";
    assertThat(post(operator, "/moves", next + ",\"plan_only\":true}", 200))
        .contains("\"job\":null")
        .contains("NO_PRIMARY_KEY");
    assertThat(post(operator, "/moves", next + "}", 409))
        .contains("\"code\":\"refused\"")
        .contains("NO_PRIMARY_KEY");
    String more = next + ",\"plan_only\":true,";
    assertThat(post(operator, "/moves", more + "\"accept\":[\"NO_PRIMARY_KEY\"]}", 400))
        .contains("code: NO_PRIMARY_KEY (expected: one of [AUTO_INCREMENT,");
    assertThat(post(operator, "/moves", more + "\"accept\":[\"ALL\"]}", 400))
        .contains("code: ALL (expected: one of [NO_TABLE,");
    assertThat(post(operator, "/moves", more + "\"accept\":\"UNIQUE_KEY\"}", 400))
        .contains("accept: a string (expected: a list of codes");
    assertThat(post(operator, "/moves", more + "\"options\":{\"max-lag\":\"1ms\"}}", 400))
        .contains("options.max-lag: 1ms (expected: a time from 1s to 1h)");
    assertThat(post(operator, "/moves", more + "\"options\":5}", 400))
        .contains("options: a number (expected: an object");
    assertThat(
            post(
                operator,
                "/moves",
                more + "\"accept\":[\"UNIQUE_KEY\"],\"options\":{\"rows-per-second\":50}}",
                200))
        .contains("\"job\":null")
        .contains("NO_PRIMARY_KEY");
    assertThat(get(operator, "/moves", 200)).isEmpty();
  }

  private static void insert(WebTestClient client, int id) {
    String user =
        "{\"id\":%d,\"username\":\"u\",\"email\":\"u@example.org\",\"name\":\"U\"}".formatted(id);
    post(client, "/users", user, 201);
  }

  /** Reads all users, which must be whole. */
  private static String whole(WebTestClient client, AtomicInteger read) {
    String summary = last(client, "/users");
    assertThat(summary).contains("\"complete\":true");
    read.incrementAndGet();
    return summary;
  }

  /** The last line of an answer. */
  private static String last(WebTestClient client, String path) {
    Flux<String> lines =
        client
            .get()
            .uri(path)
            .accept(MediaType.APPLICATION_NDJSON)
            .exchange()
            .expectStatus()
            .isOk()
            .returnResult(String.class)
            .getResponseBody();
    return String.valueOf(lines.blockLast(Duration.ofMinutes(2)));
  }

  private static String get(WebTestClient client, String path, int status) {
    return body(client.get().uri(path).exchange(), status);
  }

  private static String post(WebTestClient client, String path, String body, int status) {
    return body(
        client.post().uri(path).contentType(MediaType.APPLICATION_JSON).bodyValue(body).exchange(),
        status);
  }

  private static String body(WebTestClient.ResponseSpec answer, int status) {
    String body =
        answer
            .expectStatus()
            .isEqualTo(status)
            .expectBody(String.class)
            .returnResult()
            .getResponseBody();
    return body == null ? "" : body;
  }
}
