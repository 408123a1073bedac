package io.shardflux.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcBadGrammarException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.router.ShardId;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.annotation.Id;
import org.springframework.data.domain.Persistable;
import org.springframework.data.r2dbc.repository.R2dbcRepository;
import org.springframework.data.r2dbc.repository.config.EnableR2dbcRepositories;
import org.springframework.data.relational.core.mapping.Table;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.annotation.Transactional;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Spring Boot's own client, repositories and transactions over three shards. */
@ExtendWith(OutputCaptureExtension.class)
class SqlIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(60);

  private static final List<Database> databases = TestServers.shared().freshDatabases("boot");
  private static ConfigurableApplicationContext context;

  @BeforeAll
  static void start() {
    context = application();
    everywhere("CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(100))");
  }

  @AfterAll
  static void stop() {
    context.close();
  }

  @BeforeEach
  void empty() {
    everywhere("DELETE FROM users");
  }

  /** A user; a record is new where it is saved. */
  @Table("users")
  public record User(@Id Long id, String name) implements Persistable<Long> {

    @Override
    public Long getId() {
      return id;
    }

    @Override
    public boolean isNew() {
      return true;
    }
  }

  /** Users by Spring Data. */
  public interface Users extends R2dbcRepository<User, Long> {

    /** By a column that is not the key. */
    Flux<User> findByNameStartingWithOrderByIdDesc(String start);
  }

  /** An application as a user would write it. */
  public static class Service {

    private final Users users;

    /** Over the repository. */
    public Service(Users users) {
      this.users = users;
    }

    /** All or none. */
    @Transactional
    public Mono<Void> saveAll(List<User> all, @Nullable Throwable failure) {
      return users.saveAll(all).then(failure == null ? Mono.empty() : Mono.error(failure));
    }
  }

  /** The application. */
  @Configuration(proxyBeanMethods = false)
  @EnableAutoConfiguration
  @EnableR2dbcRepositories(considerNestedRepositories = true)
  static class Application {

    @Bean
    Service service(Users users) {
      return new Service(users);
    }
  }

  private static ConfigurableApplicationContext application(String... more) {
    List<String> properties = new ArrayList<>(List.of(more));
    for (int i = 0; i < databases.size(); i++) {
      properties.add("shardflux.shards.shard_" + i + ".url=" + databases.get(i).r2dbcUrl());
      properties.add("shardflux.strategies.by_id.shards[" + i + "]=shard_" + i);
    }
    properties.add("shardflux.strategies.by_id.type=modulo");
    properties.add("shardflux.tables.users.strategy=by_id");
    properties.add("shardflux.tables.users.key.id=integer");
    return new SpringApplicationBuilder(Application.class)
        .web(WebApplicationType.NONE)
        .run(properties.stream().map(one -> "--" + one).toArray(String[]::new));
  }

  @Test
  void aRepositorySavesToEachShardAndFindsOnAll() {
    Users users = context.getBean(Users.class);
    StepVerifier.create(
            Flux.range(1, 9).concatMap(id -> users.save(new User((long) id, "user " + id))).count())
        .expectNext(9L)
        .expectComplete()
        .verify(BOUND);
    assertThat(counts()).containsExactly(3L, 3L, 3L);
    StepVerifier.create(users.findById(7L).map(User::name))
        .expectNext("user 7")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.findByNameStartingWithOrderByIdDesc("user").map(User::id))
        .expectNext(9L, 8L, 7L, 6L, 5L, 4L, 3L, 2L, 1L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.count()).expectNext(9L).expectComplete().verify(BOUND);
  }

  @Test
  void aTransactionIsDoneWholeOrNotAtAll() {
    Service service = context.getBean(Service.class);
    List<User> ofOneShard = List.of(new User(3L, "a"), new User(6L, "b"));
    StepVerifier.create(service.saveAll(ofOneShard, new IllegalStateException("on purpose")))
        .expectErrorMessage("on purpose")
        .verify(BOUND);
    assertThat(counts()).containsExactly(0L, 0L, 0L);
    StepVerifier.create(service.saveAll(ofOneShard, null)).expectComplete().verify(BOUND);
    assertThat(counts()).containsExactly(2L, 0L, 0L);
    StepVerifier.create(service.saveAll(List.of(new User(9L, "a"), new User(10L, "b")), null))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .rootCause()
                    .hasMessageStartingWith(
                        "TRANSACTION_SHARD: shard_1: a write in a transaction that has written"
                            + " shard_0"))
        .verify(BOUND);
    assertThat(counts()).containsExactly(2L, 0L, 0L);
  }

  @Test
  void aPropertyForbidsReadsOfSeveralShards() {
    try (ConfigurableApplicationContext strict = application("shardflux.sql.allow-scatter=false")) {
      DatabaseClient client = strict.getBean(DatabaseClient.class);
      StepVerifier.create(client.sql("SELECT id FROM users").fetch().all())
          .expectErrorSatisfies(
              error ->
                  assertThat(error)
                      .cause()
                      .isInstanceOf(R2dbcBadGrammarException.class)
                      .hasMessageStartingWith("SCATTER_FORBIDDEN"))
          .verify(BOUND);
      StepVerifier.create(client.sql("SELECT id FROM users WHERE id = 1").fetch().all())
          .expectComplete()
          .verify(BOUND);
    }
  }

  @Test
  void aKeyThatNoStatementCanGoByIsSaidAtTheStart(CapturedOutput output) {
    everywhere("CREATE TABLE tags (tag VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY)");
    try (ConfigurableApplicationContext tagged =
        application(
            "shardflux.strategies.by_tag.type=hash",
            "shardflux.strategies.by_tag.shards[0]=shard_0",
            "shardflux.tables.tags.strategy=by_tag",
            "shardflux.tables.tags.key.tag=text")) {
      Awaitility.await()
          .atMost(BOUND)
          .until(
              () ->
                  output
                      .getOut()
                      .contains(
                          "No SQL goes by the key tags.tag: utf8mb4_general_ci (expected: a"
                              + " collation …_bin)"));
      assertThat(output.getOut()).doesNotContain("the key users");
      StepVerifier.create(
              tagged.getBean(DatabaseClient.class).sql("INSERT INTO tags VALUES ('a')").then())
          .expectErrorSatisfies(
              error -> assertThat(error).cause().hasMessageStartingWith("KEY_COLLATION"))
          .verify(BOUND);
    }
  }

  /** An answer of the servers themselves. */
  private static List<Long> counts() {
    ShardRouter router = context.getBean(ShardRouter.class);
    return Flux.range(0, databases.size())
        .concatMap(
            i ->
                router
                    .on(ShardId.of("shard_" + i))
                    .sql("SELECT COUNT(*) FROM users")
                    .map((row, metadata) -> Long.parseLong(String.valueOf(row.get(0))))
                    .one())
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private static void everywhere(String sql) {
    context
        .getBean(ShardRouter.class)
        .onAll()
        .sql(sql)
        .onFailure(FailurePolicy.failFast())
        .rowsUpdated()
        .blockLast(BOUND);
  }
}
