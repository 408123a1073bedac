package io.shardflux.router;

import static io.shardflux.architecture.ArchitectureRules.dependsOnlyOn;
import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.neverBlocks;
import static io.shardflux.architecture.ArchitectureRules.noCycles;
import static io.shardflux.architecture.ArchitectureRules.testClasses;
import static io.shardflux.architecture.ArchitectureRules.verifiesWithBound;

import com.tngtech.archunit.core.domain.JavaClasses;
import org.junit.jupiter.api.Test;

class ArchitectureTests {

  private static final String ROOT = "io.shardflux.router";
  private static final JavaClasses MAIN = mainClasses(ROOT);

  @Test
  void dependsOnReactorAndCaffeineAlone() {
    dependsOnlyOn(ROOT, "reactor..", "org.reactivestreams..", "com.github.benmanes.caffeine..")
        .check(MAIN);
  }

  @Test
  void doesNoInputOrOutput() {
    doesNoIo(ROOT).check(MAIN);
  }

  @Test
  void hasNoCycles() {
    noCycles(ROOT).check(MAIN);
  }

  @Test
  void blocksNowhere() {
    neverBlocks().check(MAIN);
  }

  @Test
  void testsAreBounded() {
    verifiesWithBound().check(testClasses(ROOT));
  }
}
