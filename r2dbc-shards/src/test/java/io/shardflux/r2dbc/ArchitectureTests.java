package io.shardflux.r2dbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import io.shardflux.architecture.OptionsContract;
import io.shardflux.r2dbc.settings.PoolOptions;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.R2DBC_SHARDS);
  }

  @Test
  void settingsOfManyComponentsHaveBuilders() {
    assertThat(OptionsContract.recordsWithBuilders(main)).containsExactly(PoolOptions.class);
  }
}
