package io.shardflux.r2dbc.shard;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.contextpropagation.ObservationThreadLocalAccessor;
import io.micrometer.observation.tck.TestObservationRegistry;
import io.micrometer.observation.tck.TestObservationRegistryAssert;
import io.shardflux.r2dbc.settings.Server;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Flux;
import reactor.test.StepVerifier;
import reactor.util.context.Context;

class ObservedTests {

  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final Server SERVER =
      new Server(
          ShardId.of("shard_0"),
          Shard.of("shard_0", "r2dbc:mysql://app:secret@localhost:3306/a").options(),
          true);

  @Test
  void standsByMicrometersKey() {
    assertThat(Observed.PARENT).isEqualTo(ObservationThreadLocalAccessor.KEY);
  }

  static Stream<ObservationRegistry> registriesThatNobodyListensTo() {
    ObservationRegistry refusing = TestObservationRegistry.create();
    refusing.observationConfig().observationPredicate((name, context) -> false);
    return Stream.of(ObservationRegistry.NOOP, ObservationRegistry.create(), refusing);
  }

  @ParameterizedTest
  @MethodSource("registriesThatNobodyListensTo")
  void isNothingWhereNobodyListens(ObservationRegistry registry) {
    Context context = Context.of("key", "value");
    Observed observed = Observed.start(registry, SERVER, "read", "SELECT 1", context);
    assertThat(observed).isSameAs(Observed.NONE);
    assertThat(observed.in(context)).isSameAs(context);
  }

  @Test
  void addsNoOperatorWithoutARegistry() {
    Flux<Integer> work = Flux.just(1);
    assertThat(Observed.lending(work, ObservationRegistry.NOOP, SERVER, "lend")).isSameAs(work);
    assertThat(Observed.lending(work, ObservationRegistry.create(), SERVER, "lend")).isSameAs(work);
  }

  @Test
  void heedsAHandlerThatComesLater() {
    ObservationRegistry registry = ObservationRegistry.create();
    assertThat(Observed.start(registry, SERVER, "read", "SELECT 1", Context.empty()))
        .isSameAs(Observed.NONE);
    registry.observationConfig().observationHandler(new Throwing(false));
    assertThat(Observed.start(registry, SERVER, "read", "SELECT 1", Context.empty()))
        .isNotSameAs(Observed.NONE);
  }

  @Test
  void isThereInTheWorksContextAndShowsNoCredential() {
    TestObservationRegistry registry = TestObservationRegistry.create();
    Flux<Observation> inside =
        Flux.deferContextual(context -> Flux.just(context.<Observation>get(Observed.PARENT)));
    StepVerifier.create(Observed.lending(inside, registry, SERVER, "lend"))
        .expectNextMatches(parent -> "shardflux.statement".equals(parent.getContext().getName()))
        .expectComplete()
        .verify(BOUND);
    TestObservationRegistryAssert.assertThat(registry)
        .hasHandledContextsThatSatisfy(
            contexts ->
                assertThat(contexts)
                    .hasSize(1)
                    .allSatisfy(
                        context ->
                            assertThat(context.getAllKeyValues().toString())
                                .contains("localhost:3306")
                                .doesNotContain("app", "secret")));
  }

  @Test
  void aHandlerThatThrowsCostsNothing() {
    ObservationRegistry atStart = ObservationRegistry.create();
    atStart.observationConfig().observationHandler(new Throwing(true));
    ObservationRegistry atStop = ObservationRegistry.create();
    atStop.observationConfig().observationHandler(new Throwing(false));
    for (ObservationRegistry registry : new ObservationRegistry[] {atStart, atStop}) {
      StepVerifier.create(Observed.lending(Flux.just(1), registry, SERVER, "lend"))
          .expectNext(1)
          .expectComplete()
          .verify(BOUND);
      Observed.start(registry, SERVER, "read", "SELECT 1", Context.empty()).ended(1, null, false);
    }
  }

  private record Throwing(boolean atStart) implements ObservationHandler<Observation.Context> {

    @Override
    public void onStart(Observation.Context context) {
      if (atStart) {
        throw new IllegalStateException("start");
      }
    }

    @Override
    public void onStop(Observation.Context context) {
      throw new IllegalStateException("stop");
    }

    @Override
    public boolean supportsContext(Observation.Context context) {
      return true;
    }
  }
}
