package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Report.Ratio;
import io.shardflux.benchmarks.Task.Act;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** The ratios that sum the figures up. A figure that was not measured gives no ratio. */
final class Ratios {

  private static final double HASH_NANOS = 40;
  private static final double RING_NANOS = 150;
  private static final double PLAN_NANOS = 2_000;

  private final List<Result> results;
  private final List<Lookup> lookups;
  private final List<Ratio> ratios = new ArrayList<>();

  private Ratios(List<Result> results, List<Lookup> lookups) {
    this.results = results;
    this.lookups = lookups;
  }

  static List<Ratio> of(List<Result> results, List<Lookup> lookups) {
    Ratios all = new Ratios(results, lookups);
    all.compare(Act.READ, 64, Way.ROUTER, Way.BY_HAND);
    all.compare(Act.READ, 64, Way.ROUTER, Way.SHARDINGSPHERE);
    all.compare(Act.READ, 64, Way.DRIVER, Way.BY_HAND);
    all.compare(Act.READ, 256, Way.COALESCED, Way.BY_HAND);
    all.compareLatency(Act.READ, 1, Way.COALESCED, Way.BY_HAND);
    all.compare(Act.INSERT, 64, Way.ROUTER, Way.BY_HAND);
    all.compare(Act.INSERT, 64, Way.ROUTER, Way.SHARDINGSPHERE);
    all.compare(Act.INSERT_ALL, 4, Way.ROUTER, Way.BY_HAND);
    all.compare(Act.INSERT_ALL, 4, Way.ROUTER, Way.SHARDINGSPHERE);
    for (Act act : List.of(Act.STREAM, Act.STREAM_IN_ORDER)) {
      all.compare(act, 0, Way.ROUTER, Way.BY_HAND);
      all.compare(act, 0, Way.ROUTER, Way.SHARDINGSPHERE);
    }
    all.compareOrders();
    all.compare(Act.NDJSON, 0, Way.WEB_ROUTER, Way.WEB_BY_HAND);
    all.bound("hash", HASH_NANOS);
    all.bound("ringOf1000", RING_NANOS);
    all.bound("pointRead", PLAN_NANOS);
    return List.copyOf(all.ratios);
  }

  private void compare(Act act, int inFlight, Way one, Way other) {
    String name = act + (inFlight > 0 ? ", " + inFlight : "") + ": ";
    String ways = ", " + one + " / " + other;
    Optional<Result> left = find(act, inFlight, one);
    Optional<Result> right = find(act, inFlight, other);
    add(name + "throughput" + ways, left, right, Result::perSecond);
    add(name + "CPU" + ways, left, right, Result::cpuMicros);
  }

  private void compareLatency(Act act, int inFlight, Way one, Way other) {
    add(
        act + ", " + inFlight + ": p50, " + one + " / " + other,
        find(act, inFlight, one),
        find(act, inFlight, other),
        Result::p50Micros);
  }

  private void compareOrders() {
    add(
        "all rows: throughput, router in order / as they come",
        find(Act.STREAM_IN_ORDER, 0, Way.ROUTER),
        find(Act.STREAM, 0, Way.ROUTER),
        Result::perSecond);
  }

  private void bound(String lookup, double nanos) {
    lookups.stream()
        .filter(one -> one.name().equals(lookup))
        .forEach(
            one ->
                ratios.add(
                    new Ratio(
                        "lookup " + lookup + ": time / " + (int) nanos + " ns",
                        one.nanos() / nanos)));
  }

  private void add(
      String name, Optional<Result> one, Optional<Result> other, Function<Result, Spread> figure) {
    if (one.isPresent() && other.isPresent()) {
      ratios.add(
          new Ratio(name, figure.apply(one.get()).median() / figure.apply(other.get()).median()));
    }
  }

  private Optional<Result> find(Act act, int inFlight, Way way) {
    return results.stream()
        .filter(
            result -> result.act() == act && result.inFlight() == inFlight && result.way() == way)
        .findFirst();
  }
}
