package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Mono;

/** Clients that begin a body and send no more of it; nothing listens where the shards should be. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SilentBodiesTests {

  private final TestApplication application =
      TestApplication.on(
          new ClientBounds(Duration.ofSeconds(1)),
          "r2dbc:mysql://app:x@127.0.0.1:1/db0",
          "r2dbc:mysql://app:x@127.0.0.1:1/db1");

  @AfterAll
  void stop() {
    application.close();
  }

  @ParameterizedTest
  @CsvSource({
    "POST /users, Content-Length: 100, ''",
    "POST /users, Content-Length: 100, {",
    "POST /users, Transfer-Encoding: chunked, ''",
    "POST /users, Transfer-Encoding: chunked, '1\r\n{\r\n'",
    "PUT /users/1, Content-Length: 100, {",
    "POST /shards/explain, Content-Length: 100, {",
  })
  void isA408AndTheEndOfTheConnection(String request, String framing, String begun)
      throws IOException {
    try (RawHttp http = RawHttp.kept(application.port())) {
      String head = "Content-Type: application/json\r\nHost: localhost\r\n" + framing;
      String text = request + " HTTP/1.1\r\n" + head + "\r\n\r\n" + begun;
      http.request(text.getBytes(StandardCharsets.US_ASCII));
      String answer = http.head();
      assertThat(answer).startsWith("HTTP/1.1 408").contains("application/problem+json");
      assertThat(http.body(answer)).contains("\"code\":\"too_slow\"");
      assertThat(http.closed()).isTrue();
    }
  }

  @Test
  void endsAnUploadWhoseLinesAreAnsweredBefore() throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      http.send("{\n{\"id\":1");
      assertThat(http.head()).startsWith("HTTP/1.1 200");
      assertThat(http.line()).startsWith("{\"line\":1,\"error\":{\"code\":\"invalid\"");
      assertThat(http.line()).startsWith("{\"line\":2,\"error\":{\"code\":\"too_slow\"");
      assertThat(http.line()).isNull();
      assertThat(http.closed()).isTrue();
    }
  }

  @Test
  void aSlowSenderIsNotSilent() throws IOException {
    try (RawHttp http = RawHttp.upload(application.port())) {
      http.head();
      for (int line = 1; line <= 6; line++) {
        http.send("{\n");
        assertThat(http.line()).startsWith("{\"line\":" + line + ",");
        pause(Duration.ofMillis(300));
      }
      http.end();
      assertThat(http.line()).contains("\"summary\"");
    }
  }

  private static void pause(Duration time) {
    Mono.delay(time).block(TestApplication.BOUND);
  }
}
