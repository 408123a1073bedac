package io.shardflux.reshard;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import io.shardflux.architecture.OptionsContract;
import io.shardflux.reshard.plan.MoveOptions;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.RESHARDING);
  }

  @Test
  void settingsOfManyComponentsHaveBuilders() {
    assertThat(OptionsContract.recordsWithBuilders(main)).containsExactly(MoveOptions.class);
  }
}
