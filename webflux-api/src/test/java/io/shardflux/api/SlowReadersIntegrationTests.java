package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.api.client.ClientBounds;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.StatusAssertions;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Clients that ask for all users and take them slowly, and those who want something else. */
@Tag("same-on-any-server")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SlowReadersIntegrationTests {

  private static final int SIZE = 4;
  private static final int STREAMS = 2;

  /** {@code -Dreaders.real=true} has the bounds that applications have, and takes minutes. */
  private static final boolean REAL = Boolean.getBoolean("readers.real");

  private static final Duration PERIOD = REAL ? Duration.ofMinutes(1) : Duration.ofMillis(1500);
  private static final int PACE = REAL ? 1_000 : 40_000;

  private final List<Database> databases = TestServers.shared().freshDatabases("slow");
  private final List<RawHttp> clients = new ArrayList<>();
  private boolean loaded;

  @AfterEach
  void disconnect() throws IOException {
    for (RawHttp client : clients) {
      client.close();
    }
    clients.clear();
  }

  @Test
  void twelveLeaveTheShardsToOthers() throws IOException {
    try (TestApplication application = application(ClientBounds.defaults(), STREAMS)) {
      for (String path : List.of("/users?", "/users?order=id&")) {
        stall(application, path, STREAMS);
        assertThat(found(application)).containsOnly(200);
        put(application).isOk();
        RawHttp late = ask(application, path + "timeout=1s");
        String head = late.head();
        assertThat(head)
            .startsWith("HTTP/1.1 503")
            .containsIgnoringCase("retry-after: 1")
            .contains("application/problem+json");
        assertThat(late.body(head))
            .contains("\"code\":\"unavailable\"", "all of its 2 streams are taken for 1000 ms");
        // Also where clients are gone that still wait for a place.
        disconnect();
        application.awaitIdle();
        RawHttp next = ask(application, path);
        assertThat(next.head()).startsWith("HTTP/1.1 200");
        assertThat(next.line()).contains("\"id\":");
        disconnect();
      }
    }
  }

  @Test
  void asManyAsThereAreConnectionsShutOthersOut() throws IOException {
    try (TestApplication application = application(ClientBounds.defaults(), SIZE)) {
      stall(application, "/users?", SIZE);
      put(application).isEqualTo(504);
      // An application that ends lets its clients read on for a while.
      disconnect();
    }
  }

  @Test
  void areCutOffAndNobodyElseIs() throws IOException {
    ClientBounds bounds = new ClientBounds(PERIOD.multipliedBy(20), PACE, PERIOD);
    try (TestApplication application = application(bounds, SIZE)) {
      RawHttp slow = ask(application, "/users");
      RawHttp silent = ask(application, "/users");
      RawHttp steady = ask(application, "/users");
      RawHttp idle = RawHttp.kept(application.port());
      clients.add(idle);
      idle.ask("/users/1");
      assertThat(idle.answer()).startsWith("HTTP/1.1 200");
      RawHttp upload = RawHttp.upload(application.port());
      clients.add(upload);
      upload.head();
      Disposable slowly = in(() -> read(slow, PACE / 5)).subscribe();
      Disposable steadily = in(() -> read(steady, PACE * 5)).subscribe();
      // Two are cut off; a third, and whoever waits for nothing, are not.
      awaitTaken(application, 1);
      assertThat(answersSlowly(upload)).isTrue();
      // A kept connection has a bound of its own, of a minute.
      if (!REAL) {
        idle.ask("/users/1");
        assertThat(idle.answer()).startsWith("HTTP/1.1 200");
      }
      assertThat(application.acquired()).containsOnly(1);
      assertThat(steadily.isDisposed()).isFalse();
      slowly.dispose();
      steadily.dispose();
      // Its end is behind what the kernel had.
      assertThat(silent.take(1 << 30)).isBetween(1, 1 << 20);
      disconnect();
    }
  }

  private static Mono<Void> in(ThrowingCallable work) {
    return Mono.<Void>fromCallable(
            () -> {
              try {
                work.call();
                return null;
              } catch (Throwable e) {
                throw Exceptions.propagate(e);
              }
            })
        .onErrorComplete()
        .subscribeOn(Schedulers.boundedElastic());
  }

  /** Takes so many bytes a second, until the end or an interruption. */
  private static void read(RawHttp client, int pace) throws IOException {
    int tenth = pace / 10;
    while (client.take(tenth) == tenth) {
      pause(Duration.ofMillis(100));
    }
  }

  private static boolean answersSlowly(RawHttp upload) throws IOException {
    Duration pause = REAL ? Duration.ofSeconds(5) : PERIOD.dividedBy(2);
    long end = System.nanoTime() + PERIOD.multipliedBy(3).toNanos();
    int line = 0;
    while (System.nanoTime() < end) {
      upload.send("{\n");
      assertThat(upload.line()).startsWith("{\"line\":" + ++line + ",");
      pause(pause);
    }
    upload.end();
    return String.valueOf(upload.line()).contains("\"summary\"");
  }

  private static void pause(Duration time) {
    Mono.delay(time).block(TestApplication.BOUND);
  }

  /** Has twelve clients ask for all and take nothing, until so many have what they can get. */
  private void stall(TestApplication application, String path, int streams) throws IOException {
    for (int i = 0; i < 12; i++) {
      ask(application, path);
    }
    awaitTaken(application, streams);
  }

  private static void awaitTaken(TestApplication application, int streams) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30).plus(PERIOD.multipliedBy(3)))
        .untilAsserted(() -> assertThat(application.acquired()).containsOnly(streams));
  }

  private RawHttp ask(TestApplication application, String path) throws IOException {
    RawHttp client = RawHttp.get(application.port(), path);
    clients.add(client);
    return client;
  }

  /** The answer with the users of all shards. */
  private static Set<Integer> found(TestApplication application) {
    return Flux.range(1, 12)
        .flatMap(
            id ->
                Mono.fromCallable(
                        () ->
                            application
                                .client()
                                .get()
                                .uri("/users/" + id)
                                .exchange()
                                .returnResult(Void.class)
                                .getStatus()
                                .value())
                    .subscribeOn(Schedulers.boundedElastic()))
        .collect(Collectors.toSet())
        .blockOptional(TestApplication.BOUND)
        .orElseThrow();
  }

  private static StatusAssertions put(TestApplication application) {
    return application
        .client()
        .put()
        .uri("/users/1")
        .contentType(MediaType.APPLICATION_JSON)
        .bodyValue(user(1))
        .exchange()
        .expectStatus();
  }

  private static String user(int id) {
    return "{\"id\":" + id + ",\"username\":\"u\",\"email\":\"a@b\",\"name\":\"N\"}";
  }

  private TestApplication application(ClientBounds bounds, int streams) throws IOException {
    TestApplication application =
        TestApplication.on(
            bounds,
            databases,
            "shardflux.pool.max-size=" + SIZE,
            "shardflux.pool.streams=" + streams,
            "shardflux.timeouts.acquire=1s");
    if (!loaded) {
      load(application);
      loaded = true;
    }
    return application;
  }

  /** 20,000 users of a shard, far more than what lies on the way to a client. */
  private static void load(TestApplication application) {
    for (int id = 1; id <= 12; id++) {
      application
          .client()
          .post()
          .uri("/users")
          .contentType(MediaType.APPLICATION_JSON)
          .bodyValue(user(id))
          .exchange()
          .expectStatus()
          .isCreated();
    }
    String tens =
        "(SELECT 0 n" + " UNION ALL SELECT %d".repeat(9).formatted(1, 2, 3, 4, 5, 6, 7, 8, 9) + ")";
    application
        .router()
        .onAll()
        .sql(
            "INSERT INTO users (id, username, email, name) SELECT 1000 + a.n + 10 * b.n + 100 *"
                + " c.n + 1000 * d.n + 10000 * e.n, 'u', 'a@b', REPEAT('x', 250) FROM "
                + tens
                + " a, "
                + tens
                + " b, "
                + tens
                + " c, "
                + tens
                + " d, (SELECT 0 n UNION ALL SELECT 1) e")
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .then()
        .block(TestApplication.BOUND);
  }
}
