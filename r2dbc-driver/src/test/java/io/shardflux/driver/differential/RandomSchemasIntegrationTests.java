package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.MutatedFactory;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** Reads over tables at random are answered as one database answers them. */
class RandomSchemasIntegrationTests {

  private static final int MOST_FAILURES = 20;

  private final long seed = Long.getLong("differential.seed", 7);
  private final int schemas = Integer.getInteger("differential.schemas", 2);
  private final int statements = Integer.getInteger("differential.each", 100);

  @Test
  void answersAsOneDatabase() {
    Map<String, Integer> plans = new ConcurrentHashMap<>();
    int asked = 0;
    int failed = 0;
    for (long schema = seed; schema < seed + schemas && failed < MOST_FAILURES; schema++) {
      try (DifferentialShards shards = DifferentialShards.of(RandomTables.of(schema))) {
        shards.reset();
        Differential differential =
            new Differential(
                shards,
                MutatedFactory.counting(
                    shards.router(), schema % 2 == 0, plan -> plans.merge(plan, 1, Integer::sum)));
        Report report = differential.randoms(schema, statements, MOST_FAILURES);
        asked += report.asked();
        failed += report.failures().size();
        if (!report.failures().isEmpty()) {
          shards.tables().forEach(table -> System.out.println(table.create() + " " + table.rule()));
          System.out.println(report);
          report.failures().forEach(System.out::println);
        }
      }
    }
    System.out.println(
        asked + " statements, " + failed + " failures, plans: " + new TreeMap<>(plans));
    assertThat(failed).isZero();
  }
}
