package io.shardflux.spring;

import static io.shardflux.spring.WebApplication.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.observe.ShardEvent;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** An application that says nothing of logging has a line for each change of a shard's status. */
@ExtendWith(OutputCaptureExtension.class)
@Tag("same-on-any-server")
class FaultLogIntegrationTests {

  private static final ShardId SHARD = ShardId.of("shard_0");
  private static final ShardId ROOT = ShardId.of("root");

  private final TestServers servers = TestServers.shared();
  private final Database database = servers.freshDatabases("log").get(0);
  private final String account =
      "l" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);
  private final ShardRouter root =
      ShardRouter.builder().shard(Shard.of("root", database.server().r2dbcUrl())).build();

  @BeforeEach
  void makeAccount() {
    root("CREATE USER %s IDENTIFIED BY 'right'");
    root("GRANT ALL ON `" + database.name() + "`.* TO %s");
  }

  @AfterEach
  void dropAccount() {
    if (servers.controllable()) {
      servers.restore();
    }
    root("DROP USER IF EXISTS %s");
    root.close().block(BOUND);
  }

  @Test
  void hasOneLineForEachChange(CapturedOutput output) {
    String url =
        "r2dbc:mysql://"
            + (account + ":right@" + database.server().address() + "/" + database.name());
    List<ShardEvent> changes = new CopyOnWriteArrayList<>();
    int begun;
    try (WebApplication application =
        WebApplication.on(
            List.of(url),
            "logging.config=classpath:logging-of-spring-boot.xml",
            "shardflux.pool.connect-timeout=2s",
            "shardflux.timeouts.first-row=500ms",
            "spring.reactor.netty.shutdown-quiet-period=0s")) {
      ShardRouter router = application.router();
      router.operations().events().subscribe(changes::add);
      begun = output.getAll().length();
      Disposable load = load(router);
      refuse(router);
      drop(router);
      kill(router);
      load.dispose();
    }
    List<String> lines = output.getAll().substring(begun).lines().toList();
    assertThat(lines)
        .filteredOn(line -> line.contains(" WARN ") && !ofSomethingElse(line))
        .allMatch(line -> line.contains("shard_0 is "))
        .hasSameSizeAs(changes);
    assertThat(lines).noneMatch(line -> line.contains(" ERROR ") || line.startsWith("\tat "));
  }

  /** Of the test's own router, or of what looks at the tables once, as the application starts. */
  private static boolean ofSomethingElse(String line) {
    return line.contains(" : root is ") || line.contains("io.shardflux.spring.KeyCheck ");
  }

  private void refuse(ShardRouter router) {
    root("ALTER USER %s IDENTIFIED BY 'other'");
    killSessions();
    await(router, Status.DOWN);
    root("ALTER USER %s IDENTIFIED BY 'right'");
    await(router, Status.ACTIVE);
  }

  private void drop(ShardRouter router) {
    root("DROP DATABASE `" + database.name() + "`");
    killSessions();
    await(router, Status.DOWN);
    root("CREATE DATABASE `" + database.name() + "`");
    await(router, Status.ACTIVE);
  }

  private void kill(ShardRouter router) {
    if (servers.controllable()) {
      servers.kill(database.server());
      await(router, Status.DOWN);
      servers.restore();
      await(router, Status.ACTIVE);
    }
  }

  private static Disposable load(ShardRouter router) {
    Mono<Integer> read =
        router
            .on(SHARD)
            .sql("SELECT SLEEP(0.01)")
            .map((row, metadata) -> 1)
            .one()
            .onErrorResume(error -> Mono.empty());
    return Flux.range(0, 8)
        .flatMap(i -> read.then(Mono.delay(Duration.ofMillis(2))).repeat())
        .subscribe();
  }

  private static void await(ShardRouter router, Status status) {
    router
        .operations()
        .statistics()
        .filter(all -> all.get(0).status() == status)
        .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)))
        .block(BOUND);
  }

  /** Ends what the account has open. */
  private void killSessions() {
    root.on(ROOT)
        .sql("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = :user")
        .bind("user", account)
        .map((row, metadata) -> row.get(0, Long.class))
        .all()
        .collectList()
        .flatMapMany(Flux::fromIterable)
        .concatMap(
            id -> root.on(ROOT).sql("KILL " + id).rowsUpdated().onErrorResume(gone -> Mono.empty()))
        .blockLast(BOUND);
  }

  private void root(String sql) {
    root.on(ROOT).sql(sql.replace("%s", "'" + account + "'@'%'")).rowsUpdated().block(BOUND);
  }
}
