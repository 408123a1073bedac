package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.R2dbcException;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Reads whose subqueries run first. */
class FirstReadsIntegrationTests extends GatheringShards {

  @Test
  void whatIsKnownNamesTheShards() {
    DriverShards some = shards(30, GatherOptions.defaults());
    String sql =
        "SELECT id FROM users WHERE id IN (SELECT no FROM orders WHERE total > ?) AND id = 3";
    StepVerifier.create(numbers(some, sql, 0)).expectNext(3L).expectComplete().verify(BOUND);
    StepVerifier.create(some.factory.explain(sql, 0))
        .assertNext(
            explanation -> {
              assertThat(explanation.merge()).contains("first", "at most 10000 values");
              List<String> texts =
                  explanation.parts().stream().map(Explanation.Part::sql).distinct().toList();
              assertThat(texts).hasSize(2);
              assertThat(texts.get(0)).startsWith("SELECT no FROM orders WHERE total > ? GROUP");
              assertThat(texts.get(1)).isEqualTo("SELECT id FROM users WHERE id IN (?) AND id = 3");
              // Its key is on one shard.
              assertThat(explanation.parts()).hasSize(3 + 1);
            })
        .expectComplete()
        .verify(BOUND);
  }

  /** Values beyond the bound, or of too many bytes, are never cut. */
  @ParameterizedTest
  @CsvSource({"29, 1048576", "10000, 1024"})
  void boundsAreToldAndNothingIsCut(int rows, int bytes) {
    DriverShards few = shards(100, GatherOptions.builder().maxRows(rows).maxBytes(bytes).build());
    StepVerifier.create(
            numbers(few, "SELECT COUNT(*) FROM users WHERE name NOT IN (SELECT name FROM users)"))
        .expectErrorSatisfies(
            error ->
                assertThat(error.getCause())
                    .isInstanceOfSatisfying(
                        RefusedSqlException.class,
                        refused ->
                            assertThat(refused.code())
                                .isEqualTo(RefusalCode.TOO_MANY_GATHERED_ROWS)))
        .verify(BOUND);
    StepVerifier.create(
            numbers(
                few,
                "SELECT COUNT(*) FROM users WHERE name NOT IN (SELECT name FROM users WHERE id <"
                    + " 9)"))
        .expectNext(92L)
        .expectComplete()
        .verify(BOUND);
  }

  @Test
  void twoRowsInPlaceOfAValueAreTheServersError() {
    DriverShards two = shards(9, GatherOptions.defaults());
    StepVerifier.create(
            numbers(
                two, "SELECT id FROM users WHERE age = (SELECT no FROM orders WHERE total > 0)"))
        .expectErrorSatisfies(
            error ->
                assertThat(error)
                    .isInstanceOfSatisfying(
                        R2dbcException.class,
                        told -> assertThat(told.getErrorCode()).isEqualTo(1242)))
        .verify(BOUND);
  }

  @Test
  void allThatRunsHasTheStatementsTime() {
    DriverShards late = shards(9, GatherOptions.defaults());
    StringBuilder slow = new StringBuilder("SELECT COUNT(*) FROM orders o0");
    for (int i = 1; i < 18; i++) {
      slow.append(" JOIN orders o" + i + " ON o" + i + ".user_id = o0.user_id");
    }
    slow.append(" WHERE CRC32(o1.no + o17.no) > 7");
    StepVerifier.create(
            numbers(
                late,
                "/* shardflux: timeout=300ms */ SELECT COUNT(*) FROM users WHERE age > ("
                    + slow
                    + ")"))
        .expectErrorSatisfies(error -> assertThat(error).hasMessageContaining("a first row within"))
        .verify(BOUND);
    late.awaitIdle();
  }

  @Test
  void aCancelLeavesNothing() {
    DriverShards given = shards(20, GatherOptions.defaults());
    String sql = "SELECT COUNT(*) FROM users WHERE age IN (SELECT no FROM orders)";
    for (int after = 0; after < 30; after += 2) {
      Disposable read = numbers(given, sql).subscribe(row -> {}, error -> {});
      Mono.delay(Duration.ofMillis(after)).block(BOUND);
      read.dispose();
    }
    given.awaitIdle();
    StepVerifier.create(numbers(given, sql)).expectNext(3L).expectComplete().verify(BOUND);
  }
}
