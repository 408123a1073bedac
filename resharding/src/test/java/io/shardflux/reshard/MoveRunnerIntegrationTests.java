package io.shardflux.reshard;

import static io.shardflux.reshard.MoveFixture.BOUND;
import static io.shardflux.reshard.MoveFixture.S1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.router.ShardingStrategy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Moves from a command line, done by a process that does nothing else. */
@Tag("same-on-any-server")
@TestInstance(Lifecycle.PER_CLASS)
class MoveRunnerIntegrationTests {

  private static final String INTENT = "{spread: by_user, shards: [shard_1]}";

  private final MoveFixture fixture = new MoveFixture("{type: fixed, shard: shard_0}");
  private Path document;

  @BeforeAll
  void write(@TempDir Path folder) throws IOException {
    document = folder.resolve("document.yaml");
    Files.writeString(document, fixture.document() + "resharding: {rollback-window: 0s}\n");
    fixture.load(9);
  }

  @AfterAll
  void close() {
    fixture.close();
  }

  /** What a command ended with, and what it said. */
  private record Said(int end, String out, String errors) {}

  private Said said(String... arguments) {
    List<String> all = new ArrayList<>(List.of(document.toString()));
    all.addAll(List.of(arguments));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    int end =
        MoveRunner.run(
            all, new PrintStream(out, true, UTF_8), new PrintStream(errors, true, UTF_8));
    return new Said(end, out.toString(UTF_8), errors.toString(UTF_8));
  }

  @Test
  void aProcessOfItsOwnDoesAMove() throws IOException, InterruptedException {
    Map<Long, List<String>> before = fixture.rows();
    Process host =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                System.getProperty("java.class.path"),
                MoveRunner.class.getName(),
                document.toString(),
                "host")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      Said plan = said("plan", INTENT);
      assertThat(plan.out()).contains("shard_0 to shard_1: about 18 rows");
      assertThat(plan.end()).isZero();
      Said started = said("start", INTENT);
      assertThat(started.out()).startsWith("job ");
      String job = started.out().substring("job ".length()).trim();
      Said watched = said("watch", job);
      assertThat(watched.end()).isZero();
      assertThat(watched.out().trim()).endsWith("ended");
      fixture.check(before, ShardingStrategy.fixed(S1));
      assertThat(said("list").out()).startsWith("job " + job + ", by_user, RUN, ");
      assertThat(said("cancel", job).out()).contains("ended");
      host.destroy();
      assertThat(host.waitFor(60, TimeUnit.SECONDS)).isTrue();
      // It was closed in order, and so is no longer registered.
      assertThat(fixture.routers.get(0).state().blockOptional(BOUND).orElseThrow().routers())
          .hasSize(1);
    } finally {
      host.destroyForcibly();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2 | '' | usage: MoveRunner document.yaml host",
        "2 | stop;7 | stop: unknown",
        "2 | plan | plan: alone (expected: an intent)",
        "2 | pause | pause: alone (expected: a job's number)",
        "2 | watch;x | job: x (expected: a job's number)",
        "2 | plan;{spread: by_user} | shards: null (expected: a list of texts)",
        "1 | watch;77 | job: 77 (expected: one of all())",
        "1 | plan;{spread: by_none, shards: [shard_1]} | strategy: by_none (expected: one of",
        "1 | plan;{spread: by_user, shards: [shard_1]};NO_TABLE | code: NO_TABLE (expected: one of",
      })
  void whatMeansNothingIsRefused(int end, String arguments, String message) {
    Said said = said(arguments.isEmpty() ? new String[0] : arguments.split(";"));
    assertThat(said.errors()).startsWith(message);
    assertThat(said.end()).isEqualTo(end);
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    PrintStream to = new PrintStream(errors, true, UTF_8);
    assertThat(MoveRunner.run(List.of("/nowhere.yaml", "list"), to, to)).isEqualTo(1);
    assertThat(errors.toString(UTF_8)).startsWith("document: /nowhere.yaml (expected: ");
  }
}
