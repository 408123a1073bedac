package io.shardflux.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The rules, as functions of a module's package. A module's test is a few lines:
 *
 * <pre>{@code
 * ArchitectureRules.neverBlocks().check(ArchitectureRules.mainClasses("io.shardflux.x"));
 * }</pre>
 */
public final class ArchitectureRules {

  private static final Set<String> BLOCKING =
      Set.of("block", "blockFirst", "blockLast", "blockOptional", "toIterable", "toStream");

  private static final String PROJECT = "io.shardflux";

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

  /** The classes that stand beside one: a module's, or its tests. */
  public static JavaClasses classesBeside(Class<?> one) {
    return new ClassFileImporter()
        .importUrl(one.getProtectionDomain().getCodeSource().getLocation());
  }

  /** Classes are declared in a module's own packages alone. */
  public static ArchRule declaresOnlyIn(String... rootPackages) {
    return classes()
        .should()
        .resideInAnyPackage(
            Stream.of(rootPackages).map(each -> each + "..").toArray(String[]::new));
  }

  /** A module uses no other module of the project. */
  public static ArchRule usesNoOtherModule(String rootPackage) {
    return noClasses()
        .that()
        .resideInAPackage(rootPackage + "..")
        .should()
        .dependOnClassesThat(
            resideInAPackage("io.shardflux..").and(resideOutsideOfPackage(rootPackage + "..")));
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

  /**
   * The packages of a module stand one above the other: each uses only those before it.
   *
   * @param rooms their names below the root in the order of use; the root itself is the last one
   */
  public static ArchRule roomsStandInOrder(String rootPackage, String... rooms) {
    return classes()
        .that()
        .resideInAPackage(rootPackage + "..")
        .should(new StandInOrder(rootPackage, List.of(rooms)));
  }

  /**
   * No class uses a type or a member that another module of the project keeps to itself.
   *
   * @param offered the packages that another module keeps for this one
   */
  public static ArchRule usesNoInternals(String rootPackage, String... offered) {
    DescribedPredicate<JavaClass> own = resideInAnyPackage(rootPackage + "..");
    return usesNoInternals(own, own.or(resideInAnyPackage(offered)));
  }

  /** Packages of that name use nothing that is marked, be it of their own module. */
  public static ArchRule roomsUseNoInternals(String... rooms) {
    DescribedPredicate<JavaClass> inside = inRooms(rooms);
    return usesNoInternals(inside, inside).allowEmptyShould(true);
  }

  private static ArchRule usesNoInternals(
      DescribedPredicate<JavaClass> users, DescribedPredicate<JavaClass> offered) {
    return noClasses()
        .that(users)
        .should()
        .dependOnClassesThat(not(offered).and(InternalTypes.MARKED))
        .orShould()
        .accessTargetWhere(
            describe(
                "a member is internal",
                (JavaAccess<?> access) ->
                    !offered.test(access.getTargetOwner()) && InternalTypes.isMarked(access)));
  }

  /** The packages that one module is offered by another are used by no third one. */
  public static ArchRule usesNot(String rootPackage, String... packages) {
    return noClasses()
        .that()
        .resideInAPackage(rootPackage + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(packages);
  }

  /**
   * A lower module does not know the packages that may lie on top of it.
   *
   * @param rooms the names of packages, of this module or another, that use it and that it never
   *     uses
   */
  public static ArchRule knowsNothingOf(String rootPackage, String... rooms) {
    return noClasses()
        .that(resideInAnyPackage(rootPackage + "..").and(not(inRooms(rooms))))
        .should()
        .dependOnClassesThat(inRooms(rooms));
  }

  /** Packages of these names never use those of the others. */
  public static ArchRule roomsUseNot(List<String> rooms, List<String> others) {
    return noClasses()
        .that(inRooms(rooms.toArray(String[]::new)))
        .should()
        .dependOnClassesThat(inRooms(others.toArray(String[]::new)))
        .allowEmptyShould(true);
  }

  /** In a package of the project that has one of these names among its parts. */
  private static DescribedPredicate<JavaClass> inRooms(String... names) {
    return resideInAnyPackage(
        Arrays.stream(names).map(name -> PROJECT + ".." + name + "..").toArray(String[]::new));
  }

  /** The signatures of API types name no type that a module keeps to itself. */
  public static ArchRule apiNamesNoInternals(String rootPackage) {
    return classes()
        .that()
        .resideInAPackage(rootPackage + "..")
        .and()
        .arePublic()
        .and(not(InternalTypes.INSIDE))
        .should(new NameNoInternals());
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
