package io.shardflux.sql;

import io.shardflux.architecture.OptionsContract;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import org.junit.jupiter.api.Test;

class OptionsTests {

  @Test
  void buildersDoTheirPart() {
    OptionsContract.check(Hints.NONE);
    OptionsContract.check(PlannerOptions.defaults());
  }
}
