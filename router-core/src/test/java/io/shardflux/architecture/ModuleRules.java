package io.shardflux.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * The rules that all modules keep. A module's test says which module it is, and what else holds
 * there:
 *
 * <pre>{@code
 * final class ArchitectureTests extends ModuleRules {
 *   ArchitectureTests() {
 *     super(ModuleLayout.ROUTER_CORE);
 *   }
 * }
 * }</pre>
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ModuleRules {

  /** Packages that move or change shards and their data, or show them. */
  private static final String[] ON_TOP = {"cluster", "reshard", "jobs", "console", "cli"};

  private static final String SPI = "io.shardflux.r2dbc.spi..";

  /** The module's package. */
  protected final String root;

  /** The module's classes, without its tests. */
  protected final JavaClasses main;

  private final ModuleLayout layout;

  protected ModuleRules(ModuleLayout layout) {
    this.layout = layout;
    this.root = layout.root;
    this.main = ArchitectureRules.mainClasses(root);
  }

  @Test
  public void dependsOnlyOnWhatItMay() {
    ArchitectureRules.dependsOnlyOn(root, layout.uses.toArray(String[]::new)).check(main);
  }

  @Test
  public void standsInOrder() {
    ArchitectureRules.roomsStandInOrder(root, layout.rooms.toArray(String[]::new)).check(main);
  }

  @Test
  public void theDataPathKnowsNothingOfWhatIsOnTop() {
    if (layout.dataPath) {
      ArchitectureRules.knowsNothingOf(root, ON_TOP).check(main);
    }
  }

  @Test
  public void whatMovesDataUsesNoSql() {
    ArchitectureRules.roomsUseNot(List.of("reshard", "jobs"), List.of("sql", "driver")).check(main);
  }

  @Test
  public void aConsoleUsesApiAlone() {
    ArchitectureRules.roomsUseNoInternals("console").check(main);
  }

  @Test
  public void usesOnlyWhatOthersOffer() {
    ArchitectureRules.usesNoInternals(root, layout.offered.toArray(String[]::new)).check(main);
    if (!layout.offered.contains(SPI)) {
      ArchitectureRules.usesNot(root, SPI).check(main);
    }
  }

  @Test
  public void offersOnlyApi() {
    ArchitectureRules.apiNamesNoInternals(root).check(main);
  }

  @Test
  public void blocksNowhere() {
    ArchitectureRules.neverBlocks().check(main);
  }

  @Test
  public void testsAreBounded() {
    ArchitectureRules.verifiesWithBound().check(ArchitectureRules.testClasses(root));
  }

  @Test
  public void testsStayInTheirModule() {
    ArchitectureRules.declaresOnlyIn(testPackages())
        .check(ArchitectureRules.classesBeside(getClass()));
  }

  /** The packages that the module's tests are in. */
  protected String[] testPackages() {
    return new String[] {root};
  }
}
