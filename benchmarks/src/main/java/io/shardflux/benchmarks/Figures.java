package io.shardflux.benchmarks;

import java.io.Serializable;

/**
 * The figures of one pass.
 *
 * @param operations the number of answers, each of them checked; of rows, where rows are streamed
 * @param seconds the time from the first request to the last answer
 * @param cpuMicros the CPU time of the contender's process, for each operation
 * @param bytes the bytes that this process allocated, for each operation
 * @param p50Micros the median time to an answer; 0 where rows are streamed
 * @param p99Micros the time that 99 of 100 answers took at most; 0 where rows are streamed
 * @param heapMib the most heap in use after a garbage collection of the pass
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
