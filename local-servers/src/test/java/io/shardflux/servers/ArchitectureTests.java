package io.shardflux.servers;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchitectureTests {

  private static final JavaClasses MAIN =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.shardflux.servers");

  @Test
  void knowsNothingOfSpring() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.springframework..")
        .check(MAIN);
  }

  @Test
  void onlyOneClassNeedsTestcontainers() {
    noClasses()
        .that()
        .doNotHaveSimpleName("ContainerServers")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.testcontainers..")
        .check(MAIN);
  }

  @ParameterizedTest
  @ValueSource(classes = {TestServers.class, ArchitectureTests.class})
  void declaresInItsOwnPackageAlone(Class<?> one) {
    classes()
        .should()
        .resideInAPackage("io.shardflux.servers..")
        .check(
            new ClassFileImporter()
                .importUrl(one.getProtectionDomain().getCodeSource().getLocation()));
  }
}
