package io.shardflux.cluster;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.TOPOLOGY_STORE);
  }
}
