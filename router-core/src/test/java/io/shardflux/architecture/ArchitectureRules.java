package io.shardflux.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Set;

/**
 * The rules, as functions of a module's package. A module's test is a few lines:
 *
 * <pre>{@code
 * ArchitectureRules.noCycles("io.shardflux.x").check(ArchitectureRules.mainClasses("io.shardflux.x"));
 * }</pre>
 */
public final class ArchitectureRules {

  private static final Set<String> BLOCKING =
      Set.of("block", "blockFirst", "blockLast", "blockOptional", "toIterable", "toStream");

  private ArchitectureRules() {}

  /** The classes of a package and those below it, without the tests. */
  public static JavaClasses mainClasses(String rootPackage) {
    return new ClassFileImporter()
        .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
        .importPackages(rootPackage);
  }

  /** The tests of a package and those below it. */
  public static JavaClasses testClasses(String rootPackage) {
    return new ClassFileImporter()
        .withImportOption(ImportOption.Predefined.ONLY_INCLUDE_TESTS)
        .importPackages(rootPackage);
  }

  /** A module depends on itself, Java, JSpecify and the packages named, and on nothing else. */
  public static ArchRule dependsOnlyOn(String rootPackage, String... packages) {
    return classes()
        .that()
        .resideInAPackage(rootPackage + "..")
        .should()
        .onlyDependOnClassesThat(
            DescribedPredicate.or(
                resideInAnyPackage(rootPackage + "..", "java..", "org.jspecify.."),
                resideInAnyPackage(packages)));
  }

  /** A module reads and writes nothing by itself. */
  public static ArchRule doesNoIo(String rootPackage) {
    return noClasses()
        .that()
        .resideInAPackage(rootPackage + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.net..", "java.nio.file..", "java.nio.channels..", "java.sql..", "javax.sql..");
  }

  /** No two packages of a module depend on each other, not even in a round. */
  public static ArchRule noCycles(String rootPackage) {
    return slices()
        .matching(rootPackage + "(**)")
        .should()
        .beFreeOfCycles()
        // A module may well have one package.
        .allowEmptyShould(true);
  }

  /** Nothing waits for a publisher: an event loop must never block. */
  public static ArchRule neverBlocks() {
    return noClasses()
        .should()
        .accessTargetWhere(
            describe(
                "a publisher is blocked on",
                (JavaAccess<?> access) ->
                    BLOCKING.contains(access.getTarget().getName())
                        && access.getTargetOwner().getPackageName().startsWith("reactor.")));
  }

  /** No test waits without bound: every verify has a duration. */
  public static ArchRule verifiesWithBound() {
    return noClasses()
        .should()
        .accessTargetWhere(
            describe(
                "a publisher is verified without a Duration",
                (JavaAccess<?> access) ->
                    access.getTarget().getName().startsWith("verify")
                        && access.getTargetOwner().getName().startsWith("reactor.test.StepVerifier")
                        && !access.getTarget().getFullName().contains("java.time.Duration")));
  }
}
