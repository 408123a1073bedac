package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.ShardfluxConnectionFactory;
import org.junit.jupiter.api.Test;

/** Reads that are gathered on one server are answered as one database answers them. */
class GatheredDifferentialIntegrationTests {

  private static final int MOST_FAILURES = 20;

  private final long seed = Long.getLong("differential.seed", 7);
  private final int statements = Integer.getInteger("differential.gathers", 600);

  @Test
  void gathersAsOneDatabaseAnswers() {
    try (DifferentialShards shards = DifferentialShards.fresh()) {
      shards.reset();
      Differential differential =
          new Differential(shards, ShardfluxConnectionFactory.of(shards.router()));
      Report report = differential.gathers(seed, statements, MOST_FAILURES);
      System.out.println(report);
      report.failures().forEach(System.out::println);
      assertThat(report.failures()).isEmpty();
    }
  }
}
