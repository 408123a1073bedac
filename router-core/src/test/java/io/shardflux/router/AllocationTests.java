package io.shardflux.router;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class AllocationTests {

  private static final int LOOKUPS = 100_000;

  @TestFactory
  Stream<DynamicTest> lookupsAllocateNothing() {
    return Fixtures.immediate().entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey() + " of " + entry.getValue(),
                    () -> {
                      allocatedBy(entry.getKey(), entry.getValue());
                      assertThat(allocatedBy(entry.getKey(), entry.getValue()))
                          .as("bytes in %d lookups", LOOKUPS)
                          .isLessThan(LOOKUPS);
                    }));
  }

  private static long allocatedBy(ShardingStrategy strategy, ShardKey key) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long thread = Thread.currentThread().getId();
    ShardId expected = strategy.locate(key);
    boolean same = true;
    long before = threads.getThreadAllocatedBytes(thread);
    for (int i = 0; i < LOOKUPS; i++) {
      same &= strategy.locate(key).equals(expected);
    }
    long after = threads.getThreadAllocatedBytes(thread);
    assertThat(same).isTrue();
    return after - before;
  }
}
