package io.shardflux.api;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

final class ArchitectureTests {

  private static final JavaClasses MAIN =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .withImportOption(location -> !location.contains("/test-classes/"))
          .importPackages("io.shardflux.api");
  private static final JavaClasses TESTS =
      new ClassFileImporter()
          .withImportOption(location -> location.contains("/test-classes/"))
          .importPackages("io.shardflux.api");

  @Test
  void mainCodeBlocksNowhere() {
    noClasses()
        .should()
        .callMethodWhere(
            target(nameMatching("block(|Optional|First|Last)|toIterable|toStream"))
                .and(target(owner(nameMatching("reactor\\.core\\.publisher\\.(Mono|Flux)")))))
        .check(MAIN);
  }

  @Test
  void testsBoundEveryVerification() {
    noClasses()
        .should()
        .callMethodWhere(
            target(
                    nameMatching(
                        "verify(Complete|Error|ErrorMessage|Timeout|ErrorSatisfies|ErrorMatches|ThenAssertThat)"))
                .and(target(owner(nameMatching("reactor\\.test\\.StepVerifier.*")))))
        .orShould()
        .callMethod(Thread.class, "sleep", long.class)
        .check(TESTS);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("io.shardflux.(**)").should().beFreeOfCycles().check(MAIN);
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
        .check(MAIN);
  }
}
