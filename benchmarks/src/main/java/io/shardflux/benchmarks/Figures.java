package io.shardflux.benchmarks;

import java.io.Serializable;

/**
 * What one pass took.
 *
 * @param operations answers got, each of them checked; rows, where rows are streamed
 * @param seconds from the first request to the last answer
 * @param cpuMicros of the contender's process, for each operation
 * @param bytes allocated in it, for each operation
 * @param p50Micros the median time to an answer; 0 where rows are streamed
 * @param p99Micros the time that 99 of 100 answers took at most; 0 where rows are streamed
 * @param heapMib the most that was left of the heap by a garbage collection meanwhile
 */
record Figures(
    long operations,
    double seconds,
    double cpuMicros,
    double bytes,
    double p50Micros,
    double p99Micros,
    double heapMib)
    implements Serializable {

  double perSecond() {
    return operations / seconds;
  }
}
