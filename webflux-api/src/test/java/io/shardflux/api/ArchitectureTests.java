package io.shardflux.api;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import io.shardflux.architecture.ModuleLayout;
import io.shardflux.architecture.ModuleRules;
import org.junit.jupiter.api.Test;

final class ArchitectureTests extends ModuleRules {

  ArchitectureTests() {
    super(ModuleLayout.WEBFLUX_API);
  }

  @Test
  void onlyTheApplicationIsPublic() {
    noClasses()
        .that()
        .arePublic()
        .and()
        .areTopLevelClasses()
        .should()
        .haveNameNotMatching(".*\\.ShardfluxApplication")
        .check(main);
  }
}
