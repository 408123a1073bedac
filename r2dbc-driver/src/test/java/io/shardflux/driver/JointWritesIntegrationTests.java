package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.R2dbcTransientResourceException;
import io.shardflux.servers.DatabaseServer;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;

/** Writes on several shards, which are done on all or on none. */
class JointWritesIntegrationTests {

  /** Of user 3 on the first shard, 1 on the second and 2 on the third. */
  private static final String GROW = "UPDATE users SET age = 77 WHERE id IN (1, 2, 3)";

  private final TestServers servers = TestServers.shared();
  private DriverShards shards;
  private Session first;
  private Session third;

  @BeforeEach
  void load() {
    shards = new DriverShards();
    shards.load(6);
    first = new Session(shards.databases.get(0));
    third = new Session(shards.databases.get(2));
  }

  @AfterEach
  void close() {
    first.close();
    third.close();
    shards.close();
  }

  @Test
  void aRefusedRowLeavesNoneAnywhere() {
    for (int there : new int[] {1, 2, 3}) {
      StepVerifier.create(
              shards.updated(
                  "INSERT INTO users (id, name) VALUES (?, 'x'), (?, 'x'), (?, 'x')",
                  there,
                  there + 9_001,
                  there + 9_002))
          .expectErrorSatisfies(
              error -> {
                assertThat(error)
                    .isInstanceOf(R2dbcDataIntegrityViolationException.class)
                    .hasMessageStartingWith(IDS.get(there % 3) + ": Duplicate entry")
                    .hasMessageEndingWith(
                        "; nothing was written, all of [shard_0, shard_1, shard_2] rolled back");
                assertThat(((R2dbcException) error).getErrorCode()).isEqualTo(1062);
              })
          .verify(BOUND);
    }
    assertThat(count("SELECT COUNT(*) FROM users")).isEqualTo(6);
    shards.awaitIdle();
  }

  @Test
  void allErrorsAreTold() {
    shards.router.operations().openBreaker(IDS.get(1)).block(BOUND);
    shards.router.operations().openBreaker(IDS.get(2)).block(BOUND);
    StepVerifier.create(shards.updated("INSERT INTO countries VALUES ('DE', 'Germany')"))
        .expectErrorSatisfies(
            error -> {
              assertThat(error)
                  .isInstanceOf(R2dbcTransientResourceException.class)
                  .hasMessageStartingWith("shard_1: ")
                  .hasMessageContaining("nothing was written");
              assertThat(error.getSuppressed())
                  .singleElement()
                  .satisfies(other -> assertThat(other).hasMessageStartingWith("shard_2: "));
            })
        .verify(BOUND);
    assertThat(first.number("SELECT COUNT(*) FROM countries")).isZero();
    shards.awaitIdle();
  }

  @Test
  void aConnectionLostBeforeTheCommitsLeavesNothing() {
    CompletableFuture<Long> write = writeBehind(third);
    first.run("KILL " + first.inTransaction());
    third.run("ROLLBACK");
    assertThat(failure(write))
        .isInstanceOf(R2dbcTransientResourceException.class)
        .hasMessageStartingWith("shard_0: connection lost")
        .hasMessageContaining("nothing was written");
    assertUnchanged();
    shards.awaitIdle();
  }

  @Test
  void aServerKilledBeforeTheCommitsLeavesNothing() {
    assumeTrue(servers.controllable(), "these servers can't be killed");
    DatabaseServer victim = servers.servers().get(1);
    CompletableFuture<Long> write = writeBehind(third);
    try {
      servers.kill(victim);
      third.run("ROLLBACK");
      assertThat(failure(write))
          .isInstanceOf(R2dbcTransientResourceException.class)
          .hasMessageContaining("nothing was written");
    } finally {
      servers.restore();
    }
    shards.router.operations().closeBreaker(IDS.get(1)).block(BOUND);
    assertUnchanged();
    assertThat(shards.updated(GROW).block(BOUND)).isEqualTo(3);
  }

  @Test
  void aHungServerIsLateAndNothingIsWritten() {
    assumeTrue(servers.controllable(), "these servers can't be paused");
    servers.pause(servers.servers().get(1));
    try {
      StepVerifier.create(shards.updated("/* shardflux: timeout=2s */ " + GROW))
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .isInstanceOf(R2dbcTimeoutException.class)
                      .hasMessageStartingWith("shard_1: no row within")
                      .hasMessageContaining("nothing was written"))
          .verify(BOUND);
      assertThat(first.number("SELECT COUNT(*) FROM users WHERE age = 77")).isZero();
    } finally {
      servers.restore();
    }
    shards.router.operations().closeBreaker(IDS.get(1)).block(BOUND);
    assertUnchanged();
    shards.awaitIdle();
  }

  @Test
  void aCancelLeavesNothingAndNoConnectionTaken() {
    third.run("BEGIN");
    third.run("UPDATE users SET age = 1 WHERE id = 2");
    Disposable write = shards.updated(GROW).subscribe();
    third.awaitStatements("%UPDATE users%", count -> count == 1);
    write.dispose();
    shards.awaitIdle();
    third.awaitStatements("%UPDATE users%", count -> count == 0);
    third.run("ROLLBACK");
    assertUnchanged();
    assertThat(shards.updated(GROW).block(BOUND)).isEqualTo(3);
  }

  @Test
  void copiesStayAlikeUnderWritesAtOnce() {
    shards.updated("INSERT INTO countries VALUES ('DE', '0'), ('FR', '0')").block(BOUND);
    StepVerifier.create(
            Flux.range(1, 120)
                .flatMap(
                    i ->
                        shards.updated(
                            "UPDATE countries SET label = ? WHERE code = ?",
                            "label " + i,
                            i % 2 == 0 ? "DE" : "FR"),
                    24)
                .reduce(0L, Long::sum))
        .expectNext(120L)
        .expectComplete()
        .verify(BOUND);
    String labels = "SELECT GROUP_CONCAT(label ORDER BY code) FROM countries";
    List<String> copies =
        Flux.fromIterable(IDS)
            .concatMap(
                shard ->
                    shards
                        .router
                        .on(shard)
                        .sql(labels)
                        .map((row, metadata) -> Objects.requireNonNull(row.get(0, String.class)))
                        .one())
            .collectList()
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(copies).hasSize(3).allMatch(copies.get(0)::equals);
    assertThat(copies.get(0)).matches("label \\d+,label \\d+");
  }

  @Test
  void writesThatMeetOnSomeShardsDoNotWaitForEachOther() {
    List<String> keys = List.of("1, 2", "2, 3", "3, 1", "1, 2, 3");
    StepVerifier.create(
            Flux.range(0, 120)
                .flatMap(
                    i ->
                        shards.updated(
                            "UPDATE users SET age = age + 1 WHERE id IN ("
                                + keys.get(i % keys.size())
                                + ")"),
                    24)
                .reduce(0L, Long::sum))
        .expectNext(270L)
        .expectComplete()
        .verify(BOUND);
    assertThat(count("SELECT COUNT(*) FROM users WHERE age = 90 + id")).isEqualTo(3);
  }

  /** No server sees that each of two writes waits for the other on another server. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/* shardflux: scatter-writes=true */ UPDATE users SET age = age + 1",
        "UPDATE users SET age = age + 1 WHERE id IN (3, 1, 2)",
        "/* shardflux: scatter-writes=true */ DELETE FROM users WHERE age > 900"
      })
  void aWriteOfAllShardsAndOneOfSomeDoNotWaitForEachOther(String all) {
    Session second = new Session(shards.databases.get(1));
    try {
      second.run("BEGIN");
      second.run("UPDATE users SET age = 1 WHERE id = 1");
      CompletableFuture<Long> some =
          shards.updated("UPDATE users SET age = age + 1 WHERE id IN (1, 2)").toFuture();
      second.awaitStatements("%UPDATE users%", count -> count == 1);
      CompletableFuture<Long> every = shards.updated(all).toFuture();
      second.awaitStatements("% users%", count -> count == 2);
      second.run("ROLLBACK");
      assertThat(some.orTimeout(BOUND.toSeconds(), TimeUnit.SECONDS).join()).isEqualTo(2);
      assertThat(every.orTimeout(BOUND.toSeconds(), TimeUnit.SECONDS).join()).isNotNegative();
    } finally {
      second.close();
    }
  }

  @Test
  void aCommitThatFailsIsToldByShard() {
    CompletableFuture<Long> write = writeBehind(third);
    // Holds commits up, and no statement that has run.
    first.run("FLUSH TABLES WITH READ LOCK");
    try {
      third.run("ROLLBACK");
      first.awaitStatements("COMMIT", count -> count == 1);
      first.run("KILL QUERY " + first.connectionOf("COMMIT"));
      assertThat(failure(write))
          .isInstanceOf(R2dbcNonTransientResourceException.class)
          .hasMessageStartingWith(
              "commit: {shard_0=rolled back, shard_1=committed, shard_2=committed}");
    } finally {
      first.run("UNLOCK TABLES");
    }
    assertThat(count("SELECT COUNT(*) FROM users WHERE age = 77")).isEqualTo(2);
    shards.awaitIdle();
  }

  @Test
  void aCommitWithoutAnAnswerIsToldAsUnknown() {
    CompletableFuture<Long> write = writeBehind(third);
    first.run("FLUSH TABLES WITH READ LOCK");
    try {
      third.run("ROLLBACK");
      first.awaitStatements("COMMIT", count -> count == 1);
      first.run("KILL " + first.connectionOf("COMMIT"));
      assertThat(failure(write))
          .isInstanceOf(R2dbcNonTransientResourceException.class)
          .hasMessageStartingWith(
              "commit: {shard_0=unknown, shard_1=committed, shard_2=committed}");
    } finally {
      first.run("UNLOCK TABLES");
    }
    shards.awaitIdle();
  }

  @Test
  void commitsGoOnWithoutTheirCaller() {
    third.run("BEGIN");
    third.run("UPDATE users SET age = 1 WHERE id = 2");
    Disposable write = shards.updated(GROW).subscribe();
    third.awaitStatements("%UPDATE users%", count -> count == 1);
    first.run("FLUSH TABLES WITH READ LOCK");
    try {
      third.run("ROLLBACK");
      first.awaitStatements("COMMIT", count -> count == 1);
      write.dispose();
    } finally {
      first.run("UNLOCK TABLES");
    }
    shards.awaitIdle();
    assertThat(count("SELECT COUNT(*) FROM users WHERE age = 77")).isEqualTo(3);
  }

  /**
   * A write that has run on the first shard and waits for a row that a session on the third has.
   */
  private CompletableFuture<Long> writeBehind(Session holder) {
    holder.run("BEGIN");
    holder.run("UPDATE users SET age = 1 WHERE id = 2");
    CompletableFuture<Long> write = shards.updated(GROW).toFuture();
    holder.awaitStatements("%UPDATE users%", count -> count == 1);
    return write;
  }

  private static Throwable failure(CompletableFuture<Long> write) {
    try {
      return new AssertionError(
          "written: " + write.orTimeout(BOUND.toSeconds(), TimeUnit.SECONDS).join());
    } catch (CompletionException e) {
      return Objects.requireNonNull(e.getCause());
    }
  }

  private void assertUnchanged() {
    assertThat(count("SELECT COUNT(*) FROM users WHERE age < 7")).isEqualTo(6);
  }

  private long count(String sql) {
    return shards
        .rows(row -> row.get(0, Long.class), sql)
        .single()
        .blockOptional(BOUND)
        .orElseThrow();
  }
}
