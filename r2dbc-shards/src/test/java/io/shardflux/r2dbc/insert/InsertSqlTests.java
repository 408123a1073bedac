package io.shardflux.r2dbc.insert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.shardflux.r2dbc.statement.SqlTemplate;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InsertSqlTests {

  private static final InsertSql SQL = insert("INSERT INTO t (a, b) VALUES (:a, :b)");

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "INSERT INTO t VALUES (:a, :b)|INSERT INTO t VALUES (?, ?),(?, ?)",
        "insert t(a) value(:a)|insert t(a) value(?),(?)",
        "REPLACE INTO t (a) VALUES (:a)|REPLACE INTO t (a) VALUES (?),(?)",
        "INSERT INTO t (a, `values (`) VALUES (f(:a, (1)), ':x)')|"
            + "INSERT INTO t (a, `values (`) VALUES (f(?, (1)), ':x)'),(f(?, (1)), ':x)')",
        "/* ignore */ INSERT LOW_PRIORITY INTO db.ignore (a) VALUES   (:a)|"
            + "/* ignore */ INSERT LOW_PRIORITY INTO db.ignore (a) VALUES   (?),(?)",
        "INSERT INTO t (a) VALUES (:a+(SELECT 1))|INSERT INTO t (a) VALUES (?+(SELECT 1)),(?+(SELECT 1))",
      })
  void theRowGroupIsRepeated(String sql, String twice) {
    assertThat(insert(sql).render(2)).isEqualTo(twice);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "INSERT INTO t (a) VALUES (1)",
        "INSERT INTO t (a) VALUES (?)",
        "INSERT INTO t (a) VALUES (:a), (:b)",
        "INSERT INTO t (a) VALUES (:a);",
        "INSERT INTO t (a) VALUES (:a) ON DUPLICATE KEY UPDATE a = 1",
        "INSERT INTO t (a) VALUES (:a) RETURNING a",
        "INSERT INTO t (a) VALUES (:a",
        "INSERT INTO t (a) VALUES ROW(:a)",
        "INSERT IGNORE INTO t (a) VALUES (:a)",
        "INSERT /*! IGNORE */ INTO t (a) VALUES (:a)",
        "INSERT DELAYED INTO t (a) VALUES (:a)",
        "INSERT INTO t SET a = :a",
        "INSERT INTO t SELECT :a",
        "INSERT INTO t SELECT 1 UNION VALUES (:a)",
        "INSERT INTO t PARTITION (:p) VALUES (:a)",
        "DELETE FROM u; INSERT INTO t (a) VALUES (:a)",
        "UPDATE t SET a = :a",
        "SELECT * FROM t WHERE a IN (:a)",
        "VALUES (:a)",
      })
  void whatIsNoPlainInsertOfOneRowIsRefused(String sql) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> insert(sql))
        .withMessageStartingWith("sql: " + sql + " (expected: INSERT INTO … VALUES (…) or ");
  }

  @Test
  void aPreparedStatementsMarkersBoundItsRows() {
    String markers =
        IntStream.range(0, 200).mapToObj(i -> ":m" + i).collect(Collectors.joining(","));

    assertThat(SQL.maxRows()).isEqualTo(1_000);
    assertThat(insert("INSERT INTO t VALUES (" + markers + ")").maxRows()).isEqualTo(327);
  }

  @Test
  void valuesAreThoseOfTheMarkersInOrder() {
    InsertSql twice = insert("INSERT INTO t VALUES (:b, :a, :b)");
    Map<String, @Nullable Object> values = new HashMap<>();
    values.put("a", 1);
    values.put("b", null);

    assertThat(twice.values(values)).containsExactly(null, 1, null);
  }

  @Test
  void valuesThatAreMissingOrTooManyAreRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SQL.values(Map.of("a", 1)))
        .withMessage("values: none for b (expected: one for each of [a, b])");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SQL.values(Map.of("a", 1, "b", 2, "c", 3)))
        .withMessageEndingWith("(expected: [a, b] and no other)");
  }

  @Test
  void aValueOfUnknownLengthIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SQL.bytes(new Object[] {1, new UUID(1, 2)}))
        .withMessageStartingWith("values: b, a java.util.UUID (expected: null, text, a number,");
  }

  @Test
  void onlyAsManyRowsAsWereSentProveThatAllAreStored() {
    InsertSql replace = insert("REPLACE INTO t (a) VALUES (:a)");

    assertThat(SQL.proves(5, 5)).isTrue();
    assertThat(SQL.proves(4, 5)).isFalse();
    assertThat(SQL.proves(6, 5)).isFalse();
    assertThat(replace.proves(9, 5)).isTrue();
    assertThat(replace.proves(4, 5)).isFalse();
  }

  private static InsertSql insert(String sql) {
    return InsertSql.of(SqlTemplate.of(sql));
  }
}
