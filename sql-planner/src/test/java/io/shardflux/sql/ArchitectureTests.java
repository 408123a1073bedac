package io.shardflux.sql;

import static io.shardflux.architecture.ArchitectureRules.apiNamesNoInternals;
import static io.shardflux.architecture.ArchitectureRules.classesBeside;
import static io.shardflux.architecture.ArchitectureRules.declaresOnlyIn;
import static io.shardflux.architecture.ArchitectureRules.dependsOnlyOn;
import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.neverBlocks;
import static io.shardflux.architecture.ArchitectureRules.roomsStandInOrder;
import static io.shardflux.architecture.ArchitectureRules.usesNoInternals;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.shardflux.architecture.OptionsContract;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
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
  void standsInOrder() {
    roomsStandInOrder(
            ROOT,
            "statement",
            "merge",
            "syntax",
            "schema",
            "keys",
            "analysis",
            "scatter",
            "prepare")
        .check(MAIN);
  }

  @Test
  void blocksNowhere() {
    neverBlocks().check(MAIN);
  }

  @Test
  void testsStayInTheirModule() {
    declaresOnlyIn(ROOT).check(classesBeside(ArchitectureTests.class));
  }

  @Test
  void usesOnlyWhatOthersOffer() {
    usesNoInternals(ROOT).check(MAIN);
  }

  @Test
  void offersOnlyApi() {
    apiNamesNoInternals(ROOT).check(MAIN);
  }

  @Test
  void settingsOfManyComponentsHaveBuilders() {
    assertThat(OptionsContract.recordsWithBuilders(MAIN))
        .containsExactlyInAnyOrder(Hints.class, PlannerOptions.class);
  }
}
