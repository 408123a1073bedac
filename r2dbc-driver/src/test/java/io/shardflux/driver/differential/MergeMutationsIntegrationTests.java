package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.MutatedFactory;
import io.shardflux.driver.ShardfluxConnectionFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The differential test notices each way to merge wrong, within a bounded number of statements. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Tag("same-on-any-server")
class MergeMutationsIntegrationTests {

  private static final long SEED = 1;
  private static final int STATEMENTS = 3_000;

  private final DifferentialShards shards = DifferentialShards.fresh();

  @AfterAll
  void close() {
    shards.close();
  }

  @ParameterizedTest
  @EnumSource
  void isNoticed(MergeMutation mutation) {
    Differential differential =
        new Differential(shards, MutatedFactory.of(shards.router(), mutation));
    Report report = differential.run(SEED, 0, STATEMENTS, 1);
    assertThat(report.failures()).isNotEmpty();
    System.out.println(mutation + ": noticed by statement " + report.failedAt().get(0));
  }

  /** Without a mutation nothing fails; otherwise a failure would prove nothing. */
  @Test
  void withoutOneThereIsNothingToNotice() {
    Differential differential =
        new Differential(shards, ShardfluxConnectionFactory.of(shards.router()));
    assertThat(differential.run(SEED, 0, STATEMENTS, 1).failures()).isEmpty();
  }
}
