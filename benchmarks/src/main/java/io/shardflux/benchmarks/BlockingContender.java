package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Meter.Tally;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;

/** A way of JDBC: as many threads as there are operations in flight. */
abstract non-sealed class BlockingContender extends Contender {

  /** Keeps its threads between passes, so that what they allocated can be counted. */
  private final ExecutorService threads = Executors.newCachedThreadPool();

  private final int shards;

  BlockingContender(int shards) {
    this.shards = shards;
  }

  /** A connection to where a user is. */
  abstract Connection connection(long id) throws SQLException;

  /** Inserts all, by one batch for each shard. */
  abstract void insertAll(List<User> users) throws SQLException;

  @Override
  final Tally perform(Task task) {
    return switch (task.act()) {
      case READ -> read(task);
      case INSERT -> insert(task);
      case INSERT_ALL -> insertAll(task);
      case STREAM, STREAM_IN_ORDER -> stream(task);
      case NDJSON -> throw new IllegalArgumentException("task: " + task + " (expected: no HTTP)");
    };
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }

  /** A request, which a thread repeats. */
  private interface Request {
    void run() throws SQLException;
  }

  private Tally read(Task task) {
    SplittableRandom seeds = new SplittableRandom(task.seed());
    Requests requests = new Requests(task);
    return onThreads(
        task,
        requests,
        () -> {
          SplittableRandom keys = seeds.split();
          return () -> find(keys.nextLong(1, task.users() + 1));
        });
  }

  private Tally insert(Task task) {
    Requests requests = new Requests(task);
    return onThreads(task, requests, () -> () -> insert(requests.newcomer()));
  }

  private Tally onThreads(Task task, Requests requests, Callable<Request> lanes) {
    List<Callable<Void>> loops = new ArrayList<>();
    for (int i = 0; i < task.inFlight(); i++) {
      Request request = call(lanes);
      loops.add(() -> loop(request, requests));
    }
    await(task, loops);
    return requests.tally();
  }

  private static Void loop(Request request, Requests requests) throws SQLException {
    do {
      long start = System.nanoTime();
      request.run();
      requests.answered(start);
    } while (requests.more());
    return null;
  }

  private void find(long id) throws SQLException {
    try (Connection connection = connection(id);
        PreparedStatement statement = connection.prepareStatement(SELECT + " WHERE id = ?")) {
      statement.setLong(1, id);
      try (ResultSet rows = statement.executeQuery()) {
        if (!rows.next()) {
          throw new IllegalStateException("answer for " + id + ": none");
        }
        user(rows).as(id);
      }
    }
  }

  private void insert(User user) throws SQLException {
    try (Connection connection = connection(user.id());
        PreparedStatement statement = connection.prepareStatement(INSERT + "(?,?,?,?)")) {
      bind(statement, user);
      int rows = statement.executeUpdate();
      if (rows != 1) {
        throw new IllegalStateException("rows stored: " + rows + " (expected: 1)");
      }
    }
  }

  private Tally insertAll(Task task) {
    Requests requests = new Requests(task);
    LongAdder stored = new LongAdder();
    Callable<Void> writer =
        () -> {
          do {
            List<User> users = new ArrayList<>();
            for (int i = 0; i < Task.BATCH * shards; i++) {
              users.add(requests.newcomer());
            }
            insertAll(users);
            stored.add(users.size());
          } while (requests.more());
          return null;
        };
    await(task, Collections.nCopies(task.inFlight(), writer));
    return new Tally(stored.sum(), latencies());
  }

  private Tally stream(Task task) {
    Census census = new Census(task);
    await(
        task,
        List.of(
            () -> {
              readAll(task, census);
              return null;
            }));
    return census.whole(task);
  }

  /** Reads row by row, by the smallest fetch size. */
  private void readAll(Task task, Census census) throws SQLException {
    String order = task.act() == Task.Act.STREAM_IN_ORDER ? " ORDER BY id" : "";
    try (Connection connection = connection(0);
        PreparedStatement statement =
            connection.prepareStatement(SELECT + " WHERE id <= ?" + order)) {
      statement.setFetchSize(Integer.MIN_VALUE);
      statement.setLong(1, task.users());
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          census.take(user(rows));
        }
      }
    }
  }

  static void insertBatch(Connection connection, List<User> users) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(INSERT + "(?,?,?,?)")) {
      for (User user : users) {
        bind(statement, user);
        statement.addBatch();
      }
      int answers = statement.executeBatch().length;
      if (answers != users.size()) {
        throw new IllegalStateException("rows: " + answers + " (expected: " + users.size() + ")");
      }
    }
  }

  private static void bind(PreparedStatement statement, User user) throws SQLException {
    statement.setLong(1, user.id());
    statement.setString(2, user.username());
    statement.setString(3, user.email());
    statement.setString(4, user.name());
  }

  private static User user(ResultSet row) throws SQLException {
    return new User(row.getLong(1), row.getString(2), row.getString(3), row.getString(4));
  }

  private void await(Task task, List<Callable<Void>> work) {
    List<Future<Void>> started = work.stream().map(threads::submit).toList();
    for (Future<Void> one : started) {
      call(() -> get(one, task));
    }
  }

  private static Void get(Future<Void> work, Task task)
      throws InterruptedException, ExecutionException, TimeoutException {
    return work.get(task.bound().toSeconds(), TimeUnit.SECONDS);
  }

  private static <T> T call(Callable<T> work) {
    try {
      return work.call();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
