package io.shardflux.router;

import static io.shardflux.architecture.ArchitectureRules.apiNamesNoInternals;
import static io.shardflux.architecture.ArchitectureRules.classesBeside;
import static io.shardflux.architecture.ArchitectureRules.declaresOnlyIn;
import static io.shardflux.architecture.ArchitectureRules.dependsOnlyOn;
import static io.shardflux.architecture.ArchitectureRules.doesNoIo;
import static io.shardflux.architecture.ArchitectureRules.mainClasses;
import static io.shardflux.architecture.ArchitectureRules.neverBlocks;
import static io.shardflux.architecture.ArchitectureRules.roomsStandInOrder;
import static io.shardflux.architecture.ArchitectureRules.testClasses;
import static io.shardflux.architecture.ArchitectureRules.usesNoInternals;
import static io.shardflux.architecture.ArchitectureRules.usesNoOtherModule;
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
    declaresOnlyIn(ROOT, "io.shardflux.architecture").check(classesBeside(ArchitectureTests.class));
  }

  @Test
  void localServersStandBesideTheRouter() {
    String servers = "io.shardflux.servers";
    usesNoOtherModule(servers).check(mainClasses(servers));
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
