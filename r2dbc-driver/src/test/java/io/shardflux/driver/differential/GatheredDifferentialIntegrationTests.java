package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.MutatedFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Reads that are gathered on one server are answered as one database answers them. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class GatheredDifferentialIntegrationTests {

  private static final int MOST_FAILURES = 20;

  private final long seed = Long.getLong("differential.seed", 7);
  private final DifferentialShards shards = DifferentialShards.fresh();
  private final int statements = Integer.getInteger("differential.gathers", 500);

  /** Each is followed by a look at all shards. */
  private final int writes = statements / 4;

  @BeforeAll
  void fill() {
    shards.reset();
  }

  @AfterAll
  void close() {
    shards.close();
  }

  /** Each way to be wrong about the rows is noticed. */
  @ParameterizedTest
  @EnumSource
  void isNoticed(GatherMutation mutation) {
    Differential differential =
        new Differential(shards, MutatedFactory.ofGathers(shards.router(), mutation));
    Report report =
        mutation.isOfJoins()
            ? differential.joins(seed, statements, 1)
            : differential.gathers(seed, statements, 1);
    assertThat(report.failures()).isNotEmpty();
    System.out.println(mutation + ": noticed by statement " + report.failedAt().get(0));
  }

  /** Each way to be wrong about values that are known first is noticed. */
  @ParameterizedTest
  @EnumSource
  void isNoticed(FirstMutation mutation) {
    Differential differential =
        new Differential(shards, MutatedFactory.ofFirsts(shards.router(), mutation));
    Report report = differential.firsts(seed, statements, 1);
    assertThat(report.failures()).isNotEmpty();
    System.out.println(mutation + ": noticed by statement " + report.failedAt().get(0));
  }

  /** Each way to be wrong about rows that a write finds first is noticed. */
  @ParameterizedTest
  @EnumSource
  void isNoticed(WriteMutation mutation) {
    Differential differential =
        new Differential(shards, MutatedFactory.ofWrites(shards.router(), mutation));
    Report report = differential.queried(seed, writes, 1);
    assertThat(report.failures()).isNotEmpty();
    System.out.println(mutation + ": noticed by statement " + report.failedAt().get(0));
  }

  /** Each way to be wrong about rows that are sent to shards is noticed. */
  @ParameterizedTest
  @EnumSource
  void isNoticed(BroadcastMutation mutation) {
    Differential differential =
        new Differential(
            shards, MutatedFactory.ofBroadcasts(shards.router(), mutation::planned, mutation));
    Report report = differential.joins(seed, statements, 1);
    assertThat(report.failures()).isNotEmpty();
    System.out.println(mutation + ": noticed by statement " + report.failedAt().get(0));
  }

  @Test
  void writesFoundRowsAsOneDatabaseDoes() {
    Differential differential =
        new Differential(shards, ShardfluxConnectionFactory.of(shards.router()));
    Report report = differential.queried(seed, writes, MOST_FAILURES);
    System.out.println(report);
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
    assertThat(shards.astray()).isEmpty();
    shards.reset();
  }

  @Test
  void mergesShapesAsOneDatabaseAnswers() {
    Differential differential =
        new Differential(shards, ShardfluxConnectionFactory.of(shards.router()));
    Report report = differential.shapes(seed, statements, MOST_FAILURES);
    System.out.println(report);
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
  }

  @Test
  void gathersAsOneDatabaseAnswers() {
    answers(Differential::gathers, false);
  }

  @Test
  void runsSubqueriesFirstAsOneDatabaseAnswers() {
    answers(Differential::firsts, true);
  }

  @Test
  void joinsByBoundValuesAsOneDatabaseAnswers() {
    answers(Differential::joins, true);
  }

  private interface Asking {
    Report of(Differential differential, long seed, int statements, int mostFailures);
  }

  private void answers(Asking asking, boolean firsts) {
    Map<String, Integer> plans = new ConcurrentHashMap<>();
    Differential differential =
        new Differential(
            shards,
            MutatedFactory.counting(
                shards.router(), firsts, plan -> plans.merge(plan, 1, Integer::sum)));
    Report report = asking.of(differential, seed, statements, MOST_FAILURES);
    System.out.println(report + "plans: " + new TreeMap<>(plans));
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
  }
}
