package io.shardflux.api.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.api.RawHttp;
import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.FieldError;
import io.shardflux.router.ShardId;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.springframework.core.io.buffer.DataBuffer;
import org.springframework.core.io.buffer.DefaultDataBufferFactory;
import org.springframework.http.HttpStatus;
import org.springframework.http.server.reactive.ReactorHttpHandlerAdapter;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.netty.DisposableServer;
import reactor.netty.http.server.HttpServer;
import reactor.test.StepVerifier;
import reactor.test.publisher.TestPublisher;

final class NdjsonTests {

  private static final Duration BOUND = Duration.ofSeconds(30);
  private static final ShardId SHARD = ShardId.of("shard_1");

  @Test
  void sendsTheHeadersFirst() {
    StepVerifier.create(groups(Flux.never())).expectNext("").thenCancel().verify(BOUND);
  }

  @Test
  void flushesBySize() {
    TestPublisher<NdjsonLine> lines = TestPublisher.create();
    StepVerifier.withVirtualTime(() -> groups(lines.flux()))
        .expectNext("")
        .then(() -> emit(lines, Ndjson.MAX_LINES + 1))
        .assertNext(group -> assertThat(group.lines()).hasSize(Ndjson.MAX_LINES))
        .expectNoEvent(Ndjson.MAX_WAIT.minusMillis(1))
        .thenAwait(Duration.ofMillis(1))
        .assertNext(group -> assertThat(group.lines()).hasSize(1))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void flushesSingleLinesAfterAFewMilliseconds() {
    TestPublisher<NdjsonLine> lines = TestPublisher.create();
    StepVerifier.withVirtualTime(() -> groups(lines.flux()))
        .expectNext("")
        .then(() -> emit(lines, 1))
        .expectNoEvent(Ndjson.MAX_WAIT.minusMillis(1))
        .thenAwait(Duration.ofMillis(1))
        .expectNext("{\"id\":0,\"shard_id\":\"shard_1\"}\n")
        .expectNoEvent(Duration.ofMinutes(1))
        .then(() -> emit(lines, 1))
        .then(lines::complete)
        .expectNext("{\"id\":0,\"shard_id\":\"shard_1\"}\n")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void asksForNoMoreLinesThanAreTaken() {
    AtomicLong produced = new AtomicLong();
    Flux<NdjsonLine> endless = endless(produced, "x");
    StepVerifier.create(Ndjson.groups(endless, DefaultDataBufferFactory.sharedInstance), 3)
        .expectNextCount(3)
        .then(() -> assertThat(produced.get()).isLessThanOrEqualTo(8L * Ndjson.MAX_LINES))
        .thenRequest(10)
        .expectNextCount(10)
        .then(() -> assertThat(produced.get()).isLessThanOrEqualTo(18L * Ndjson.MAX_LINES))
        .thenCancel()
        .verify(BOUND);
  }

  @Test
  void aCancelReachesTheLines() {
    TestPublisher<NdjsonLine> lines = TestPublisher.create();
    StepVerifier.create(groups(lines.flux()))
        .expectNext("")
        .then(() -> emit(lines, 1))
        .expectNextCount(1)
        .thenCancel()
        .verify(BOUND);
    lines.assertCancelled();
  }

  @Test
  void writesEveryKindOfLine() {
    User user = new User(7, "zoë", "z@example.org", "Zoë \"😀\"\n");
    Failure failure = new Failure("timeout", HttpStatus.GATEWAY_TIMEOUT, "late");
    Failure fields =
        new Failure(
            "invalid", HttpStatus.BAD_REQUEST, "wrong", List.of(new FieldError("id", "bad")));
    assertThat(json(new NdjsonLine.Found(user, SHARD)))
        .isEqualTo(
            "{\"id\":7,\"username\":\"zoë\",\"email\":\"z@example.org\","
                + "\"name\":\"Zoë \\\"😀\\\"\\n\",\"shard_id\":\"shard_1\"}");
    assertThat(json(new NdjsonLine.ShardFailed(SHARD, failure, 12)))
        .isEqualTo(
            "{\"shard_id\":\"shard_1\",\"error\":"
                + "{\"code\":\"timeout\",\"message\":\"late\",\"rows_before\":12}}");
    assertThat(json(new NdjsonLine.ReadSummary(3, 2, List.of(SHARD), 5, false)))
        .isEqualTo(
            "{\"summary\":{\"asked\":3,\"answered\":2,\"failed\":[\"shard_1\"],"
                + "\"rows\":5,\"complete\":false}}");
    assertThat(json(new NdjsonLine.Refused(9, fields)))
        .isEqualTo(
            "{\"line\":9,\"error\":{\"code\":\"invalid\",\"message\":\"wrong\","
                + "\"errors\":[{\"field\":\"id\",\"message\":\"bad\"}]}}");
    assertThat(json(new NdjsonLine.UploadSummary(5, 3)))
        .isEqualTo("{\"summary\":{\"received\":5,\"stored\":3,\"failed\":2}}");
    assertThat(new String(Json.array(List.of()), StandardCharsets.UTF_8)).isEqualTo("[]");
  }

  @Test
  void aWaitingClientHasTheHeadersBeforeAnyLine() throws IOException {
    Sinks.One<NdjsonLine> line = Sinks.one();
    DisposableServer server = serve(line.asMono().flux());
    try (RawHttp client = RawHttp.get(server.port(), "/")) {
      assertThat(client.head()).contains("200 OK").contains("application/x-ndjson");
      line.tryEmitValue(new NdjsonLine.Stored(1, SHARD)).orThrow();
      assertThat(client.line()).isEqualTo("{\"id\":1,\"shard_id\":\"shard_1\"}");
      assertThat(client.line()).isNull();
    } finally {
      server.disposeNow();
    }
  }

  @Test
  void aSlowClientSlowsTheLinesDown() throws IOException {
    AtomicLong produced = new AtomicLong();
    // Sockets hold 5 MB or so, which is some thousand lines.
    DisposableServer server = serve(endless(produced, "x".repeat(1_024)));
    try (RawHttp client = RawHttp.get(server.port(), "/")) {
      client.head();
      for (int read = 1; read <= 50_000; read++) {
        assertThat(client.line()).isNotNull();
        assertThat(produced.get()).isLessThan(read + 25_000L);
      }
    } finally {
      server.disposeNow();
    }
  }

  @Test
  void anErrorCutsTheConnection() throws IOException {
    Flux<NdjsonLine> lines =
        Flux.concat(
            Mono.just(new NdjsonLine.Stored(1, SHARD)),
            Mono.error(new IllegalStateException("for the test")));
    DisposableServer server = serve(lines);
    try (RawHttp client = RawHttp.get(server.port(), "/")) {
      client.head();
      assertThatThrownBy(
              () -> {
                for (String line = client.line(); line != null; line = client.line()) {
                  assertThat(line).isEqualTo("{\"id\":1,\"shard_id\":\"shard_1\"}");
                }
              })
          .isInstanceOf(EOFException.class);
    } finally {
      server.disposeNow();
    }
  }

  private static Flux<NdjsonLine> endless(AtomicLong produced, String message) {
    Failure failure = new Failure("code", HttpStatus.OK, message);
    return Flux.generate(
        sink -> sink.next(new NdjsonLine.Refused(produced.incrementAndGet(), failure)));
  }

  private static DisposableServer serve(Flux<NdjsonLine> lines) {
    return HttpServer.create()
        .host("127.0.0.1")
        .port(0)
        .handle(new ReactorHttpHandlerAdapter((request, response) -> Ndjson.send(response, lines)))
        .bindNow(BOUND);
  }

  private static Flux<String> groups(Flux<NdjsonLine> lines) {
    return Ndjson.groups(lines, DefaultDataBufferFactory.sharedInstance)
        .concatMap(group -> group.map(NdjsonTests::text).defaultIfEmpty(""));
  }

  private static void emit(TestPublisher<NdjsonLine> lines, int count) {
    for (int i = 0; i < count; i++) {
      lines.next(new NdjsonLine.Stored(i, SHARD));
    }
  }

  private static String text(DataBuffer buffer) {
    return buffer.toString(StandardCharsets.UTF_8);
  }

  private static String json(NdjsonLine line) {
    return new String(Json.object(line), StandardCharsets.UTF_8);
  }
}
