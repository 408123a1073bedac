package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** A reference table that a shard lacks, gets, and has, by the hands of the test. */
class JoiningCopiesIntegrationTests extends MovingUsers {

  private static final ShardId LAST = IDS.get(2);
  private static final TableRule.Reference ALL = new TableRule.Reference("countries");
  private static final TableRule.Reference ABSENT = ALL.absentOn(LAST);
  private static final TableRule.Reference JOINING = ALL.joiningOn(LAST);

  /** The first shard alone has the table. */
  private static final TableRule.Reference ALONE = ABSENT.absentOn(IDS.get(1));

  private static final String TABLE =
      "CREATE TABLE countries (id INT PRIMARY KEY, n BIGINT NOT NULL)";
  private static final String ADD = "UPDATE countries SET n = n + 1 WHERE id = 1";
  private static final String OF_LAST = "/* shardflux: shard=" + LAST + " */ SELECT n FROM ";

  @BeforeEach
  void create() {
    for (int shard : List.of(0, 1)) {
      at(shard, TABLE);
      at(shard, "INSERT INTO countries VALUES (1, 10), (2, 20)");
    }
    newest = newest.withRules(List.of(ABSENT));
    known();
  }

  private void published(TableRule.Reference rule) {
    newest = newest.withRules(List.of(rule));
  }

  private void joining() {
    at(2, TABLE);
    published(JOINING);
    known();
  }

  private List<Long> on(int shard) {
    return read("/* shardflux: shard=" + IDS.get(shard) + " */ SELECT n FROM countries ORDER BY id")
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** What stands on the last shard, once all is there. */
  private List<Long> onLast() {
    published(ALL);
    known();
    return on(2);
  }

  private static void refused(Flux<?> work) {
    StepVerifier.create(work)
        .expectErrorSatisfies(
            error -> assertThat(error).hasMessageContaining("COPY_MISSING: countries"))
        .verify(BOUND);
  }

  @Test
  void aShardWithoutTheTableIsNeitherReadNorWritten() {
    for (int i = 0; i < 20; i++) {
      assertThat(summed("SELECT n FROM countries")).containsExactly(2L, 30L);
    }
    assertThat(changed(ADD).block(BOUND)).isEqualTo(1);
    assertThat(on(0)).containsExactly(11L, 20L).isEqualTo(on(1));
    refused(read(OF_LAST + "countries"));
    refused(changed("/* shardflux: shard=" + LAST + " */ " + ADD).flux());
  }

  /** A joined read of a shard that lacks the table is no partial answer. */
  @Test
  void aJoinedReadOfAShardWithoutTheTableIsRefused() {
    String joined = "SELECT u.n FROM users u JOIN countries c ON c.id = u.n";
    started();
    assertThat(summed(joined)).containsExactly(7L, 7L);
    newest = topology(newest.epoch() + 1, NEXT).withRules(List.of(ABSENT));
    known();
    refused(read(joined));
    published(ALL.joiningOn(LAST));
    known();
    refused(read(joined));
  }

  /** A statement that one server answers must find all its copies there. */
  @Test
  void aGatheredReadGoesWhereTheTableIs() {
    String ranked =
        "SELECT RANK() OVER (ORDER BY u.n, c.id) FROM users u JOIN countries c ON c.id = u.n";
    started();
    for (int i = 0; i < 10; i++) {
      assertThat(summed(ranked)).containsExactly(7L, 7L);
    }
    at(2, "CREATE TABLE cities (id INT PRIMARY KEY, n BIGINT NOT NULL)");
    newest =
        newest.withRules(
            List.of(new TableRule.Reference("cities").absentOn(IDS.get(0)).absentOn(IDS.get(1))));
    known();
    StepVerifier.create(
            read(ranked.replace("FROM users u", "FROM users u JOIN cities d ON d.id = u.n")))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("COPY_MISSING"))
        .verify(BOUND);
  }

  @Test
  void aCopyThatJoinsIsWrittenAndNotRead() {
    joining();
    at(2, "INSERT INTO countries VALUES (1, 1000), (3, 3000)");
    assertThat(changed("UPDATE countries SET n = n + 1").block(BOUND)).isEqualTo(2);
    for (int i = 0; i < 20; i++) {
      assertThat(summed("SELECT n FROM countries")).containsExactly(2L, 32L);
    }
    refused(read(OF_LAST + "countries"));
    assertThat(onLast()).containsExactly(1001L, 3001L);
  }

  /** The router of a former epoch may have deleted the row on the other shards. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void anErrorOfTheCopyThatJoinsIsNotTheTables(int first) {
    ShardId joins = IDS.get(first * 2);
    at(2, TABLE);
    at(2, "INSERT INTO countries VALUES (1, 10), (2, 20)");
    published(ALL.joiningOn(joins));
    known();
    at(first * 2, "INSERT INTO countries VALUES (3, 0)");
    StepVerifier.create(changed("INSERT INTO countries VALUES (3, 30)"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOf(TopologyChangedException.class)
                    .hasMessageContaining("being copied"))
        .verify(BOUND);
    assertThat(on(1)).containsExactly(10L, 20L);
    StepVerifier.create(changed("INSERT INTO countries VALUES (2, 30)"))
        .expectError(R2dbcDataIntegrityViolationException.class)
        .verify(BOUND);
    at(first * 2, "DELETE FROM countries WHERE id = 3");
    assertThat(changed("INSERT INTO countries VALUES (3, 30)").block(BOUND)).isEqualTo(1);
  }

  /** A router that has not heard of the copy, as it stood still, writes it all the same. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aRouterWithoutALeaseLooksBeforeItWrites(boolean marked) {
    published(marked ? ABSENT : ALL.thereOn(LAST));
    known();
    at(2, TABLE);
    at(2, "INSERT INTO countries VALUES (1, 10), (2, 20)");
    if (!marked) {
      published(ABSENT);
      known();
    }
    published(JOINING);
    control.sureFor.set(0);
    assertThat(changed(ADD).block(BOUND)).isEqualTo(1);
    assertThat(onLast()).containsExactly(11L, 20L);
  }

  /** Writes that are under way when a copy joins. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aWriteThatACopyOvertakesIsWrittenThereToo(boolean alone) {
    published(alone ? ALONE : ABSENT);
    known();
    at(2, TABLE);
    at(2, "INSERT INTO countries VALUES (1, 10), (2, 20)");
    UnaryOperator<TableRule.Reference> joins = rule -> rule.joiningOn(LAST);
    Mono<Long> held =
        Mono.usingWhen(
            factory.create(),
            holder ->
                Mono.from(holder.beginTransaction())
                    .then(changed(holder, "/* shardflux: shard=" + IDS.get(0) + " */ " + ADD))
                    .then(
                        Mono.zip(
                                changed(ADD),
                                Mono.delay(Duration.ofMillis(300))
                                    .then(
                                        done(
                                            () -> {
                                              published(joins.apply(alone ? ALONE : ABSENT));
                                              known();
                                            }))
                                    .then(Mono.from(holder.rollbackTransaction()))
                                    .thenReturn(0L))
                            .map(both -> both.getT1())),
            Connection::close);
    assertThat(held.block(BOUND)).isEqualTo(1);
    assertThat(onLast()).containsExactly(11L, 20L);
    assertThat(on(0)).containsExactly(11L, 20L);
  }

  @Test
  void aTransactionThatACopyOvertakesIsToldSo() {
    published(ALONE);
    known();
    at(2, TABLE);
    Mono<Void> work =
        Mono.usingWhen(
            factory.create(),
            connection ->
                Mono.from(connection.beginTransaction())
                    .then(changed(connection, ADD))
                    .then(
                        done(
                            () -> {
                              published(ALONE.joiningOn(LAST));
                              known();
                            }))
                    .then(Mono.from(connection.commitTransaction())),
            Connection::close);
    StepVerifier.create(work).expectError(TopologyChangedException.class).verify(BOUND);
    assertThat(on(0)).containsExactly(10L, 20L);
  }

  /** A control server that is gone stops no write of a table that is on every shard. */
  @Test
  void aTableThatIsEverywhereIsWrittenWithoutControl() {
    at(2, TABLE);
    at(2, "INSERT INTO countries VALUES (1, 10), (2, 20)");
    published(ALL);
    known();
    control.lost = true;
    assertThat(changed(ADD).block(BOUND)).isEqualTo(1);
    assertThat(List.of(on(0), on(1), on(2))).containsOnly(List.of(11L, 20L));
    control.lost = false;
    published(JOINING);
    known();
    control.lost = true;
    StepVerifier.create(changed(ADD))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("control server"))
        .verify(BOUND);
  }
}
