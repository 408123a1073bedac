package io.shardflux.benchmarks;

import com.sun.management.GarbageCollectionNotificationInfo;
import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import javax.management.JMException;
import javax.management.Notification;
import javax.management.NotificationEmitter;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import org.HdrHistogram.Histogram;

/** Measures passes in this process. */
final class Meter {

  private static final double MIB = 1 << 20;

  private final OperatingSystemMXBean system =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
  private final ThreadMXBean threads = ManagementFactory.getPlatformMXBean(ThreadMXBean.class);
  private final AtomicLong heap = new AtomicLong();
  private final Set<String> heapPools =
      ManagementFactory.getMemoryPoolMXBeans().stream()
          .filter(pool -> pool.getType() == MemoryType.HEAP)
          .map(MemoryPoolMXBean::getName)
          .collect(Collectors.toSet());

  /**
   * The answers of a pass.
   *
   * @param latencies the times to an answer in nanoseconds; empty where rows are streamed
   */
  record Tally(long operations, Histogram latencies) {}

  Meter() {
    for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
      ((NotificationEmitter) collector)
          .addNotificationListener((notification, handback) -> collected(notification), null, null);
    }
  }

  /** The source of {@link Figures#bytes()} on this JDK. */
  static String allocationSource() {
    return totalAllocated() < 0
        ? "the sum of getThreadAllocatedBytes over the threads alive at the end"
        : "getTotalThreadAllocatedBytes";
  }

  Figures measure(Supplier<Tally> pass) {
    heap.set(0);
    long allocated = allocated();
    long cpu = system.getProcessCpuTime();
    long start = System.nanoTime();
    Tally tally = pass.get();
    long elapsed = System.nanoTime() - start;
    long cpuTaken = system.getProcessCpuTime() - cpu;
    long allocatedTaken = allocated() - allocated;
    double operations = tally.operations();
    return new Figures(
        tally.operations(),
        elapsed / 1e9,
        cpuTaken / 1e3 / operations,
        allocatedTaken / operations,
        tally.latencies().getValueAtPercentile(50) / 1e3,
        tally.latencies().getValueAtPercentile(99) / 1e3,
        heap.get() / MIB);
  }

  private void collected(Notification notification) {
    Map<String, MemoryUsage> after =
        GarbageCollectionNotificationInfo.from((CompositeData) notification.getUserData())
            .getGcInfo()
            .getMemoryUsageAfterGc();
    long used =
        after.entrySet().stream()
            .filter(pool -> heapPools.contains(pool.getKey()))
            .mapToLong(pool -> pool.getValue().getUsed())
            .sum();
    heap.accumulateAndGet(used, Math::max);
  }

  private long allocated() {
    long total = totalAllocated();
    return total < 0
        ? LongStream.of(threads.getThreadAllocatedBytes(threads.getAllThreadIds()))
            .filter(bytes -> bytes > 0)
            .sum()
        : total;
  }

  /** The bytes that all threads ever allocated; negative before JDK 21. */
  private static long totalAllocated() {
    try {
      return (long)
          ManagementFactory.getPlatformMBeanServer()
              .getAttribute(
                  new ObjectName(ManagementFactory.THREAD_MXBEAN_NAME),
                  "TotalThreadAllocatedBytes");
    } catch (JMException e) {
      return -1;
    }
  }
}
