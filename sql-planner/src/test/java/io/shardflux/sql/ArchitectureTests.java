package io.shardflux.sql;

import static io.shardflux.architecture.ArchitectureRules.dependsOnlyOn;
import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.neverBlocks;
import static io.shardflux.architecture.ArchitectureRules.noCycles;

import com.tngtech.archunit.core.domain.JavaClasses;
import org.junit.jupiter.api.Test;

class ArchitectureTests {

  private static final String ROOT = "io.shardflux.sql";
  private static final JavaClasses MAIN = mainClasses(ROOT);

  @Test
  void dependsOnTheRouterAndCaffeineAlone() {
    dependsOnlyOn(ROOT, "io.shardflux.router..", "com.github.benmanes.caffeine..").check(MAIN);
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
}
