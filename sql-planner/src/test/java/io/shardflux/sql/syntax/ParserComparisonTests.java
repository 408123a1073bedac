package io.shardflux.sql.syntax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import net.sf.jsqlparser.JSQLParserException;
import net.sf.jsqlparser.expression.TranscodingFunction;
import net.sf.jsqlparser.parser.AbstractJSqlParser.Dialect;
import net.sf.jsqlparser.parser.CCJSqlParserUtil;
import net.sf.jsqlparser.statement.select.PlainSelect;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Why statements are not read by JSqlParser. Where a later release of it makes one of these fail,
 * the reason named there is gone; see {@code src/docs/sql.md}.
 */
class ParserComparisonTests {

  /** The answers of MySQL. */
  static final List<String> REFUSED_BY_JSQLPARSER =
      List.of(
          "SELECT id FROM t WHERE a < b = 1",
          "SELECT id FROM t WHERE id = 5 IS NULL",
          "SELECT id FROM t WHERE id IN (1, 2) = b",
          "SELECT id FROM t WHERE id IN (5--1)",
          "SELECT id FROM t WHERE a = b LIKE 'x'",
          "SELECT id FROM t WHERE a && id = 5",
          "SELECT id FROM t WHERE id = - -5",
          "SELECT id FROM t WHERE id MOD 2 = 1",
          "SELECT id FROM t WHERE BINARY a = '1'",
          "SELECT id FROM t WHERE a SOUNDS LIKE 'x'",
          "SELECT SQL_BIG_RESULT DISTINCT id FROM t",
          "SELECT id FROM t LOCK IN SHARE MODE",
          "SELECT id FROM t IGNORE KEY (PRIMARY)",
          "SELECT settings.id FROM t settings",
          "SELECT COUNT(id) AS errors FROM t",
          "INSERT INTO t () VALUES ()",
          "DELETE t.* FROM t WHERE id = 5");

  @ParameterizedTest
  @FieldSource("io.shardflux.sql.syntax.Misreading#ALL")
  void readsAsMySqlWhatTheOtherMisreads(Misreading misreading) {
    String sql = "SELECT id FROM t WHERE " + misreading.condition();
    assertThat(theirs(sql).where()).isEqualTo(misreading.theirs());
    if (misreading.refused()) {
      assertThatThrownBy(() -> Reading.ours(sql)).isInstanceOf(RefusedSqlException.class);
    } else {
      assertThat(Reading.ours(sql).where()).isEqualTo(misreading.mysql());
    }
  }

  @ParameterizedTest
  @FieldSource("REFUSED_BY_JSQLPARSER")
  void readsWhatTheOtherRefuses(String sql) {
    assertThat(Reading.theirs(sql)).isNull();
    assertThat(Reading.ours(sql).tables()).contains("t");
  }

  @Test
  void theOtherTakesColumnsForSomethingElse() throws JSQLParserException {
    assertThat(theirs("SELECT * FROM days WHERE day = 5").where()).isEqualTo("(day = 5)");
    assertThat(Reading.ours("SELECT * FROM days WHERE day = 5").where()).isEqualTo("(`day` = 5)");
    PlainSelect converts = parsed("SELECT CONVERT(id, SIGNED) FROM t");
    assertThat(converts.getSelectItem(0).getExpression())
        .isInstanceOfSatisfying(
            TranscodingFunction.class,
            convert -> {
              assertThat(convert.getColDataType()).hasToString("id");
              assertThat(convert.getExpression()).hasToString("SIGNED");
            });
  }

  /** {@code FULL} is no word of MySQL's, so it is the table's alias and the join an inner one. */
  @Test
  void theOtherTakesAnAliasForAnOuterJoin() throws JSQLParserException {
    String sql = "SELECT COUNT(*) FROM t FULL JOIN t o USING (id)";
    assertThat(parsed(sql).getJoins()).singleElement().matches(join -> join.isFull());
    assertThat(StatementParser.parse(SqlText.read(sql, PlannerOptions.defaults())).toString())
        .contains("kind=INNER")
        .contains("alias=FULL");
  }

  @Test
  void theOtherLeavesOutWhatStandsBehindASemicolon() throws JSQLParserException {
    assertThat(parsed("SELECT 1; DROP TABLE t")).hasToString("SELECT 1");
  }

  /** Its trees say of few expressions where in the text they stood. */
  @Test
  void theOtherKeepsNoPlaceOfAnOperator() throws JSQLParserException {
    PlainSelect select = parsed("SELECT a, 1 + 1 FROM t");
    assertThat(select.getSelectItem(0).getExpression().getASTNode()).isNotNull();
    assertThat(select.getSelectItem(1).getExpression().getASTNode()).isNull();
  }

  @Test
  void bothReadOrdinaryStatementsAlike() throws IOException {
    List<String> statements = statements();
    assertThat(statements).hasSizeGreaterThan(400);
    SoftAssertions softly = new SoftAssertions();
    for (String sql : statements) {
      softly.assertThat(Reading.theirs(sql)).as(sql).isEqualTo(Reading.ours(sql));
    }
    softly.assertAll();
  }

  private static Reading theirs(String sql) {
    return Objects.requireNonNull(Reading.theirs(sql), sql);
  }

  private static PlainSelect parsed(String sql) throws JSQLParserException {
    return (PlainSelect) CCJSqlParserUtil.parse(sql, parser -> parser.withDialect(Dialect.MYSQL));
  }

  /** Those of this module's other tests, and some at random; what all is of MySQL's grammar. */
  private static List<String> statements() throws IOException {
    try (InputStream file =
        Objects.requireNonNull(
            ParserComparisonTests.class.getResourceAsStream("/statements.sql"))) {
      return new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
  }
}
