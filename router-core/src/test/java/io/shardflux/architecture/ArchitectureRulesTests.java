package io.shardflux.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.lang.ArchRule;
import io.shardflux.architecture.fixture.Top;
import io.shardflux.architecture.fixture.console.Page;
import io.shardflux.architecture.fixture.console.Peeks;
import io.shardflux.architecture.fixture.high.Hidden;
import io.shardflux.architecture.fixture.high.High;
import io.shardflux.architecture.fixture.high.Keeps;
import io.shardflux.architecture.fixture.high.Offers;
import io.shardflux.architecture.fixture.high.OffersBase;
import io.shardflux.architecture.fixture.high.OffersBound;
import io.shardflux.architecture.fixture.high.OffersField;
import io.shardflux.architecture.fixture.high.OffersPart;
import io.shardflux.architecture.fixture.jobs.Job;
import io.shardflux.architecture.fixture.jobs.PlansSql;
import io.shardflux.architecture.fixture.low.AsksJobs;
import io.shardflux.architecture.fixture.low.Low;
import io.shardflux.architecture.fixture.low.ReachesUp;
import io.shardflux.architecture.fixture.other.UsesHidden;
import io.shardflux.architecture.fixture.other.UsesMember;
import io.shardflux.architecture.fixture.other.UsesOffer;
import io.shardflux.architecture.fixture.other.UsesPart;
import io.shardflux.architecture.fixture.sql.Planner;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** The rules find what they forbid, and leave alone what they don't. */
class ArchitectureRulesTests {

  private static final String HERE = "io.shardflux.architecture";
  private static final String HOUSE = HERE + ".fixture";

  @Test
  void findsBlockingCallsAndReferences() {
    assertThat(breaks(ArchitectureRules.neverBlocks(), Blocks.class)).isTrue();
    assertThat(breaks(ArchitectureRules.neverBlocks(), BlocksByReference.class)).isTrue();
    assertThat(breaks(ArchitectureRules.neverBlocks(), Tidy.class)).isFalse();
  }

  @Test
  void findsUnboundedVerification() {
    assertThat(breaks(ArchitectureRules.verifiesWithBound(), VerifiesWithoutBound.class)).isTrue();
    assertThat(breaks(ArchitectureRules.verifiesWithBound(), Tidy.class)).isFalse();
  }

  @Test
  void findsForeignDependenciesAndIo() {
    ArchRule reactor = ArchitectureRules.dependsOnlyOn(HERE, "reactor..");
    assertThat(breaks(reactor, Tidy.class)).isFalse();
    assertThat(breaks(ArchitectureRules.dependsOnlyOn(HERE), Tidy.class)).isTrue();
    assertThat(breaks(ArchitectureRules.doesNoIo(HERE), Connects.class)).isTrue();
    assertThat(breaks(ArchitectureRules.doesNoIo(HERE), Tidy.class)).isFalse();
  }

  @Test
  void findsRoomsOutOfOrder() {
    Class<?>[] house = {Low.class, High.class, Top.class};
    assertThat(breaks(ArchitectureRules.roomsStandInOrder(HOUSE, "low", "high"), house)).isFalse();
    assertThat(breaks(ArchitectureRules.roomsStandInOrder(HOUSE, "high", "low"), house)).isTrue();
    ArchRule order = ArchitectureRules.roomsStandInOrder(HOUSE, "low", "high");
    assertThat(breaks(order, Low.class, High.class, Top.class, ReachesUp.class)).isTrue();
  }

  @Test
  void findsRoomsThatAreEmptyOrUnknown() {
    Class<?>[] house = {Low.class, High.class, Top.class};
    ArchRule more = ArchitectureRules.roomsStandInOrder(HOUSE, "low", "high", "cellar");
    assertThat(breaks(more, house)).isTrue();
    assertThat(breaks(ArchitectureRules.roomsStandInOrder(HOUSE, "low"), house)).isTrue();
  }

  @Test
  void findsInternalTypesOutside() {
    String other = HOUSE + ".other";
    assertThat(breaks(ArchitectureRules.usesNoInternals(other), UsesHidden.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNoInternals(other), UsesMember.class, Keeps.class))
        .isTrue();
    assertThat(breaks(ArchitectureRules.usesNoInternals(other), UsesPart.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNoInternals(HOUSE), UsesHidden.class)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        Offers.class,
        OffersField.class,
        OffersBound.class,
        OffersBase.class,
        OffersPart.class
      })
  void findsInternalTypesInSignatures(Class<?> offers) {
    assertThat(breaks(ArchitectureRules.apiNamesNoInternals(HOUSE), offers)).isTrue();
  }

  @Test
  void leavesSignaturesAloneThatNameNone() {
    Class<?>[] tidy = {Keeps.class, High.class, Hidden.class};
    assertThat(breaks(ArchitectureRules.apiNamesNoInternals(HOUSE), tidy)).isFalse();
  }

  @Test
  void findsWhatIsOfferedToAnotherModule() {
    String other = HOUSE + ".other";
    String spi = HOUSE + ".spi..";
    assertThat(breaks(ArchitectureRules.usesNoInternals(other), UsesOffer.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNoInternals(other, spi), UsesOffer.class)).isFalse();
    assertThat(breaks(ArchitectureRules.usesNoInternals(other, spi), UsesHidden.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNot(other, spi), UsesOffer.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNot(other, spi), UsesHidden.class)).isFalse();
  }

  @Test
  void findsWhatKnowsWhatIsOnTop() {
    ArchRule below = ArchitectureRules.knowsNothingOf(HOUSE, "jobs", "console");
    assertThat(breaks(below, Low.class, High.class, Job.class)).isFalse();
    assertThat(breaks(below, Low.class, AsksJobs.class, Job.class)).isTrue();
  }

  @Test
  void findsJobsThatPlanSql() {
    ArchRule rule = ArchitectureRules.roomsUseNot(List.of("reshard", "jobs"), List.of("sql"));
    assertThat(breaks(rule, Job.class, Low.class, Planner.class)).isFalse();
    assertThat(breaks(rule, Job.class, PlansSql.class, Planner.class)).isTrue();
    assertThat(breaks(rule, Low.class)).isFalse();
  }

  @Test
  void findsAConsoleThatShowsInternals() {
    ArchRule rule = ArchitectureRules.roomsUseNoInternals("console");
    assertThat(breaks(rule, Page.class, Keeps.class)).isFalse();
    assertThat(breaks(rule, Peeks.class, Keeps.class)).isTrue();
    assertThat(breaks(rule, UsesMember.class, Keeps.class)).isFalse();
  }

  @Test
  void findsClassesInPackagesOfOthers() {
    assertThat(breaks(ArchitectureRules.declaresOnlyIn(HOUSE), Low.class, High.class)).isFalse();
    ArchRule high = ArchitectureRules.declaresOnlyIn(HOUSE + ".high", HOUSE + ".other");
    assertThat(breaks(high, High.class, UsesHidden.class)).isFalse();
    assertThat(breaks(high, High.class, Low.class)).isTrue();
    assertThat(ArchitectureRules.classesBeside(Low.class))
        .anyMatch(each -> each.isEquivalentTo(High.class));
  }

  @Test
  void findsUsesOfOtherModules() {
    ArchRule other = ArchitectureRules.usesNoOtherModule(HOUSE + ".other");
    assertThat(breaks(other, UsesHidden.class)).isTrue();
    assertThat(breaks(ArchitectureRules.usesNoOtherModule(HOUSE), UsesHidden.class)).isFalse();
    assertThat(breaks(ArchitectureRules.usesNoOtherModule(HOUSE + ".low"), Low.class)).isFalse();
  }

  private static boolean breaks(ArchRule rule, Class<?>... types) {
    JavaClasses classes = new ClassFileImporter().importClasses(types);
    return rule.evaluate(classes).hasViolation();
  }

  static final class Blocks {
    @Nullable String call() {
      return Mono.just("").block(Duration.ofSeconds(1));
    }
  }

  static final class BlocksByReference {
    Function<Mono<String>, @Nullable String> reference() {
      return Mono::block;
    }
  }

  static final class VerifiesWithoutBound {
    void call() {
      StepVerifier.create(Mono.empty()).verifyComplete();
    }
  }

  static final class Connects {
    URI call() {
      return URI.create("a:b");
    }
  }

  static final class Tidy {
    void call() {
      StepVerifier.create(Mono.empty()).expectComplete().verify(Duration.ofSeconds(1));
    }
  }
}
