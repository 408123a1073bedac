package io.shardflux.router;

import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.usesNoOtherModule;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.ROUTER_CORE);
  }

  @Test
  void doesNoInputOrOutput() {
    doesNoIo(root).check(main);
  }

  @Override
  protected String[] testPackages() {
    return new String[] {root, "io.shardflux.architecture"};
  }

  @Test
  void localServersStandBesideTheRouter() {
    String servers = "io.shardflux.servers";
    usesNoOtherModule(servers).check(mainClasses(servers));
  }
}
