package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ids.ShardIds;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.stereotype.Service;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** An application whose rows have the ids of the bean that its properties describe. */
@Tag("same-on-any-server")
class IdsIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);

  private final List<Database> databases = TestServers.shared().freshDatabases("bootids");

  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  @Import(Users.class)
  static class Application {}

  /** As {@code spring.md} has it. */
  @Service
  static class Users {

    private final ShardRouter router;
    private final ShardIds ids;

    Users(ShardRouter router, ShardIds ids) {
      this.router = router;
      this.ids = ids;
    }

    Mono<Long> register(String name) {
      return ids.next()
          .flatMap(
              id ->
                  router
                      .on("users", ShardKey.of(id))
                      .sql("INSERT INTO users (id, name) VALUES (:id, :name)")
                      .bind("id", id)
                      .bind("name", name)
                      .rowsUpdated()
                      .thenReturn(id));
    }
  }

  @Test
  void rowsGetIdsAndTheNodeIsGivenBack() {
    try (ConfigurableApplicationContext context = application()) {
      ShardRouter router = context.getBean(ShardRouter.class);
      get(
          router
              .onAll()
              .sql("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(9))")
              .rowsUpdated()
              .then(Mono.just(true)));
      Users users = context.getBean(Users.class);
      List<Long> registered =
          get(Flux.range(0, 60).concatMap(i -> users.register("user" + i)).collectList());
      assertThat(registered).isSorted().doesNotHaveDuplicates();
      List<Long> stored =
          get(
              router
                  .onAll()
                  .sql("SELECT id FROM users")
                  .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                  .rows()
                  .collectList());
      assertThat(stored).containsExactlyInAnyOrderElementsOf(registered);
      assertThat(leased(router)).isEqualTo(1);
    }
    try (ConfigurableApplicationContext context = application()) {
      assertThat(leased(context.getBean(ShardRouter.class))).isZero();
    }
  }

  private static long leased(ShardRouter router) {
    return get(
        router
            .on(ShardId.of("s1"))
            .sql("SELECT COUNT(*) FROM shardflux_nodes WHERE holder IS NOT NULL")
            .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
            .one());
  }

  private ConfigurableApplicationContext application() {
    return new SpringApplicationBuilder(Application.class)
        .web(WebApplicationType.NONE)
        .run(
            "--shardflux.shards.s0.url=" + databases.get(0).r2dbcUrl(),
            "--shardflux.shards.s1.url=" + databases.get(1).r2dbcUrl(),
            "--shardflux.strategies.by_id.type=hash",
            "--shardflux.strategies.by_id.shards[0]=s0",
            "--shardflux.strategies.by_id.shards[1]=s1",
            "--shardflux.tables.users.key.id=integer",
            "--shardflux.tables.users.strategy=by_id",
            "--shardflux.ids.shard=s1",
            "--shardflux.ids.create-table=true");
  }

  private static <T> T get(Mono<T> mono) {
    return Objects.requireNonNull(mono.block(BOUND));
  }
}
