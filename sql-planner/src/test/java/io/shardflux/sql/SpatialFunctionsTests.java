package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Functions of places are known, and what they give is never ordered or grouped by a merge. */
class SpatialFunctionsTests {

  private static Plan plan(String sql) {
    Prepared prepared = Shop.prepare(sql);
    Binds none = Binds.of(List.of());
    prepared.route(none, Hints.NONE);
    return prepared.plan(none, Hints.NONE, List.of(Shop.A, Shop.B));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT ST_ASTEXT(POINT(age, balance)), UPDATEXML(name, '/a', 'b') FROM users",
        "SELECT id FROM users WHERE ST_DISTANCE_SPHERE(POINT(age, 1), POINT(1, 2)) < 5",
        "SELECT COUNT(*) FROM users WHERE MBRCONTAINS(ST_GEOMFROMTEXT('POINT(1 1)'), POINT(1, 1))",
      })
  void areSentToShards(String sql) {
    assertThat(plan(sql)).isInstanceOf(Plan.Scatter.class);
  }

  @Test
  void areNotMergedBy() {
    for (String sql :
        List.of(
            "SELECT id FROM users ORDER BY ST_X(POINT(age, 1))",
            "SELECT POINT(age, 1), COUNT(*) FROM users GROUP BY POINT(age, 1)",
            "SELECT DISTINCT POINT(age, 1) FROM users")) {
      assertThatExceptionOfType(RefusedSqlException.class)
          .isThrownBy(() -> plan(sql))
          .satisfies(refused -> assertThat(refused.code()).isEqualTo(RefusalCode.UNSORTABLE));
    }
  }
}
