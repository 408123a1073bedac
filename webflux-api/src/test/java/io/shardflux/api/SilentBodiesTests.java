package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import io.shardflux.api.client.ClientBounds;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Mono;

/** Clients that begin a body and send no more of it; nothing listens where the shards should be. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SilentBodiesTests {

  private final TestApplication application =
      TestApplication.on(
          new ClientBounds(Duration.ofSeconds(1)),
          "r2dbc:mysql://app:x@127.0.0.1:1/db0",
          "r2dbc:mysql://app:x@127.0.0.1:1/db1");

  private final List<String> errors = new CopyOnWriteArrayList<>();
  private final Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
  private final AppenderBase<ILoggingEvent> listener =
      new AppenderBase<>() {
        @Override
        protected void append(ILoggingEvent event) {
          if (event.getLevel().isGreaterOrEqual(Level.ERROR)) {
            errors.add(event.getLoggerName() + ": " + event.getFormattedMessage());
          }
        }
      };

  @BeforeAll
  void listen() {
    listener.setContext(root.getLoggerContext());
    listener.start();
    root.addAppender(listener);
  }

  /** Clients that are gone are no errors of the server's own. */
  @AfterAll
  void stop() {
    application.close();
    root.detachAppender(listener);
    assertThat(errors).isEmpty();
  }

  static List<Arguments> begun() {
    return List.of(
        Arguments.of("POST /users", "Content-Length: 100", ""),
        Arguments.of("POST /users", "Content-Length: 100", "{"),
        Arguments.of("POST /users", "Transfer-Encoding: chunked", ""),
        Arguments.of("POST /users", "Transfer-Encoding: chunked", "1\r\n{\r\n"),
        Arguments.of("PUT /users/1", "Content-Length: 100", "{"),
        Arguments.of("POST /shards/explain", "Content-Length: 100", "{"));
  }

  @ParameterizedTest
  @MethodSource("begun")
  void whoseClientHangsUpLeavesNoErrors(String request, String framing, String begun)
      throws IOException {
    for (int i = 0; i < 10; i++) {
      try (RawHttp http = RawHttp.kept(application.port())) {
        http.request(text(request, framing, begun));
        pause(Duration.ofMillis(20));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("begun")
  void isA408AndTheEndOfTheConnection(String request, String framing, String begun)
      throws IOException {
    try (RawHttp http = RawHttp.kept(application.port())) {
      http.request(text(request, framing, begun));
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

  private static byte[] text(String request, String framing, String begun) {
    String head = "Content-Type: application/json\r\nHost: localhost\r\n" + framing;
    return (request + " HTTP/1.1\r\n" + head + "\r\n\r\n" + begun)
        .getBytes(StandardCharsets.US_ASCII);
  }

  private static void pause(Duration time) {
    Mono.delay(time).block(TestApplication.BOUND);
  }
}
