package io.shardflux.sql;

import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import io.shardflux.architecture.OptionsContract;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.SQL_PLANNER);
  }

  @Test
  void doesNoInputOrOutput() {
    doesNoIo(root).check(main);
  }

  @Test
  void settingsOfManyComponentsHaveBuilders() {
    assertThat(OptionsContract.recordsWithBuilders(main))
        .containsExactlyInAnyOrder(Hints.class, PlannerOptions.class);
  }
}
