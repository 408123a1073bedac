package io.shardflux.benchmarks;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.shardflux.architecture.ArchitectureRules;
import org.junit.jupiter.api.Test;

/** Contenders use the router as an application does. They block, and JMH writes a package. */
class ArchitectureTests {

  private static final String ROOT = "io.shardflux.benchmarks";

  private static final JavaClasses MAIN = ArchitectureRules.mainClasses(ROOT);

  @Test
  void usesApiAlone() {
    ArchitectureRules.usesNoInternals(ROOT).check(MAIN);
    ArchitectureRules.usesNot(ROOT, "io.shardflux.r2dbc.spi..").check(MAIN);
  }

  @Test
  void declaresInItsOwnPackageAlone() {
    ArchitectureRules.declaresOnlyIn(ROOT).check(ArchitectureRules.classesBeside(Bench.class));
    ArchitectureRules.declaresOnlyIn(ROOT).check(ArchitectureRules.classesBeside(getClass()));
  }

  @Test
  void testsAreBounded() {
    ArchitectureRules.verifiesWithBound().check(ArchitectureRules.testClasses(ROOT));
  }
}
