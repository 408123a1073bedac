package io.shardflux.spring;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.SPRING_BOOT_STARTER);
  }

  /** The lowest module that has both moves and SQL, whose tests put faults into a move. */
  @Override
  protected String[] testPackages() {
    return new String[] {"io.shardflux.spring", "io.shardflux.reshard"};
  }

  @Test
  void needsNoWebServer() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.springframework.web..", "org.springframework.boot.web..")
        .check(main);
  }
}
