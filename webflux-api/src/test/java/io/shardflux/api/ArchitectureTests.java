package io.shardflux.api;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import io.shardflux.router.Internal;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.WEBFLUX_API);
  }

  @Test
  void onlyTheApplicationIsApi() {
    noClasses()
        .that()
        .arePublic()
        .and()
        .areTopLevelClasses()
        .and()
        .areNotAnnotatedWith(Internal.class)
        .should()
        .haveNameNotMatching(".*\\.ShardfluxApplication")
        .check(main);
  }
}
