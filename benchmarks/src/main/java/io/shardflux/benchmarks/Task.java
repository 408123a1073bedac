package io.shardflux.benchmarks;

import java.io.Serializable;
import java.time.Duration;

/**
 * What each contender does in one pass.
 *
 * @param inFlight how many operations at once; for JDBC as many threads
 * @param time how long; what reads all rows does so once, however long it takes
 * @param users whom it is about: those from 1 to this
 * @param seed of the keys; the same for all contenders
 */
record Task(Act act, int inFlight, Duration time, long users, long seed) implements Serializable {

  /** What is counted as one operation. */
  enum Act {
    READ("read by key"),
    INSERT("single inserts"),
    INSERT_ALL("streamed inserts"),
    STREAM("all rows as they come"),
    STREAM_IN_ORDER("all rows in order"),
    NDJSON("all rows over HTTP");

    private final String text;

    Act(String text) {
      this.text = text;
    }

    /** Whether it leaves rows behind. */
    boolean writes() {
      return this == INSERT || this == INSERT_ALL;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** Rows of one statement where several are inserted at once. */
  static final int BATCH = 128;

  /** How long it may take before it is given up. */
  Duration bound() {
    return time.plus(Duration.ofMinutes(5));
  }

  /** The same for that long, with other keys. */
  Task with(Duration other, long otherSeed) {
    return new Task(act, inFlight, other, users, otherSeed);
  }

  /** The same of the first users alone. */
  Task of(long some) {
    return new Task(act, inFlight, time, some, seed);
  }

  @Override
  public String toString() {
    return act + (inFlight > 0 ? ", " + inFlight + " in flight" : "");
  }
}
