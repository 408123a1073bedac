package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.MutatedFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.sql.merge.Plan;
import io.shardflux.sql.statement.ShardSql;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * While keys move, and rows stand on two shards, the driver answers and changes as one database
 * that has each row once. By hand with {@code -Dmoving.statements} and {@code -Dmoving.seed}.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MovingDifferentialIntegrationTests {

  private static final int MOST_FAILURES = 20;
  private static final long SEED = 11;

  private final long seed = Long.getLong("moving.seed", SEED);
  private final int statements = Integer.getInteger("moving.statements", 60);
  private final DifferentialShards shards = DifferentialShards.fresh();

  @AfterAll
  void close() {
    shards.close();
  }

  /** The same statements without the owners' conditions show that other rows are there. */
  @ParameterizedTest
  @EnumSource
  void answersAsOneDatabase(Phase phase) {
    shards.moving(phase);
    Report report = report(ShardfluxConnectionFactory.of(shards.router()), MOST_FAILURES);
    System.out.println(phase + " " + report);
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
    Report ofAll =
        report(MutatedFactory.of(shards.router(), MovingDifferentialIntegrationTests::ofAll), 1);
    assertThat(ofAll.failures()).isNotEmpty();
  }

  /** Writes change the rows that count, each once, and no others. */
  @ParameterizedTest
  @EnumSource(names = {"COPYING", "SWITCHED"})
  void changesAsOneDatabase(Phase phase) {
    shards.moving(phase);
    Report report =
        new Differential(shards, ShardfluxConnectionFactory.of(shards.router()))
            .writes(seed, statements, MOST_FAILURES);
    System.out.println(phase + " " + report);
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
    Report ofAll =
        new Differential(
                shards,
                MutatedFactory.of(shards.router(), MovingDifferentialIntegrationTests::ofAll))
            .writes(seed, statements, 1);
    assertThat(ofAll.failures()).isNotEmpty();
  }

  /** So do writes whose rows are found first. */
  @ParameterizedTest
  @EnumSource(names = {"COPYING", "SWITCHED"})
  void changesFoundRowsAsOneDatabase(Phase phase) {
    shards.moving(phase);
    Report report =
        new Differential(shards, ShardfluxConnectionFactory.of(shards.router()))
            .queried(seed, statements, MOST_FAILURES);
    System.out.println(phase + " " + report);
    report.failures().forEach(System.out::println);
    assertThat(report.failures()).isEmpty();
    Report ofAll =
        new Differential(
                shards,
                MutatedFactory.of(shards.router(), MovingDifferentialIntegrationTests::ofAll))
            .queried(seed, statements, 1);
    assertThat(ofAll.failures()).isNotEmpty();
  }

  private Report report(ShardfluxConnectionFactory factory, int mostFailures) {
    return new Differential(shards, factory).reads(seed, statements, mostFailures);
  }

  private static Plan ofAll(Plan plan) {
    List<Plan.Part> parts = plan.parts().stream().map(part -> ofAll(part)).toList();
    if (plan instanceof Plan.Scatter scatter) {
      return new Plan.Scatter(parts, scatter.merge(), scatter.columns());
    }
    return plan instanceof Plan.Writes writes
        ? new Plan.Writes(parts, writes.copies(), writes.keyed())
        : new Plan.Direct(parts.get(0));
  }

  private static Plan.Part ofAll(Plan.Part part) {
    return new Plan.Part(part.shard(), new ShardSql(part.sql().text(), part.sql().markers()));
  }
}
