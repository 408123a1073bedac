package io.shardflux.benchmarks;

/**
 * What JMH measured.
 *
 * @param nanos of one operation
 * @param error of that, of JMH's interval of 99.9 %
 * @param bytes allocated by one operation
 */
record Lookup(String name, double nanos, double error, double bytes) {}
