package io.shardflux.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.test.web.reactive.server.WebTestClient;

/**
 * A million users in and out of an application that has 128 MB of heap: run by {@code mvn verify
 * -pl webflux-api -am -Dmillion.users=true -Dit.test=MillionUsersIntegrationTests
 * -Dfailsafe.failIfNoSpecifiedTests=false}.
 */
@EnabledIfSystemProperty(named = "million.users", matches = "true")
@Tag("same-on-any-server")
final class MillionUsersIntegrationTests {

  private static final int USERS = 1_000_000;

  /** Coprime with the number of users, so that stepping by it meets each id once, in no order. */
  private static final long STEP = 618_033;

  private static final Pattern PORT = Pattern.compile("Ready, try: .*localhost:([0-9]+)/");
  private static final Pattern ID = Pattern.compile("\\{\"id\":([0-9]+),.*");
  private static final Pattern STORED =
      Pattern.compile("\\{\"id\":([0-9]+),\"shard_id\":\"shard_[012]\"}");

  @Test
  void takesAMillionUsersAndGivesThemBackInOrder(@TempDir Path folder) throws Exception {
    Process application =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path"),
                ShardfluxApplication.class.getName(),
                "--server.port=0",
                "--logging.level.io.shardflux=INFO",
                "--shardflux.servers.data=" + folder)
            .redirectErrorStream(true)
            .start();
    try {
      int port = port(application);
      deleteSamples(port);
      long start = System.nanoTime();
      upload(port);
      long uploaded = System.nanoTime();
      readInOrder(port);
      long read = System.nanoTime();
      System.out.printf(
          "%d users under -Xmx128m: stored in %d s, read in order in %d s%n",
          USERS,
          TimeUnit.NANOSECONDS.toSeconds(uploaded - start),
          TimeUnit.NANOSECONDS.toSeconds(read - uploaded));
    } finally {
      application.destroy();
      assertThat(application.waitFor(90, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static int port(Process application) throws IOException {
    BufferedReader log =
        new BufferedReader(
            new InputStreamReader(application.getInputStream(), StandardCharsets.UTF_8));
    StringBuilder all = new StringBuilder();
    for (String line = log.readLine(); line != null; line = log.readLine()) {
      all.append(line).append('\n');
      Matcher matcher = PORT.matcher(line);
      if (matcher.find()) {
        Thread rest = new Thread(() -> log.lines().forEach(System.out::println), "application");
        rest.setDaemon(true);
        rest.start();
        return Integer.parseInt(matcher.group(1));
      }
    }
    throw new IllegalStateException("the application did not start: " + all);
  }

  private static void deleteSamples(int port) {
    WebTestClient client = WebTestClient.bindToServer().baseUrl("http://localhost:" + port).build();
    for (int id = 1; id <= SampleUsers.COUNT; id++) {
      client.delete().uri("/users/" + id).exchange().expectStatus().isNoContent();
    }
  }

  private static void upload(int port) throws IOException {
    BitSet stored = new BitSet(USERS + 1);
    try (RawHttp http = RawHttp.upload(port)) {
      Thread sender = new Thread(() -> send(http), "sender");
      sender.start();
      http.head();
      String last = "";
      for (String line = http.line(); line != null; line = http.line()) {
        last = line;
        Matcher matcher = STORED.matcher(line);
        if (matcher.matches()) {
          stored.set(Integer.parseInt(matcher.group(1)));
        }
      }
      assertThat(last)
          .isEqualTo("{\"summary\":{\"received\":1000000,\"stored\":1000000,\"failed\":0}}");
    }
    assertThat(stored.cardinality()).isEqualTo(USERS);
  }

  private static void send(RawHttp http) {
    try {
      StringBuilder lines = new StringBuilder();
      for (long i = 0; i < USERS; i++) {
        long id = i * STEP % USERS + 1;
        lines.append("{\"id\":").append(id).append(",\"username\":\"user").append(id);
        lines
            .append("\",\"email\":\"user")
            .append(id)
            .append("@example.org\",\"name\":\"User\"}\n");
        if (i % 100 == 99) {
          http.send(lines.toString());
          lines.setLength(0);
        }
      }
      http.end();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void readInOrder(int port) throws IOException {
    try (RawHttp http = RawHttp.get(port, "/users?order=id")) {
      http.head();
      for (int id = 1; id <= USERS; id++) {
        Matcher matcher = ID.matcher(Objects.requireNonNull(http.line()));
        assertThat(matcher.matches()).isTrue();
        assertThat(Integer.parseInt(matcher.group(1))).isEqualTo(id);
      }
      assertThat(List.of(Objects.requireNonNull(http.line())))
          .containsExactly(
              "{\"summary\":{\"asked\":3,\"answered\":3,\"failed\":[],\"rows\":1000000,\"complete\":true}}");
      assertThat(http.line()).isNull();
    }
  }
}
