package io.shardflux.spring;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.SPRING_BOOT_STARTER);
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
