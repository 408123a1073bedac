package io.shardflux.driver;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.R2DBC_DRIVER);
  }
}
