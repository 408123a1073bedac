package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** A shard comes or goes while a statement is planned, enters its shards, and is read. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class SwappedTopologyIntegrationTests {

  private static final ShardId EXTRA = ShardId.of("shard_9");
  private static final String INSERT =
      "INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France'), ('IT', 'Italy')";

  private final DriverShards shards = new DriverShards();
  private final Database extra = TestServers.shared().freshDatabases("extra").get(0);

  SwappedTopologyIntegrationTests() {
    shards.everywhere(INSERT);
    try (Session session = new Session(extra)) {
      session.run(
          "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, label VARCHAR(50))"
              + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
      session.run(INSERT);
    }
  }

  @BeforeEach
  void add() {
    shards.router.operations().addShard(Shard.of("shard_9", extra.r2dbcUrl())).block(BOUND);
  }

  @AfterEach
  void remove() {
    if (shards.router.topology().shards().contains(EXTRA)) {
      shards.router.operations().removeShard(EXTRA).block(BOUND);
    }
  }

  @AfterAll
  void close() {
    shards.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT COUNT(*) FROM countries",
        "SELECT COUNT(label) FROM countries WHERE code > 'A'",
        "SELECT 3",
        "SELECT 3 FROM countries WHERE code = 'DE' ORDER BY label LIMIT 1",
        "/* shardflux: timeout=9s */ SELECT COUNT(*) FROM countries c JOIN countries d USING"
            + " (code)",
      })
  void oneThatIsGoneWhenItsRowsAreReadIsPlannedAnew(String sql) {
    Connection connection = Mono.from(shards.factory.create()).blockOptional(BOUND).orElseThrow();
    Result planned = onExtra(connection, sql);
    shards.router.operations().removeShard(EXTRA).block(BOUND);

    StepVerifier.create(planned.map(row -> Objects.requireNonNull(row.get(0, Long.class))))
        .expectNext(3L)
        .expectComplete()
        .verify(BOUND);
    Mono.from(connection.close()).block(BOUND);
  }

  /** Planned for the shard that all others are worse than, and not read. */
  private Result onExtra(Connection connection, String sql) {
    IDS.forEach(id -> shards.router.operations().drain(id).block(BOUND));
    try {
      return Flux.from(connection.createStatement(sql).execute())
          .next()
          .cast(Result.class)
          .blockOptional(BOUND)
          .orElseThrow();
    } finally {
      IDS.forEach(id -> shards.router.operations().resume(id).block(BOUND));
    }
  }

  @Test
  void aWriteOfAllShardsIsOnThoseOfItsPlanWhateverGoesMeanwhile() {
    try (Session first = new Session(shards.databases.get(0));
        Session watch = new Session(shards.databases.get(0));
        Session last = new Session(extra)) {
      first.run("START TRANSACTION");
      first.run("UPDATE countries SET label = 'held' WHERE code = 'IT'");
      Mono<Long> write =
          shards.updated("UPDATE countries SET label = 'Italia' WHERE code = 'IT'").cache();
      write.subscribe(count -> {}, error -> {});
      // It waits on the first shard, and has asked nothing of the others yet.
      watch.awaitStatements("%UPDATE countries%", count -> count == 1);
      AtomicBoolean removed = new AtomicBoolean();
      Mono<Void> removal =
          shards
              .router
              .operations()
              .removeShard(EXTRA)
              .doOnSuccess(done -> removed.set(true))
              .cache();
      removal.subscribe(done -> {}, error -> {});
      assertThat(shards.router.topology().shards()).doesNotContain(EXTRA);
      assertThat(removed).isFalse();

      first.run("ROLLBACK");
      StepVerifier.create(write).expectNext(1L).expectComplete().verify(BOUND);
      StepVerifier.create(removal).expectComplete().verify(BOUND);
      assertThat(last.number("SELECT COUNT(*) FROM countries WHERE label = 'Italia'")).isOne();
    }
  }

  @Test
  void aShardThatIsReadGoesBehindTheLastRow() {
    Connection connection = Mono.from(shards.factory.create()).blockOptional(BOUND).orElseThrow();
    Result planned = onExtra(connection, "SELECT code FROM countries ORDER BY code");
    AtomicBoolean removed = new AtomicBoolean();
    Mono<Void> removal =
        shards
            .router
            .operations()
            .removeShard(EXTRA)
            .doOnSuccess(done -> removed.set(true))
            .cache();
    StepVerifier.create(
            Flux.from(planned.map(row -> Objects.requireNonNull(row.get(0, String.class)))), 1)
        .expectNext("DE")
        .then(() -> removal.subscribe(done -> {}, error -> {}))
        .thenRequest(1)
        .expectNext("FR")
        .then(() -> assertThat(removed).isFalse())
        .thenRequest(2)
        .expectNext("IT")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(removal).expectComplete().verify(BOUND);
    Mono.from(connection.close()).block(BOUND);
  }

  @Test
  void aWriteSeesAShardThatCameBeforeItWasPlanned() {
    StepVerifier.create(shards.updated("UPDATE countries SET label = 'Gaul' WHERE code = 'FR'"))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    try (Session last = new Session(extra)) {
      assertThat(last.number("SELECT COUNT(*) FROM countries WHERE label = 'Gaul'")).isOne();
    }
    StepVerifier.create(shards.factory.explain("UPDATE countries SET label = 'x'"))
        .assertNext(
            plan ->
                assertThat(plan.parts().stream().map(Explanation.Part::shard).toList())
                    .isEqualTo(List.of(IDS.get(0), IDS.get(1), IDS.get(2), EXTRA)))
        .expectComplete()
        .verify(BOUND);
  }
}
