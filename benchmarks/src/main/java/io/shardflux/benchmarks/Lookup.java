package io.shardflux.benchmarks;

/**
 * A figure of JMH's.
 *
 * @param nanos the time of one operation
 * @param error half of JMH's interval of 99.9 % for this time
 * @param bytes the bytes that one operation allocates
 */
record Lookup(String name, double nanos, double error, double bytes) {}
