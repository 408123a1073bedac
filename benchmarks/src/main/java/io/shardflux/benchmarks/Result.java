package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Task.Act;
import java.util.List;

/** The {@link Figures} of a contender's rounds of one task, and their spreads. */
record Result(
    Act act,
    int inFlight,
    Way way,
    Spread perSecond,
    Spread cpuMicros,
    Spread bytes,
    Spread p50Micros,
    Spread p99Micros,
    Spread heapMib,
    List<Figures> rounds) {

  static Result of(Task task, Way way, List<Figures> rounds) {
    return new Result(
        task.act(),
        task.inFlight(),
        way,
        Spread.of(rounds, Figures::perSecond),
        Spread.of(rounds, Figures::cpuMicros),
        Spread.of(rounds, Figures::bytes),
        Spread.of(rounds, Figures::p50Micros),
        Spread.of(rounds, Figures::p99Micros),
        Spread.of(rounds, Figures::heapMib),
        List.copyOf(rounds));
  }
}
