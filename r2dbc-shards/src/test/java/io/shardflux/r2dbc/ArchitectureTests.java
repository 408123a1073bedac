package io.shardflux.r2dbc;

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
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import io.shardflux.architecture.OptionsContract;
import io.shardflux.r2dbc.settings.PoolOptions;
import org.junit.jupiter.api.Test;

class ArchitectureTests {

  private static final String ROOT = "io.shardflux.r2dbc";
  private static final JavaClasses MAIN = mainClasses(ROOT);

  @Test
  void dependsOnTheRouterAndReactiveLibrariesAlone() {
    dependsOnlyOn(
            ROOT,
            "io.shardflux.router..",
            "io.r2dbc..",
            "reactor..",
            "org.reactivestreams..",
            "io.netty..",
            "javax.net.ssl..",
            "com.github.benmanes.caffeine..",
            "io.micrometer..",
            "org.HdrHistogram..",
            "io.github.resilience4j..",
            "org.apache.datasketches.frequencies..",
            "org.slf4j..",
            "org.yaml.snakeyaml..",
            // For the one message by which the driver is told that its connection is lost.
            "io.asyncer.r2dbc.mysql.message.server")
        .check(MAIN);
  }

  @Test
  void standsInOrder() {
    roomsStandInOrder(
            ROOT,
            "settings",
            "failure",
            "observe",
            "statement",
            "scatter",
            "server",
            "shard",
            "live",
            "coalesce",
            "insert",
            "directory",
            "transaction",
            "config",
            "ids",
            "spi")
        .check(MAIN);
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

  @Test
  void settingsOfManyComponentsHaveBuilders() {
    assertThat(OptionsContract.recordsWithBuilders(MAIN)).containsExactly(PoolOptions.class);
  }
}
