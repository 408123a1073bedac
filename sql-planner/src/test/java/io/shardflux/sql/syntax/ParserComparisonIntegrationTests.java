package io.shardflux.sql.syntax;

import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactories;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The texts of {@link ParserComparisonTests} as a real server reads them. */
class ParserComparisonIntegrationTests {

  private static final Duration BOUND = Duration.ofSeconds(30);

  @SuppressWarnings("NullAway.Init")
  private static Connection connection;

  @BeforeAll
  static void fill() {
    connection =
        Objects.requireNonNull(
            Mono.from(
                    ConnectionFactories.get(
                            TestServers.shared().freshDatabases("parser").get(0).r2dbcUrl())
                        .create())
                .block(BOUND));
    answer("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b INT)");
    answer(
        "INSERT INTO t (id, a, b) WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n"
            + " WHERE i < 12) SELECT i, i % 2, i % 3 FROM n");
  }

  @AfterAll
  static void close() {
    Mono.from(connection.close()).block(BOUND);
  }

  @ParameterizedTest
  @FieldSource("io.shardflux.sql.syntax.Misreading#ALL")
  void theServerReadsAsTheProjectDoes(Misreading misreading) {
    String rows = ids(misreading.condition());
    assertThat(rows).isNotEmpty().isEqualTo(ids(misreading.mysql()));
    assertThat(rows).isNotEqualTo(ids(misreading.theirs()));
  }

  @ParameterizedTest
  @FieldSource("io.shardflux.sql.syntax.ParserComparisonTests#REFUSED_BY_JSQLPARSER")
  void theServerAnswersWhatTheOtherRefuses(String sql) {
    assertThat(answer("EXPLAIN " + sql)).isNotEmpty();
  }

  private static String ids(String condition) {
    try {
      return answer("SELECT id FROM t WHERE " + condition + "\n ORDER BY id").stream()
          .map(String::valueOf)
          .collect(Collectors.joining(" "));
    } catch (R2dbcBadGrammarException e) {
      return "refused";
    }
  }

  private static List<Object> answer(String sql) throws R2dbcException {
    return Objects.requireNonNull(
        Flux.from(connection.createStatement(sql).execute())
            .flatMap(result -> result.map((row, metadata) -> Objects.requireNonNull(row.get(0))))
            .collectList()
            .block(BOUND));
  }
}
