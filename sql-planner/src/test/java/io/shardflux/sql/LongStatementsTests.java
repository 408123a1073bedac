package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.shardflux.router.ShardId;
import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.syntax.Shape;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** However long or deep a text is, planning it costs no more than its length is worth. */
class LongStatementsTests {

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private static final long SMALL_STACK = 256 << 10;

  static Stream<Shape> lists() {
    return LongStatements.lists();
  }

  static Stream<Shape> wrongHints() {
    return LongStatements.wrongHints();
  }

  static Stream<Shape> deep() {
    return LongStatements.deep();
  }

  /** Allocated bytes are a count that does not depend on how busy the machine is. */
  @ParameterizedTest
  @MethodSource("lists")
  void allocatesInProportionToTheText(Shape shape) {
    allocated(shape.of(500));
    long once = allocated(shape.of(500));
    long twice = allocated(shape.of(1_000));
    assertThat(twice).isLessThan(once * 5 / 2 + 100_000);
  }

  private static long allocated(String sql) {
    long before = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId());
    assertThat(outcome(sql)).isNull();
    return THREADS.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
  }

  /** By hand: what is computed without being allocated shows in the thread's own time alone. */
  @EnabledIfSystemProperty(named = "planner.long", matches = "true")
  @ParameterizedTest
  @MethodSource({"lists", "wrongHints"})
  void takesTimeInProportionToTheText(Shape shape) {
    outcome(shape.of(6_000));
    long once = time(shape.of(6_000));
    long eightTimes = time(shape.of(48_000));
    assertThat(eightTimes / 1_000_000).isLessThan(20 * once / 1_000_000 + 100);
  }

  private static long time(String sql) {
    long before = THREADS.getCurrentThreadCpuTime();
    outcome(sql);
    return THREADS.getCurrentThreadCpuTime() - before;
  }

  @ParameterizedTest
  @MethodSource("wrongHints")
  void refusesAWrongHintAtOnce(Shape shape) {
    long before = THREADS.getCurrentThreadCpuTime();
    String refusal = outcome(shape.of(60_000));
    assertThat(refusal).startsWith("HINT").hasSizeLessThan(400);
    assertThat(THREADS.getCurrentThreadCpuTime() - before).isLessThan(2_000_000_000);
  }

  @ParameterizedTest
  @MethodSource("deep")
  void fitsASmallStack(Shape shape) throws InterruptedException {
    for (int parts : List.of(1, 15, 30, 47, 61, 64, 68, 100, 250, 1_000, 2_000, 5_000)) {
      AtomicReference<@Nullable String> refusal = new AtomicReference<>("never ended");
      Thread thread =
          new Thread(null, () -> refusal.set(outcome(shape.of(parts))), "small", SMALL_STACK);
      thread.start();
      thread.join(30_000);
      assertThat(String.valueOf(refusal.get()))
          .as("%s parts", parts)
          .isNotEqualTo("never ended")
          .doesNotContain("stack");
      if (parts == 5_000) {
        assertThat(refusal.get()).startsWith(shape.name().equals("hints") ? "HINT" : "TOO_LARGE");
      }
    }
  }

  @Test
  void answersWhatIsOrdinary() {
    assertThat(LongStatements.deep().filter(shape -> outcome(shape.of(12)) == null))
        .hasSizeGreaterThan(45);
    for (String name : List.of("plus", "IS NULL", "equal", "days", "minus", "NOT", "COLLATE")) {
      assertThat(LongStatements.deep().filter(shape -> shape.name().equals(name)))
          .allSatisfy(shape -> assertThat(outcome(shape.of(1_000))).isNull());
    }
    assertThat(outcome("SELECT " + "(".repeat(64) + "1" + ")".repeat(64) + " FROM users")).isNull();
    assertThat(outcome("SELECT " + "ABS(".repeat(64) + "1" + ")".repeat(64) + " FROM users"))
        .isNull();
  }

  /** Why it is refused, wherever on its way; null if it isn't. */
  private static @Nullable String outcome(String sql) {
    try {
      Prepared prepared =
          SqlPlanner.of(PlannerOptions.defaults()).prepare(sql, Shop.CATALOG, Shop.TOPOLOGY);
      List<Object> values = new ArrayList<>();
      for (int i = 0; i < prepared.markers().size(); i++) {
        values.add((long) i + 1);
      }
      Binds binds = Binds.of(values);
      Routing routing = prepared.route(binds, prepared.hints());
      prepared.plan(
          binds, Hints.builder().scatter(true).scatterWrites(true).build(), shards(routing));
      return null;
    } catch (RefusedSqlException refusal) {
      return refusal.getMessage();
    }
  }

  private static List<ShardId> shards(Routing routing) {
    List<ShardId> each = List.of(Shop.A, Shop.B, Shop.C);
    if (routing instanceof Routing.Rows rows) {
      List<ShardId> shards = new ArrayList<>();
      for (int i = 0; i < rows.keys().size(); i++) {
        shards.add(each.get(i % 3));
      }
      return shards;
    }
    return routing instanceof Routing.Everywhere || routing instanceof Routing.Keys
        ? each
        : List.of(Shop.A);
  }
}
