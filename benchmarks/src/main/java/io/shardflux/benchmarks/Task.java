package io.shardflux.benchmarks;

import java.io.Serializable;
import java.time.Duration;

/**
 * The work of a contender in one pass.
 *
 * @param inFlight the number of operations under way at once; JDBC has as many threads
 * @param time the length of the pass; a task that reads all rows reads them once, however long that
 *     takes
 * @param users the number of users that the task may touch, from id 1 on
 * @param seed the seed of the keys; the same for all contenders
 */
record Task(Act act, int inFlight, Duration time, long users, long seed) implements Serializable {

  /** The operation that is counted. */
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

    /** Tells whether the operation leaves rows behind. */
    boolean writes() {
      return this == INSERT || this == INSERT_ALL;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** The rows of one statement that inserts several. */
  static final int BATCH = 128;

  /** The time after which the task is given up. */
  Duration bound() {
    return time.plus(Duration.ofMinutes(5));
  }

  /** The same task for another time, with other keys. */
  Task with(Duration other, long otherSeed) {
    return new Task(act, inFlight, other, users, otherSeed);
  }

  /** The same task for the first users alone. */
  Task of(long some) {
    return new Task(act, inFlight, time, some, seed);
  }

  @Override
  public String toString() {
    return act + (inFlight > 0 ? ", " + inFlight + " in flight" : "");
  }
}
