package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.test.StepVerifier;

/** Groups of shards are gathered in place of their rows. */
class GatheredGroupsIntegrationTests {

  /** There may be fewer rows to gather than the table has. */
  @Test
  void groupsCountInPlaceOfRows() {
    try (DriverShards shards =
        new DriverShards(builder -> builder.gathers(GatherOptions.builder().maxRows(6).build()))) {
      shards.load(30);
      StepVerifier.create(
              shards.rows(
                  row -> row.get(0, String.class) + row.get(1, Long.class),
                  "SELECT country, ROUND(AVG(age)) FROM users WHERE id > ? GROUP BY country HAVING"
                      + " COUNT(*) % 2 = 0 ORDER BY -COUNT(*), country",
                  2))
          .expectNext("DE17", "FR16")
          .expectComplete()
          .verify(BOUND);
      // Without a number for each group the rows are needed.
      StepVerifier.create(
              shards.rows(
                  row -> row.get(0, String.class),
                  "SELECT country, STDDEV(age) FROM users GROUP BY country"))
          .expectErrorSatisfies(
              error ->
                  assertThat(error.getCause())
                      .isInstanceOfSatisfying(
                          RefusedSqlException.class,
                          refused ->
                              assertThat(refused.code())
                                  .isEqualTo(RefusalCode.TOO_MANY_GATHERED_ROWS)))
          .verify(BOUND);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "SELECT country, ROUND(SUM(age), 2) FROM users GROUP BY country | true",
        "SELECT -SUM(age), CAST(COUNT(*) AS CHAR) FROM users | true",
        "SELECT IF(COUNT(*) > 3, 1, 0) FROM users GROUP BY age | true",
        "SELECT age FROM users GROUP BY age HAVING MAX(id) % 2 = 1 | true",
        "SELECT age FROM users GROUP BY age ORDER BY COUNT(*) % 2, age | true",
        "SELECT CASE WHEN COUNT(*) > 1 THEN MAX(name) END FROM users GROUP BY 1 + age | false",
        "SELECT country, COUNT(*) FROM users GROUP BY country WITH ROLLUP | true",
        "SELECT country, RANK() OVER (ORDER BY COUNT(*)) FROM users GROUP BY country | true",
        "SELECT ROUND(COUNT(DISTINCT age)) FROM users | false",
        "SELECT ROUND(MAX(age)), (SELECT 1) FROM users | false",
        "SELECT ROUND(MAX(u.age)) FROM users u JOIN countries c ON c.code = u.country | false",
        "SELECT id AS age, ROUND(MAX(age)) FROM users GROUP BY id % 3 | false",
        "INSERT INTO orders (user_id, no) SELECT age, COUNT(*) FROM users GROUP BY age | true"
      })
  void theWayIsExplained(String sql, boolean groups) {
    try (DriverShards shards = new DriverShards()) {
      shards.load(3);
      Explanation explanation = shards.factory.explain(sql).blockOptional(BOUND).orElseThrow();
      assertThat(explanation.toString().contains("users by groups into")).isEqualTo(groups);
      if (groups) {
        assertThat(explanation.parts().get(0).sql()).contains("FROM `users` AS `users`");
        assertThat(explanation.parts()).hasSize(4);
      }
    }
  }
}
