package io.shardflux.r2dbc;

import static io.shardflux.r2dbc.TestShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.failure.ShardUnavailableException;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** A server that lives and lets nobody in, for each reason that it may have. */
class RefusedLoginIntegrationTests {

  private static final ShardId ID = ShardId.of("shard_0");
  private static final ShardId ADMIN = ShardId.of("admin");
  private static final int OPEN = 2;
  private static final int AT_ONCE = 8;

  private final Database database = TestServers.shared().freshDatabases("refused").get(0);
  private final String user =
      "u" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
  private final Shard root = Shard.of(ADMIN.value(), database.server().r2dbcUrl());
  private final ShardRouter admin = TestShards.router(List.of(root)).build();
  private final Relay relay = Relay.to(root);
  private final ShardRouter router =
      TestShards.router(List.of(relay.instead(user("right")))).pool(bounds(OPEN)).build();

  private enum Refusal {
    PASSWORD("ALTER USER %s IDENTIFIED BY 'other'", "ALTER USER %s IDENTIFIED BY 'right'"),
    LOCKED("ALTER USER %s ACCOUNT LOCK", "ALTER USER %s ACCOUNT UNLOCK"),
    HOST("RENAME USER %s TO %s2", "RENAME USER %s2 TO %s");

    private final String begin;
    private final String end;

    Refusal(String begin, String end) {
      this.begin = begin;
      this.end = end;
    }
  }

  private static PoolOptions bounds(int minIdle) {
    return PoolOptions.builder().maxSize(AT_ONCE).minIdle(minIdle).build();
  }

  private Shard user(String password) {
    return Shard.of(
        ID,
        root.options()
            .mutate()
            .option(ConnectionFactoryOptions.DATABASE, database.name())
            .option(ConnectionFactoryOptions.USER, user)
            .option(ConnectionFactoryOptions.PASSWORD, password)
            .build());
  }

  @BeforeEach
  void createUser() {
    run("CREATE USER %s IDENTIFIED BY 'right'");
    run("GRANT ALL ON `" + database.name() + "`.* TO %s");
  }

  @AfterEach
  void close() {
    router.close().block(BOUND);
    run("DROP USER IF EXISTS %s, %s2");
    admin.close().block(BOUND);
    relay.close();
  }

  @ParameterizedTest
  @EnumSource
  void isOutWhereNothingIsOpen(Refusal refusal) {
    run(refusal.begin);
    StepVerifier.create(atOnce("SELECT 1")).expectError(R2dbcException.class).verify(BOUND);
    awaitStatus(Status.DOWN);
    for (int i = 0; i < 200; i++) {
      StepVerifier.create(atOnce("SELECT 1"))
          .expectErrorMatches(error -> error instanceof ShardUnavailableException)
          .verify(BOUND);
    }
    // The one that was refused, and a probe or two.
    assertThat(relay.accepted()).isLessThanOrEqualTo(3);
    run(refusal.end);
    awaitStatus(Status.ACTIVE);
    StepVerifier.create(atOnce("SELECT 1")).expectNextCount(AT_ONCE).expectComplete().verify(BOUND);
  }

  @ParameterizedTest
  @EnumSource
  void isImpairedWhereOpenConnectionsAnswer(Refusal refusal) {
    router.warmUp().block(BOUND);
    run(refusal.begin);
    for (int i = 0; i < 5; i++) {
      StepVerifier.create(atOnce("SELECT SLEEP(0.05)"))
          .expectNextCount(AT_ONCE)
          .expectComplete()
          .verify(BOUND);
    }
    awaitStatus(Status.DEGRADED);
    assertThat(statistics().breaker().state()).isEqualTo("CLOSED");
    assertThat(statistics().pool().idle()).isPositive();
    run(refusal.end);
    awaitStatus(Status.ACTIVE);
  }

  /** Accounts are locked for logins that fail. */
  @ParameterizedTest
  @EnumSource
  void aBurstCostsTwoLoginsAtMost(Refusal refusal) {
    router.warmUp().block(BOUND);
    Mono.delay(Duration.ofMillis(1_100)).block(BOUND);
    int before = relay.accepted();
    run(refusal.begin);
    StepVerifier.create(atOnce("SELECT 1")).expectNextCount(AT_ONCE).expectComplete().verify(BOUND);
    assertThat(relay.accepted() - before).isLessThanOrEqualTo(2);
    run(refusal.end);
    awaitStatus(Status.ACTIVE);
  }

  /** Its probes come seldom by then; the publisher is asked each second. */
  @Test
  void aPublishersNextPasswordIsTried() {
    AtomicReference<String> password = new AtomicReference<>("right");
    Shard shard =
        Shard.of(
            ID,
            user("none")
                .options()
                .mutate()
                .option(
                    Option.<Publisher<String>>valueOf("passwordPublisher"),
                    Mono.fromSupplier(password::get))
                .build());
    ShardRouter rotating = TestShards.router(List.of(relay.instead(shard))).pool(bounds(0)).build();
    try {
      run(Refusal.PASSWORD.begin);
      StepVerifier.create(rotating.on(ID).sql("SELECT 1").map((row, metadata) -> 1).one())
          .expectError(R2dbcException.class)
          .verify(BOUND);
      Await.until("two probes", Mono.fromSupplier(relay::accepted), logins -> logins >= 3);
      int before = relay.accepted();
      password.set("other");
      Await.until(
          "ACTIVE",
          rotating.operations().statistics(),
          all -> all.get(0).status() == Status.ACTIVE);
      assertThat(relay.accepted() - before).isLessThanOrEqualTo(2);
      StepVerifier.create(rotating.on(ID).sql("SELECT 1").map((row, metadata) -> 1).one())
          .expectNext(1)
          .expectComplete()
          .verify(BOUND);
    } finally {
      rotating.close().block(BOUND);
    }
  }

  @Test
  void isOutOnceItsDatabaseIsDropped() {
    run("CREATE TABLE `" + database.name() + "`.t (id INT PRIMARY KEY)");
    router.warmUp().block(BOUND);
    assertThat(atOnce("SELECT COUNT(*) FROM t").blockLast(BOUND)).isNotNull();
    run("DROP DATABASE `" + database.name() + "`");
    StepVerifier.create(atOnce("SELECT COUNT(*) FROM t"))
        .expectError(R2dbcException.class)
        .verify(BOUND);
    awaitStatus(Status.DOWN);
    run("CREATE DATABASE `" + database.name() + "`");
    awaitStatus(Status.ACTIVE);
  }

  /** As many as the account may have are open, and all of them are asked. */
  @Test
  void withoutRoomCallersWaitForWhatComesBack() {
    run("ALTER USER %s WITH MAX_USER_CONNECTIONS " + OPEN);
    StepVerifier.create(Flux.range(0, 20).flatMap(i -> atOnce("SELECT SLEEP(0.01)"), 4).count())
        .expectNext(20L * AT_ONCE)
        .expectComplete()
        .verify(BOUND);
    awaitStatus(Status.DEGRADED);
    run("ALTER USER %s WITH MAX_USER_CONNECTIONS 0");
    awaitStatus(Status.ACTIVE);
  }

  private Flux<Integer> atOnce(String sql) {
    return Flux.range(0, AT_ONCE)
        .flatMap(i -> router.on(ID).sql(sql).map((row, metadata) -> 1).one(), AT_ONCE);
  }

  private ShardStatistics statistics() {
    return router
        .operations()
        .statistics()
        .map(all -> all.get(0))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void awaitStatus(Status status) {
    Await.until(
        "" + status, router.operations().statistics(), all -> all.get(0).status() == status);
  }

  private void run(String sql) {
    Mono.from(
            admin
                .on(ADMIN)
                .sql(
                    sql.replace("%s2", "'" + user + "'@'192.0.2.1'")
                        .replace("%s", "'" + user + "'@'%'"))
                .rowsUpdated())
        .block(Duration.ofSeconds(30));
  }
}
