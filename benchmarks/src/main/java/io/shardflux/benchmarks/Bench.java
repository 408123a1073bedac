package io.shardflux.benchmarks;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Report.SmallHeap;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.runner.options.TimeValue;

/** Runs the scenarios, prints the table and writes the JSON. */
public final class Bench {

  private static final Duration WARM_UP = Duration.ofSeconds(2);
  private static final int MAX_WARM_UPS = 10;

  /** The warming up ends with the first pass that is faster by no more than this. */
  private static final double SETTLED = 1.1;

  private static final TimeValue LOOKUP_TIME = TimeValue.milliseconds(500);

  /** The rows that may be gathered by default. */
  private static final int GATHERED = 10_000;

  private static final String SMALL_HEAP = "64m";

  private final Options options;
  private final List<Endpoint> shards;
  private final Data data;
  private final List<Result> results = new ArrayList<>();
  private final List<SmallHeap> smallHeaps = new ArrayList<>();
  private final List<Lookup> lookups = new ArrayList<>();
  private Measured moves = Measured.NOTHING;
  private Measured joins = Measured.NOTHING;
  private Measured transactions = Measured.NOTHING;

  private Bench(Options options, List<Endpoint> shards) {
    this.options = options;
    this.shards = shards;
    this.data = new Data(shards);
  }

  /**
   * Runs the scenarios on the servers that tests would have.
   *
   * @param args the file for the JSON
   */
  public static void main(String[] args) throws IOException, SQLException {
    Options options = Options.of(System.getProperties());
    List<Endpoint> shards =
        TestServers.shared().freshDatabases("bench").stream().map(Endpoint::of).toList();
    Report report = new Bench(options, shards).run();
    Files.writeString(Path.of(args[0]), report.json());
    System.out.println(report.table());
    System.exit(0);
  }

  private Report run() throws IOException, SQLException {
    say(options.users() + " users are made on " + shards);
    data.load(options.users());
    for (Scenario scenario : options.scenarios()) {
      run(scenario);
    }
    return Report.of(
        Setting.of(options, data.serverVersion()),
        results,
        smallHeaps,
        lookups,
        moves,
        joins,
        transactions);
  }

  private void run(Scenario scenario) throws IOException, SQLException {
    if (scenario == Scenario.LOOKUPS) {
      say(scenario + ": by JMH");
      lookups.addAll(Microbenchmarks.run(".*", 1, options.rounds(), LOOKUP_TIME));
      return;
    }
    if (scenario == Scenario.MOVES) {
      say(scenario + ": in this process");
      move();
      return;
    }
    if (scenario == Scenario.JOINS) {
      say(scenario + ": in this process");
      join();
      return;
    }
    if (scenario == Scenario.TRANSACTIONS) {
      say(scenario + ": in this process");
      transact();
      return;
    }
    List<ContenderProcess> contenders = new ArrayList<>();
    try {
      for (Way way : scenario.ways()) {
        contenders.add(new ContenderProcess(way, shards, scenario.heap()));
      }
      for (Task task : scenario.tasks(options)) {
        compare(contenders, task);
      }
    } finally {
      for (ContenderProcess contender : contenders) {
        contender.close();
      }
    }
    if (scenario == Scenario.STREAMS) {
      streamUnderSmallHeap(scenario.tasks(options));
    }
  }

  private void move() throws IOException {
    Duration pass = Duration.ofSeconds(options.seconds());
    try (Moves each =
        new Moves(TestServers.shared().freshDatabases("moves"), options.users(), pass)) {
      each.reads();
      each.copy();
      each.writers();
      each.others();
      moves = each.measured();
    }
  }

  private void join() {
    int rows = Math.min(GATHERED, options.users());
    Duration pass = Duration.ofSeconds(options.seconds());
    try (Joins each = new Joins(TestServers.shared().freshDatabases("joins"), rows, pass)) {
      joins = each.measured();
    }
  }

  private void transact() {
    Duration pass = Duration.ofSeconds(options.seconds());
    try (Transactions each =
        new Transactions(TestServers.shared().freshDatabases("transactions"), pass)) {
      transactions = each.measured();
    }
  }

  /** Measures the contenders in turn, round by round, once all are warm. */
  private void compare(List<ContenderProcess> contenders, Task task)
      throws IOException, SQLException {
    for (ContenderProcess contender : contenders) {
      warmUp(contender, task.with(WARM_UP, 0));
    }
    Map<Way, List<Figures>> figures = new EnumMap<>(Way.class);
    for (int round = 1; round <= options.rounds(); round++) {
      for (ContenderProcess contender : contenders) {
        Figures one = perform(contender, task.with(task.time(), round));
        figures.computeIfAbsent(contender.way(), way -> new ArrayList<>()).add(one);
      }
    }
    figures.forEach((way, rounds) -> results.add(Result.of(task, way, rounds)));
  }

  /** Warms up until passes get no faster: the time to compile code depends on the machine. */
  private void warmUp(ContenderProcess contender, Task task) throws IOException, SQLException {
    double before = 0;
    for (int i = 0; i < MAX_WARM_UPS; i++) {
      double now = perform(contender, task).perSecond();
      if (now < before * SETTLED) {
        return;
      }
      before = now;
    }
  }

  private Figures perform(ContenderProcess contender, Task task) throws IOException, SQLException {
    Figures figures = contender.perform(task);
    if (task.act().writes()) {
      data.takeInserts(figures.operations());
    }
    say("%s, %s: %,.0f/s".formatted(task, contender.way(), figures.perSecond()));
    return figures;
  }

  /** Reads a tenth of the rows, then all: both must hold the same heap. */
  private void streamUnderSmallHeap(List<Task> tasks) throws IOException, SQLException {
    try (ContenderProcess router = new ContenderProcess(Way.ROUTER, shards, SMALL_HEAP)) {
      for (Task task : tasks) {
        for (long rows : new long[] {options.users() / 10, options.users()}) {
          Figures figures = perform(router, task.of(rows));
          smallHeaps.add(
              new SmallHeap(SMALL_HEAP, task.act(), rows, figures.perSecond(), figures.heapMib()));
        }
      }
    }
  }

  static void say(String what) {
    System.out.println(what);
  }
}
