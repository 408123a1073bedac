package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.ConnectionFactory;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.sql.statement.Hints;
import java.math.BigDecimal;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.dao.OptimisticLockingFailureException;
import org.springframework.dao.QueryTimeoutException;
import org.springframework.data.annotation.Id;
import org.springframework.data.annotation.Transient;
import org.springframework.data.annotation.Version;
import org.springframework.data.domain.Example;
import org.springframework.data.domain.PageRequest;
import org.springframework.data.domain.Pageable;
import org.springframework.data.domain.Persistable;
import org.springframework.data.domain.Sort;
import org.springframework.data.r2dbc.config.AbstractR2dbcConfiguration;
import org.springframework.data.r2dbc.core.R2dbcEntityTemplate;
import org.springframework.data.r2dbc.repository.Modifying;
import org.springframework.data.r2dbc.repository.Query;
import org.springframework.data.r2dbc.repository.R2dbcRepository;
import org.springframework.data.r2dbc.repository.config.EnableR2dbcRepositories;
import org.springframework.data.relational.core.mapping.Table;
import org.springframework.data.relational.core.query.Criteria;
import org.springframework.r2dbc.BadSqlGrammarException;
import org.springframework.r2dbc.connection.R2dbcTransactionManager;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.transaction.ReactiveTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.EnableTransactionManagement;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.reactive.TransactionalOperator;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Spring's client, transactions and repositories, as over one database. */
class SpringIntegrationTests {

  private static DriverShards shards;
  private static AnnotationConfigApplicationContext context;

  @BeforeAll
  static void start() {
    shards = new DriverShards();
    shards.router.operations().createTransactionTables().block(BOUND);
    shards.load(60);
    context = new AnnotationConfigApplicationContext();
    context.registerBean(ConnectionFactory.class, () -> shards.factory);
    context.register(Application.class);
    context.refresh();
  }

  @AfterAll
  static void stop() {
    context.close();
    shards.close();
  }

  /** A row of a reference table. */
  @Table("countries")
  public record Country(@Id String code, String label) {}

  @Test
  void insertsIntoReferenceTables() {
    R2dbcEntityTemplate template = context.getBean(R2dbcEntityTemplate.class);
    Country country = new Country("ZZ", "nowhere");
    StepVerifier.create(template.insert(country))
        .expectNext(country)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(template.delete(country))
        .expectNext(country)
        .expectComplete()
        .verify(BOUND);
  }

  /** A user, whose id the application gives. */
  @Table("users")
  public static final class User implements Persistable<Long> {

    @Id private @Nullable Long id;
    private @Nullable String name;
    private @Nullable Integer age;
    private @Nullable String country;
    @Transient private boolean fresh;

    /** An empty one. */
    public User() {}

    static User of(long id, String name, int age, String country) {
      User user = new User();
      user.id = id;
      user.name = name;
      user.age = age;
      user.country = country;
      user.fresh = true;
      return user;
    }

    /** An example to look for. */
    static User in(String country) {
      User user = new User();
      user.country = country;
      return user;
    }

    /** Older by some years. */
    User older(int years) {
      age = Objects.requireNonNull(age) + years;
      return this;
    }

    @Override
    public @Nullable Long getId() {
      return id;
    }

    @Override
    public boolean isNew() {
      return fresh;
    }

    /** The name. */
    public @Nullable String getName() {
      return name;
    }

    /** The age. */
    public @Nullable Integer getAge() {
      return age;
    }

    /** The country. */
    public @Nullable String getCountry() {
      return country;
    }
  }

  /** A row of the pinned table. */
  @Table("settings")
  public record Setting(@Id @Nullable Integer id, String label) {}

  /** A user whose age is its version. */
  @Table("users")
  public record Versioned(@Id Long id, String name, @Version @Nullable Integer age) {}

  /** Users that are locked optimistically. */
  public interface VersionedUsers extends R2dbcRepository<Versioned, Long> {}

  /** Users by Spring Data. */
  public interface Users extends R2dbcRepository<User, Long> {
    /** By a column that is not the key. */
    Flux<User> findByCountryOrderByAgeDescIdAsc(String country, Pageable page);

    /** By a column that is not the key. */
    Mono<User> findByName(String name);

    /** A count. */
    Mono<Long> countByAgeGreaterThan(int age);

    /** Tells whether there is such a row. */
    Mono<Boolean> existsByName(String name);

    /** By the key. */
    Mono<Long> deleteByIdIn(List<Long> ids);

    /** The oldest ones. */
    Flux<User> findTop3ByOrderByAgeDescIdAsc();

    /** By a part of the name. */
    Mono<Long> countByNameContainingIgnoreCaseAndAgeBetween(String part, int from, int to);

    /** A change in SQL. */
    @Modifying
    @Query("UPDATE users SET age = age + :years WHERE id IN (:ids)")
    Mono<Integer> age(int years, List<Long> ids);

    /** A query in SQL. */
    @Query("SELECT SUM(total) FROM orders WHERE user_id = :id")
    Mono<BigDecimal> total(long id);
  }

  /** Settings by Spring Data, whose id the database gives. */
  public interface Settings extends R2dbcRepository<Setting, Integer> {}

  /** A service as a user would write it. */
  public static class Service {

    private final Users users;

    /** Over the repository. */
    public Service(Users users) {
      this.users = users;
    }

    /** Fails behind its write. */
    @Transactional
    public Mono<Void> saveAndFail(User user) {
      return users.save(user).then(Mono.error(new IllegalStateException("on purpose")));
    }

    /** Looked for on all shards, and saved on its own. */
    @Transactional
    public Mono<User> celebrate(String name) {
      return users.findByName(name).flatMap(user -> users.save(user.older(1)));
    }

    /** Takes years from one user and gives them to another one. */
    @Transactional
    public Mono<Void> give(long from, long to, int years, Mono<Void> between) {
      return users
          .findById(from)
          .flatMap(user -> users.save(user.older(-years)))
          .then(between)
          .then(users.findById(to))
          .flatMap(user -> users.save(user.older(years)))
          .then();
    }

    /** Two of one shard. */
    @Transactional
    public Mono<Void> saveBoth(User one, User other) {
      return users.save(one).then(users.save(other)).then();
    }
  }

  /** The application. */
  @Configuration(proxyBeanMethods = false)
  @EnableTransactionManagement
  @EnableR2dbcRepositories(considerNestedRepositories = true)
  static class Application extends AbstractR2dbcConfiguration {

    @Override
    public ConnectionFactory connectionFactory() {
      return shards.factory;
    }

    @Bean
    ReactiveTransactionManager transactionManager(ConnectionFactory factory) {
      return new R2dbcTransactionManager(factory);
    }

    @Bean
    Service service(Users users) {
      return new Service(users);
    }
  }

  @Test
  void theClientReadsAndWrites() {
    DatabaseClient client = context.getBean(DatabaseClient.class);
    StepVerifier.create(
            client
                .sql("SELECT name FROM users WHERE id = :id")
                .bind("id", 7)
                .map(row -> Objects.requireNonNull(row.get("name", String.class)))
                .one())
        .expectNext("user 7")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            client
                .sql("SELECT id FROM users WHERE id IN (:ids) ORDER BY id")
                .bind("ids", List.of(9, 1, 5))
                .mapValue(Long.class)
                .all())
        .expectNext(1L, 5L, 9L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            client
                .sql("SELECT country, COUNT(*) FROM users GROUP BY country ORDER BY country")
                .fetch()
                .all())
        .expectNext(Map.of("country", "DE", "COUNT(*)", 30L))
        .expectNext(Map.of("country", "FR", "COUNT(*)", 30L))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(client.sql("UPDATE users SET age = age WHERE id = 3").fetch().rowsUpdated())
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void anOperatorCommitsOrRollsBack() {
    DatabaseClient client = context.getBean(DatabaseClient.class);
    TransactionalOperator operator =
        TransactionalOperator.create(context.getBean(ReactiveTransactionManager.class));
    Mono<Long> insert =
        client.sql("INSERT INTO users (id, name) VALUES (3000, 'x')").fetch().rowsUpdated();
    StepVerifier.create(
            insert
                .then(Mono.error(new IllegalStateException("on purpose")))
                .as(operator::transactional))
        .expectError(IllegalStateException.class)
        .verify(BOUND);
    assertThat(exists(3000)).isFalse();
    StepVerifier.create(insert.as(operator::transactional))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(exists(3000)).isTrue();
    shards.updated("DELETE FROM users WHERE id = 3000").block(BOUND);
  }

  @Test
  void anOperatorWritesTwoShardsOrNone() {
    DatabaseClient client = context.getBean(DatabaseClient.class);
    TransactionalOperator operator =
        TransactionalOperator.create(context.getBean(ReactiveTransactionManager.class));
    Mono<Long> both =
        client
            .sql("UPDATE users SET age = age + 1 WHERE id = 40")
            .fetch()
            .rowsUpdated()
            .then(client.sql("UPDATE users SET age = age - 1 WHERE id = 41").fetch().rowsUpdated());
    StepVerifier.create(
            both.then(Mono.error(new IllegalStateException("on purpose")))
                .as(operator::transactional)
                .contextWrite(TransactionMode.ATOMIC.inContext()))
        .expectErrorMessage("on purpose")
        .verify(BOUND);
    assertThat(ages()).containsExactly(40, 41);
    Hints atomic = Hints.builder().transactions("atomic").build();
    StepVerifier.create(
            both.as(operator::transactional).contextWrite(ShardfluxConnectionFactory.hints(atomic)))
        .expectNext(1L)
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(41, 40);
    shards.updated("UPDATE users SET age = id WHERE id IN (40, 41)").block(BOUND);
  }

  @Test
  void aRepositoryFindsByKeyAndByOtherColumns() {
    Users users = context.getBean(Users.class);
    StepVerifier.create(users.findById(7L).map(SpringIntegrationTests::name))
        .expectNext("user 7")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.countByAgeGreaterThan(45))
        .expectNext(4L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.existsByName("user 59"))
        .expectNext(true)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.existsByName("nobody"))
        .expectNext(false)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.count()).expectNext(60L).expectComplete().verify(BOUND);
    StepVerifier.create(users.total(7))
        .expectNext(new BigDecimal("21.06"))
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            users.findAllById(List.of(3L, 4L, 5L)).map(SpringIntegrationTests::id).collectList())
        .assertNext(ids -> assertThat(ids).containsExactlyInAnyOrder(3L, 4L, 5L))
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aRepositoryPages() {
    Users users = context.getBean(Users.class);
    StepVerifier.create(
            users
                .findByCountryOrderByAgeDescIdAsc("FR", PageRequest.of(1, 3))
                .map(SpringIntegrationTests::id))
        .expectNext(43L, 41L, 39L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.findAll(Sort.by("id")).map(SpringIntegrationTests::id).collectList())
        .expectNext(LongStream.rangeClosed(1, 60).boxed().toList())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aRepositorySavesAndDeletes() {
    Users users = context.getBean(Users.class);
    StepVerifier.create(
            users
                .save(User.of(4000, "new", 1, "DE"))
                .then(users.save(User.of(4001, "new", 1, "DE")))
                .then(users.findById(4000L))
                .map(SpringIntegrationTests::name))
        .expectNext("new")
        .expectComplete()
        .verify(BOUND);
    Hints permitted = Hints.builder().scatterWrites(true).build();
    StepVerifier.create(
            users
                .deleteByIdIn(List.of(4000L, 4001L))
                .contextWrite(ShardfluxConnectionFactory.hints(permitted)))
        .expectNext(2L)
        .expectComplete()
        .verify(BOUND);
    Settings settings = context.getBean(Settings.class);
    StepVerifier.create(settings.save(new Setting(null, "generated")))
        .assertNext(saved -> assertThat(saved.id()).isPositive())
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void annotatedMethodsAreTransactions() {
    Service service = context.getBean(Service.class);
    StepVerifier.create(service.saveAndFail(User.of(5001, "x", 1, "DE")))
        .expectError(IllegalStateException.class)
        .verify(BOUND);
    assertThat(exists(5001)).isFalse();
    StepVerifier.create(service.saveBoth(User.of(5001, "x", 1, "DE"), User.of(5004, "x", 1, "DE")))
        .expectComplete()
        .verify(BOUND);
    assertThat(exists(5004)).isTrue();
    StepVerifier.create(service.saveBoth(User.of(5007, "x", 1, "DE"), User.of(5008, "x", 1, "DE")))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(DataAccessException.class)
                    .rootCause()
                    .hasMessageStartingWith(
                        "TRANSACTION_SHARD: shard_1: a write in a transaction that has written"
                            + " shard_0"))
        .verify(BOUND);
    assertThat(exists(5007)).isFalse();
    shards.updated("DELETE FROM users WHERE id IN (5001, 5004)").block(BOUND);
  }

  @Test
  void aTransactionFindsOnAllShardsAndSavesOnOne() {
    Service service = context.getBean(Service.class);
    StepVerifier.create(
            service
                .celebrate("user 31")
                .map(SpringIntegrationTests::age)
                .concatWith(service.celebrate("user 31").map(SpringIntegrationTests::age)))
        .expectNext(32, 33)
        .expectComplete()
        .verify(BOUND);
    shards.updated("UPDATE users SET age = 31 WHERE id = 31").block(BOUND);
  }

  /** Users 40 and 41 are on two shards. */
  @Test
  void aServiceWritesTwoShardsOrNone() {
    Service service = context.getBean(Service.class);
    StepVerifier.create(
            service
                .give(40, 41, 5, Mono.error(new IllegalStateException("in the middle")))
                .contextWrite(TransactionMode.ATOMIC.inContext()))
        .expectErrorMessage("in the middle")
        .verify(BOUND);
    assertThat(ages()).containsExactly(40, 41);
    StepVerifier.create(
            service.give(40, 41, 5, Mono.empty()).contextWrite(TransactionMode.ATOMIC.inContext()))
        .expectComplete()
        .verify(BOUND);
    assertThat(ages()).containsExactly(35, 46);
    StepVerifier.create(service.give(41, 40, 5, Mono.empty()))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .rootCause()
                    .hasMessageStartingWith(
                        "TRANSACTION_SHARD: shard_1: a write in a transaction that has written"
                            + " shard_2"))
        .verify(BOUND);
    assertThat(ages()).containsExactly(35, 46);
    shards.updated("UPDATE users SET age = 40 WHERE id = 40").block(BOUND);
    shards.updated("UPDATE users SET age = 41 WHERE id = 41").block(BOUND);
  }

  private static List<Integer> ages() {
    return shards
        .rows(
            row -> row.get(0, Integer.class),
            "SELECT age FROM users WHERE id IN (40, 41) ORDER BY id")
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  @Test
  void aRepositoryDerivesAndCountsPages() {
    Users users = context.getBean(Users.class);
    StepVerifier.create(users.findTop3ByOrderByAgeDescIdAsc().map(SpringIntegrationTests::id))
        .expectNext(49L, 48L, 47L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.countByNameContainingIgnoreCaseAndAgeBetween("SER 1", 10, 19))
        .expectNext(10L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            users
                .findBy(
                    Example.of(User.in("FR")),
                    query -> query.sortBy(Sort.by("id")).page(PageRequest.of(1, 4)))
                .map(
                    page ->
                        page.getTotalElements()
                            + " "
                            + page.map(SpringIntegrationTests::id).getContent()))
        .expectNext("30 [9, 11, 13, 15]")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            context
                .getBean(R2dbcEntityTemplate.class)
                .select(User.class)
                .matching(
                    org.springframework.data.relational.core.query.Query.query(
                            Criteria.where("country").is("DE").and("age").lessThan(9))
                        .sort(Sort.by("id").descending())
                        .limit(2)
                        .offset(1))
                .all()
                .map(SpringIntegrationTests::id))
        .expectNext(56L, 54L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.age(0, List.of(3L, 6L)))
        .expectNextCount(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aStaleVersionIsNotSaved() {
    VersionedUsers users = context.getBean(VersionedUsers.class);
    StepVerifier.create(
            users
                .save(new Versioned(6000L, "first", null))
                .flatMap(saved -> users.save(new Versioned(6000L, "second", saved.age())))
                .map(saved -> Objects.requireNonNull(saved.age())))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(users.save(new Versioned(6000L, "stale", 0)))
        .expectError(OptimisticLockingFailureException.class)
        .verify(BOUND);
    StepVerifier.create(users.deleteById(6000L)).expectComplete().verify(BOUND);
  }

  @Test
  void transactionsMayBeReadOnlyOrNestedOrToBeRolledBack() {
    DatabaseClient client = context.getBean(DatabaseClient.class);
    Mono<Long> change = client.sql("UPDATE users SET age = 90 WHERE id = 9").fetch().rowsUpdated();
    Mono<Integer> age =
        client.sql("SELECT age FROM users WHERE id = 9").mapValue(Integer.class).one();
    StepVerifier.create(
            client
                .sql("SELECT COUNT(*) FROM users")
                .mapValue(Long.class)
                .one()
                .as(operator(definition -> definition.setReadOnly(true))::transactional))
        .expectNext(60L)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            change.as(operator(definition -> definition.setReadOnly(true))::transactional))
        .expectError(BadSqlGrammarException.class)
        .verify(BOUND);
    TransactionalOperator plain = operator(definition -> {});
    StepVerifier.create(
            plain
                .execute(
                    transaction -> {
                      transaction.setRollbackOnly();
                      return change.then(age);
                    })
                .single()
                .concatWith(age))
        .expectNext(90, 9)
        .expectComplete()
        .verify(BOUND);
    TransactionalOperator nested =
        operator(
            definition ->
                definition.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED));
    StepVerifier.create(
            change
                .then(Mono.<Long>error(new IllegalStateException("on purpose")))
                .as(nested::transactional)
                .onErrorReturn(0L)
                .then(age)
                .as(plain::transactional))
        .expectNext(9)
        .expectComplete()
        .verify(BOUND);
  }

  private static TransactionalOperator operator(Consumer<DefaultTransactionDefinition> how) {
    DefaultTransactionDefinition definition = new DefaultTransactionDefinition();
    how.accept(definition);
    return TransactionalOperator.create(
        context.getBean(ReactiveTransactionManager.class), definition);
  }

  @Test
  void errorsAreSpringsOwn() {
    failsWith(DuplicateKeyException.class, "INSERT INTO users (id) VALUES (1)");
    failsWith(BadSqlGrammarException.class, "UPDATE users SET age = 1");
    failsWith(
        QueryTimeoutException.class,
        "/* shardflux: shard=shard_0, timeout=200ms */ SELECT SLEEP(20)");
  }

  private static void failsWith(Class<? extends DataAccessException> error, String sql) {
    StepVerifier.create(context.getBean(DatabaseClient.class).sql(sql).fetch().rowsUpdated())
        .expectError(error)
        .verify(BOUND);
  }

  private static String name(User user) {
    return Objects.requireNonNull(user.getName());
  }

  private static Integer age(User user) {
    return Objects.requireNonNull(user.getAge());
  }

  private static Long id(User user) {
    return Objects.requireNonNull(user.getId());
  }

  private static boolean exists(long id) {
    return Boolean.TRUE.equals(
        shards.rows(row -> 1, "SELECT 1 FROM users WHERE id = ?", id).hasElements().block(BOUND));
  }
}
