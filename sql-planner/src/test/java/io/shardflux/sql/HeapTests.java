package io.shardflux.sql;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.sql.statement.Binds;
import io.shardflux.sql.statement.Hints;
import io.shardflux.sql.statement.PlannerOptions;
import io.shardflux.sql.statement.RefusedSqlException;
import io.shardflux.sql.statement.Routing;
import io.shardflux.sql.syntax.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The memory that planning keeps, in a virtual machine that has little. */
class HeapTests {

  private static final Duration BOUND = Duration.ofMinutes(2);
  private static final int TEXT = 64 << 10;

  @Test
  void manyKeysFitInLittleMemory() throws IOException, InterruptedException {
    assertThat(planned(96, "keys", 100_000)).matches("(answered|TOO_LARGE)");
  }

  @Test
  void manyLongTextsAreNotAllKept() throws IOException, InterruptedException {
    assertThat(planned(64, "texts", 60)).isEqualTo("answered");
  }

  @EnabledIfSystemProperty(named = "planner.long", matches = "true")
  @Test
  void longTextsWithoutEndAreNotAllKept() throws IOException, InterruptedException {
    assertThat(planned(256, "texts", 23)).isEqualTo("answered");
    assertThat(planned(256, "texts", 500)).isEqualTo("answered");
    assertThat(planned(96, "texts", 500)).isEqualTo("answered");
  }

  private static String planned(int mebibytes, String what, int many)
      throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + mebibytes + "m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                HeapTests.class.getName(),
                what,
                "" + many)
            .redirectErrorStream(true)
            .start();
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor(BOUND.toSeconds(), TimeUnit.SECONDS)).isTrue();
      return said.strip();
    } finally {
      process.destroyForcibly();
    }
  }

  /**
   * Plans texts, and says what became of the last one.
   *
   * @param args {@code keys} for one text of so many keys, {@code texts} for so many long ones
   */
  public static void main(String[] args) {
    SqlPlanner planner = SqlPlanner.of(PlannerOptions.defaults());
    int many = Integer.parseInt(args[1]);
    String said = "nothing";
    if (args[0].equals("keys")) {
      said = outcome(planner, list("SELECT * FROM users WHERE id IN (", many, ", ", i -> "" + i));
    } else {
      for (int i = 0; i < many; i++) {
        said = outcome(planner, text(i));
      }
    }
    System.out.println(said);
  }

  /** Long ones of several kinds, each another one. */
  private static String text(int number) {
    String start = "SELECT name AS n" + number + " FROM users WHERE ";
    return switch (number % 5) {
      case 0 -> list(start + "id IN (", TEXT / 8, ", ", i -> "" + (100_000 + i));
      case 1 -> list(start + "id IN (", TEXT / 3, ", ", i -> "?");
      case 2 -> list(start + "id IN (", TEXT / 9, ", ", i -> ":k" + i);
      case 3 -> list(start + "(", TEXT / 11, " OR ", i -> "age > ?");
      default -> start + "name = '" + "x".repeat(TEXT) + "'";
    };
  }

  private static String list(String start, int parts, String separator, IntFunction<String> part) {
    return Shape.list("", start, separator, part, ")").of(parts);
  }

  private static String outcome(SqlPlanner planner, String sql) {
    try {
      Prepared prepared = planner.prepare(sql, Shop.CATALOG, Shop.TOPOLOGY);
      Binds binds =
          Binds.of(IntStream.range(0, prepared.markers().size()).mapToObj(i -> i).toArray());
      Routing routing = prepared.route(binds, prepared.hints());
      Hints permitted = Hints.builder().scatter(true).scatterWrites(true).build();
      prepared.plan(
          binds,
          permitted,
          routing instanceof Routing.Anywhere ? List.of(Shop.A) : List.of(Shop.A, Shop.B, Shop.C));
      return "answered";
    } catch (RefusedSqlException refused) {
      return refused.code().name();
    }
  }
}
