package io.shardflux.driver.gather;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rows that servers wrote down, and texts that came in the place of numbers. */
class RowTextTests {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(1)",
        "(-1,2.5e-3)",
        "(NULL,x'00Ff',x'')",
        "(0.50,.5,1e0,-1.5E+20,00012)",
        "('2026-01-31 00:00:00',1)",
        "('it\\'s; \\\\','','it''s')",
        "(FROM_UNIXTIME(1700000000.500000),2)",
        "(CONVERT(x'7b7d' USING utf8mb4))"
      })
  void literalsAreARow(String row) {
    assertThat(RowText.isOfLiterals(row)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "(",
        "()",
        "(1",
        "(1,)",
        "(1)x",
        "(1),(2)",
        "(1); DELETE FROM users; -- )",
        "(1-- )",
        "(5#)",
        "(abc)",
        "(1 OR 1)",
        "((SELECT password FROM users LIMIT 1))",
        "(SLEEP(1))",
        "(@@version)",
        "(`id`)",
        "(\"a\")",
        "(x'0g')",
        "(x'00)",
        "('open)",
        "('open\\')",
        "(NULLIF(1,1))",
        "(1e)",
        "(-)",
        "(.)",
        "(1/*)*/)",
        "(FROM_UNIXTIME(SLEEP(1)))",
        "(CONVERT(users USING utf8mb4))",
        "(CONVERT(x'00' USING latin1))"
      })
  void othersAreNone(String row) {
    assertThat(RowText.isOfLiterals(row)).isFalse();
  }
}
