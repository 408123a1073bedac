package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Compiles and runs the README's example, and keeps the README to what is compiled here. */
@Tag("same-on-any-server")
class ReadmeExampleIntegrationTests {

  private static final Path README = Path.of("../README.md");
  private static final Path SELF =
      Path.of("src/test/java/io/shardflux/r2dbc/ReadmeExampleIntegrationTests.java");

  @Test
  void theExampleRuns() {
    List<Database> databases = TestServers.shared().freshDatabases("readme");
    String url0 = databases.get(0).r2dbcUrl();
    String url1 = databases.get(1).r2dbcUrl();

    // README: begin
    ShardId a = ShardId.of("shard_0");
    ShardId b = ShardId.of("shard_1");
    ShardRouter router =
        ShardRouter.builder()
            .shard(Shard.of("shard_0", url0))
            .shard(Shard.of("shard_1", url1))
            .strategy("by_id", ShardingStrategy.hash(List.of(a, b)))
            .table(new TableRule.Sharded("users", List.of(KeyColumn.integer("id")), "by_id"))
            .build();
    Mono<String> one =
        router
            .on("users", ShardKey.of(42))
            .sql("SELECT name FROM users WHERE id = :id")
            .bind("id", 42)
            .map((row, metadata) -> row.get("name", String.class))
            .one();
    Flux<ShardSignal<String>> all =
        router
            .onAll()
            .sql("SELECT name FROM users")
            .map((row, metadata) -> row.get("name", String.class))
            .signals();
    // README: end

    try {
      TestShards.load(router);
      StepVerifier.create(one).expectNext("user 42").expectComplete().verify(BOUND);
      StepVerifier.create(all.last())
          .expectNextMatches(
              last ->
                  last instanceof ShardSignal.Coverage<String> coverage
                      && coverage.complete()
                      && coverage.rows() == TestShards.USERS)
          .expectComplete()
          .verify(BOUND);
    } finally {
      router.close().block(BOUND);
    }
  }

  @Test
  void theReadmeShowsWhatIsCompiledHere() throws IOException {
    assertThat(words(between(Files.readString(README), "```java\n", "```")))
        .isEqualTo(words(between(Files.readString(SELF), "// README: begin\n", "// README: end")));
  }

  private static String between(String text, String begin, String end) {
    int from = text.indexOf(begin) + begin.length();
    return text.substring(from, text.indexOf(end, from));
  }

  private static String words(String code) {
    return code.replaceAll("\\s+", "");
  }
}
