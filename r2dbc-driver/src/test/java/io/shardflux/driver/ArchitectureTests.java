package io.shardflux.driver;

import static io.shardflux.architecture.ArchitectureRules.apiNamesNoInternals;
import static io.shardflux.architecture.ArchitectureRules.classesBeside;
import static io.shardflux.architecture.ArchitectureRules.declaresOnlyIn;
import static io.shardflux.architecture.ArchitectureRules.dependsOnlyOn;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.neverBlocks;
import static io.shardflux.architecture.ArchitectureRules.roomsStandInOrder;
import static io.shardflux.architecture.ArchitectureRules.testClasses;
import static io.shardflux.architecture.ArchitectureRules.usesNoInternals;
import static io.shardflux.architecture.ArchitectureRules.verifiesWithBound;

import com.tngtech.archunit.core.domain.JavaClasses;
import org.junit.jupiter.api.Test;

class ArchitectureTests {

  private static final String ROOT = "io.shardflux.driver";
  private static final JavaClasses MAIN = mainClasses(ROOT);

  @Test
  void dependsOnTheRouterThePlannerAndR2dbcAlone() {
    dependsOnlyOn(
            ROOT,
            "io.shardflux.router..",
            "io.shardflux.r2dbc..",
            "io.shardflux.sql..",
            "io.r2dbc.spi..",
            "io.asyncer.r2dbc.mysql.constant..",
            "reactor..",
            "org.reactivestreams..",
            "org.slf4j..")
        .check(MAIN);
  }

  @Test
  void standsInOrder() {
    roomsStandInOrder(ROOT).check(MAIN);
  }

  @Test
  void blocksNowhere() {
    neverBlocks().check(MAIN);
  }

  @Test
  void testsAreBounded() {
    verifiesWithBound().check(testClasses(ROOT));
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
}
