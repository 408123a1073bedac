package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Task.Act;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** A group of tasks, and the contenders that are compared by them. */
enum Scenario {
  READS("512m") {
    @Override
    List<Way> ways() {
      return List.of(
          Way.BY_HAND, Way.ROUTER, Way.COALESCED, Way.DRIVER, Way.SHARDINGSPHERE, Way.JDBC);
    }

    @Override
    List<Task> tasks(Options options) {
      // Most in flight first: code is compiled by the time that single reads are timed.
      return IntStream.of(256, 64, 16, 1).mapToObj(n -> task(Act.READ, n, options)).toList();
    }
  },
  WRITES("512m") {
    @Override
    List<Way> ways() {
      return List.of(Way.BY_HAND, Way.ROUTER, Way.SHARDINGSPHERE, Way.JDBC);
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of(task(Act.INSERT, 64, options), task(Act.INSERT_ALL, 4, options));
    }
  },
  STREAMS("256m") {
    @Override
    List<Way> ways() {
      return List.of(Way.BY_HAND, Way.ROUTER, Way.SHARDINGSPHERE);
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of(task(Act.STREAM, 0, options), task(Act.STREAM_IN_ORDER, 0, options));
    }
  },
  HTTP("256m") {
    @Override
    List<Way> ways() {
      return List.of(Way.WEB_BY_HAND, Way.WEB_ROUTER);
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of(task(Act.NDJSON, 0, options));
    }
  },
  /** Moves rows between servers; see {@link Moves}. */
  MOVES("512m") {
    @Override
    List<Way> ways() {
      return List.of();
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of();
    }
  },
  /** Joins and gathers by the driver; see {@link Joins}. */
  JOINS("512m") {
    @Override
    List<Way> ways() {
      return List.of();
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of();
    }
  },
  /** Transactions over shards; see {@link Transactions}. */
  TRANSACTIONS("512m") {
    @Override
    List<Way> ways() {
      return List.of();
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of();
    }
  },
  /** Measures the router alone, by JMH; see {@link Lookups}. */
  LOOKUPS("512m") {
    @Override
    List<Way> ways() {
      return List.of();
    }

    @Override
    List<Task> tasks(Options options) {
      return List.of();
    }
  };

  private final String heap;

  Scenario(String heap) {
    this.heap = heap;
  }

  /** The contenders, in the order of a round. */
  abstract List<Way> ways();

  /** The tasks that each contender does in each round. */
  abstract List<Task> tasks(Options options);

  /** The heap of each contender's JVM, such as {@code 512m}. */
  String heap() {
    return heap;
  }

  /** The name that options use. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  private static Task task(Act act, int inFlight, Options options) {
    return new Task(act, inFlight, Duration.ofSeconds(options.seconds()), options.users(), 0);
  }
}
