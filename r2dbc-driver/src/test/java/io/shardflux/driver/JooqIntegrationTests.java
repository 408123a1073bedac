package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.jooq.impl.DSL.avg;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.name;
import static org.jooq.impl.DSL.table;

import io.shardflux.sql.statement.Hints;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Map;
import org.jooq.DSLContext;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.Record1;
import org.jooq.SQLDialect;
import org.jooq.Table;
import org.jooq.exception.DataAccessException;
import org.jooq.exception.IntegrityConstraintViolationException;
import org.jooq.impl.DSL;
import org.jooq.impl.SQLDataType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** jOOQ over R2DBC, as over one database. */
class JooqIntegrationTests {

  private static final Table<Record> USERS = table(name("users"));
  private static final Field<Long> ID = field(name("users", "id"), SQLDataType.BIGINT);
  private static final Field<String> NAME = field(name("users", "name"), SQLDataType.VARCHAR);
  private static final Field<Integer> AGE = field(name("users", "age"), SQLDataType.INTEGER);
  private static final Field<String> COUNTRY = field(name("users", "country"), SQLDataType.CHAR);
  private static final Table<Record> ORDERS = table(name("orders"));
  private static final Field<Long> USER_ID = field(name("orders", "user_id"), SQLDataType.BIGINT);

  private static DriverShards shards;
  private static DSLContext jooq;

  @BeforeAll
  static void start() {
    System.setProperty("org.jooq.no-logo", "true");
    System.setProperty("org.jooq.no-tips", "true");
    shards = new DriverShards();
    shards.router.operations().createTransactionTables().block(BOUND);
    shards.load(60);
    jooq = DSL.using(shards.factory, SQLDialect.MYSQL);
  }

  @AfterAll
  static void stop() {
    shards.close();
  }

  @Test
  void readsByKey() {
    StepVerifier.create(
            Mono.from(jooq.select(NAME).from(USERS).where(ID.eq(7L))).map(row -> row.get(NAME)))
        .expectNext("user 7")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void readsInOrderOverAllShards() {
    StepVerifier.create(
            Flux.from(
                    jooq.select(ID, AGE)
                        .from(USERS)
                        .where(COUNTRY.eq("FR"))
                        .orderBy(AGE.desc(), ID)
                        .limit(3)
                        .offset(3))
                .map(row -> row.get(ID)))
        .expectNext(43L, 41L, 39L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void aggregatesOverAllShards() {
    StepVerifier.create(
            Flux.from(
                    jooq.select(COUNTRY, count(), avg(AGE))
                        .from(USERS)
                        .groupBy(COUNTRY)
                        .orderBy(COUNTRY))
                .map(
                    row ->
                        row.value1()
                            + " "
                            + row.value2()
                            + " "
                            + row.value3().setScale(2, RoundingMode.HALF_UP)))
        .expectNext("DE 30 21.72", "FR 30 21.67")
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void joinsColocatedTables() {
    StepVerifier.create(
            Mono.from(jooq.selectCount().from(USERS).join(ORDERS).on(ID.eq(USER_ID)))
                .map(row -> row.value1()))
        .expectNext(90)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void writesAndIsTransactional() {
    StepVerifier.create(
            Mono.from(
                jooq.insertInto(USERS)
                    .columns(ID, NAME, AGE)
                    .values(6000L, "a", 1)
                    .values(6003L, "b", 2)))
        .expectNext(2)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            jooq.transactionPublisher(
                inside ->
                    Flux.from(inside.dsl().update(USERS).set(AGE, 5).where(ID.eq(6000L)))
                        .thenMany(Mono.<BigDecimal>error(new IllegalStateException("on purpose")))))
        .expectError()
        .verify(BOUND);
    StepVerifier.create(
            Mono.from(jooq.select(AGE).from(USERS).where(ID.eq(6000L))).map(row -> row.get(AGE)))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(Mono.from(jooq.deleteFrom(USERS).where(ID.in(6000L, 6003L))))
        .expectNext(2)
        .expectComplete()
        .verify(BOUND);
  }

  /** Users 40 and 41 are on two shards. */
  @Test
  void writesTwoShardsOrNone() {
    DSLContext atomic =
        DSL.using(
            shards.factory.with(Hints.builder().transactions("atomic").build()), SQLDialect.MYSQL);
    StepVerifier.create(
            atomic.transactionPublisher(
                inside ->
                    given(inside.dsl())
                        .then(Mono.<Integer>error(new IllegalStateException("on purpose")))))
        .expectError()
        .verify(BOUND);
    Flux<Integer> ages =
        Flux.from(jooq.select(AGE).from(USERS).where(ID.in(40L, 41L)).orderBy(ID))
            .map(row -> row.get(AGE));
    StepVerifier.create(ages).expectNext(40, 41).expectComplete().verify(BOUND);
    StepVerifier.create(
            Flux.from(atomic.transactionPublisher(inside -> given(inside.dsl()))).thenMany(ages))
        .expectNext(35, 46)
        .expectComplete()
        .verify(BOUND);
    shards.updated("UPDATE users SET age = id WHERE id IN (40, 41)").block(BOUND);
  }

  private static Mono<Integer> given(DSLContext dsl) {
    return Mono.from(dsl.update(USERS).set(AGE, AGE.minus(5)).where(ID.eq(40L)))
        .then(Mono.from(dsl.update(USERS).set(AGE, AGE.plus(5)).where(ID.eq(41L))));
  }

  /** jOOQ names the key among what it sets. */
  @Test
  void writesRecordsWithTheirKey() {
    // In MariaDB's dialect VALUES(id), in MySQL's an alias of the new row.
    DSLContext dsl =
        DSL.using(shards.factory, shards.onMariaDb() ? SQLDialect.MARIADB : SQLDialect.MYSQL);
    Map<Field<?>, Object> first = Map.of(ID, 7100L, NAME, "first", AGE, 7);
    Map<Field<?>, Object> second = Map.of(ID, 7100L, NAME, "second");
    Mono<Integer> changed =
        Mono.from(dsl.insertInto(USERS).set(first))
            .then(Mono.from(dsl.update(USERS).set(second).where(ID.eq(7100L))))
            .then(Mono.from(dsl.insertInto(USERS).set(first).onDuplicateKeyUpdate().set(second)))
            .then(
                Mono.from(
                    dsl.insertInto(USERS)
                        .columns(ID, NAME)
                        .values(7100L, "third")
                        .values(7101L, "other")
                        .onDuplicateKeyUpdate()
                        .setAllToExcluded()));
    StepVerifier.create(
            changed
                .thenMany(dsl.select(NAME).from(USERS).where(ID.in(7100L, 7101L)).orderBy(ID))
                .map(Record1::value1)
                .concatWith(
                    Mono.from(dsl.deleteFrom(USERS).where(ID.in(7100L, 7101L)))
                        .map(String::valueOf)))
        .expectNext("third", "other", "2")
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(Mono.from(dsl.update(USERS).set(ID, 7102L).where(ID.eq(7100L))))
        .expectErrorMatches(error -> String.valueOf(error.getMessage()).contains("KEY_UPDATE"))
        .verify(BOUND);
  }

  @Test
  void runsBatchesOfTextsAndOfValues() {
    StepVerifier.create(
            Flux.from(
                jooq.batch(
                    jooq.insertInto(USERS).columns(ID, NAME).values(7001L, "a"),
                    jooq.insertInto(USERS).columns(ID, NAME).values(7002L, "b"),
                    jooq.deleteFrom(USERS).where(ID.eq(7001L)))))
        .expectNext(1, 1, 1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            Flux.from(
                jooq.batch(jooq.deleteFrom(USERS).where(ID.eq((Long) null)))
                    .bind(7001L)
                    .bind(7002L)))
        .expectNext(0, 1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void returnsWhatTheDatabaseGave() {
    StepVerifier.create(
            Mono.from(
                    jooq.insertInto(table(name("settings")))
                        .columns(field(name("label")))
                        .values("jOOQ")
                        .returningResult(field(name("id"), SQLDataType.INTEGER)))
                .map(row -> row.value1() > 0))
        .expectNext(true)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void undoesWhatANestedTransactionDid() {
    StepVerifier.create(
            jooq.transactionPublisher(
                outer ->
                    Mono.from(outer.dsl().update(USERS).set(AGE, 1).where(ID.eq(9L)))
                        .then(
                            Mono.from(
                                    outer
                                        .dsl()
                                        .transactionPublisher(
                                            inner ->
                                                Mono.from(
                                                        inner
                                                            .dsl()
                                                            .update(USERS)
                                                            .set(AGE, 2)
                                                            .where(ID.eq(9L)))
                                                    .then(
                                                        Mono.<Integer>error(
                                                            new IllegalStateException(
                                                                "on purpose")))))
                                .onErrorReturn(0))))
        .expectNext(0)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(
            Mono.from(jooq.select(AGE).from(USERS).where(ID.eq(9L))).map(row -> row.get(AGE)))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
    StepVerifier.create(Mono.from(jooq.update(USERS).set(AGE, 9).where(ID.eq(9L))))
        .expectNext(1)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void tellsWhatTheErrorsAre() {
    StepVerifier.create(Mono.from(jooq.insertInto(USERS).columns(ID).values(1L)))
        .expectError(IntegrityConstraintViolationException.class)
        .verify(BOUND);
    StepVerifier.create(Mono.from(jooq.update(USERS).set(AGE, 1)))
        .expectErrorMatches(
            error ->
                error instanceof DataAccessException
                    && String.valueOf(error.getMessage()).contains("SCATTERED_WRITE"))
        .verify(BOUND);
  }
}
