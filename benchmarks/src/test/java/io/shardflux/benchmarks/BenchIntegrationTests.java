package io.shardflux.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.shardflux.benchmarks.Contender.Way;
import io.shardflux.benchmarks.Task.Act;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each contender does its work, on few rows and for a moment. */
@Tag("same-on-any-server")
final class BenchIntegrationTests {

  private static final int USERS = 1_000;
  private static final Duration TIME = Duration.ofMillis(100);

  private static List<Endpoint> shards = List.of();
  private static Data data = new Data(List.of());

  @BeforeAll
  static void load() throws Exception {
    shards = TestServers.shared().freshDatabases("bench").stream().map(Endpoint::of).toList();
    data = new Data(shards);
    data.load(USERS);
  }

  @ParameterizedTest
  @EnumSource
  void contendersDoWhatTheirScenariosAsk(Way way) throws Exception {
    try (Contender contender = way.open(shards)) {
      for (Scenario scenario : Scenario.values()) {
        if (scenario.ways().contains(way)) {
          for (Task task : scenario.tasks(Options.of(new Properties()))) {
            perform(contender, task.of(USERS).with(TIME, 1));
          }
        }
      }
    }
  }

  private static void perform(Contender contender, Task task) throws Exception {
    Figures figures = new Meter().measure(() -> contender.perform(task));
    assertThat(figures.operations()).as("%s", task).isPositive();
    assertThat(figures.bytes()).as("%s", task).isPositive();
    if (task.act() == Act.READ || task.act() == Act.INSERT) {
      assertThat(figures.p50Micros()).as("%s", task).isPositive();
    } else if (!task.act().writes()) {
      assertThat(figures.operations()).isEqualTo(USERS);
    }
    if (task.act().writes()) {
      data.takeInserts(figures.operations());
    }
  }

  @Test
  void aProcessOfItsOwnGivesFiguresAndFailsByAWrongAnswer() throws Exception {
    Task task = new Task(Act.STREAM_IN_ORDER, 0, TIME, USERS, 0);
    try (ContenderProcess process = new ContenderProcess(Way.ROUTER, shards, "64m")) {
      assertThat(process.perform(task).operations()).isEqualTo(USERS);
      assertThatThrownBy(() -> process.perform(task.of(USERS + 1)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("router")
          .hasMessageContaining("rows: 1000 (expected: 1001)");
    }
  }

  @Test
  void movesGiveFiguresOfEachKind() throws Exception {
    List<Database> databases = TestServers.shared().freshDatabases("moves");
    try (Moves moves = new Moves(databases, USERS, TIME)) {
      moves.reads();
      moves.writers();
      moves.others();
      Measured measured = moves.measured();
      assertThat(measured.figures()).hasSize(36).allMatch(each -> each.value() > 0);
      assertThat(measured.ratios())
          .allMatch(each -> each.value() > 0)
          .extracting(Report.Ratio::name)
          .contains("moves: reads by key, with control / without")
          .contains("moves: p99 of writes, at switch / before");
    }
    Double seconds = Dump.seconds(databases.get(1), databases.get(2), "users");
    assertThat(seconds == null || seconds > 0).isTrue();
  }

  @Test
  void joinsGiveFiguresOfEachKind() {
    List<Database> databases = TestServers.shared().freshDatabases("joins");
    try (Joins joins = new Joins(databases, USERS, Duration.ofMillis(1))) {
      Measured measured = joins.measured();
      assertThat(measured.figures()).hasSize(6).allMatch(each -> each.value() > 0);
      assertThat(measured.ratios()).hasSize(3).allMatch(each -> each.value() > 0);
    }
  }

  @Test
  void transactionsGiveFiguresOfEachKind() {
    List<Database> databases = TestServers.shared().freshDatabases("transactions");
    try (Transactions transactions = new Transactions(databases, Duration.ofMillis(1))) {
      Measured measured = transactions.measured();
      assertThat(measured.figures()).hasSize(10).allMatch(each -> each.value() > 0);
      assertThat(measured.ratios()).hasSize(5).allMatch(each -> each.value() > 0);
    }
  }

  @Test
  void insertsThatAreNotThereAreMissed() {
    assertThatThrownBy(() -> data.takeInserts(1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("rows: 0 (expected: 1)");
  }
}
