package io.shardflux.reshard;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.RESHARDING);
  }
}
