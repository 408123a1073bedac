package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.driver.differential.Answer.Refused;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Numbers are computed with as one database does it, or not at all. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NumbersIntegrationTests {

  private static final long SEED = 11;
  private static final int STATEMENTS = 1_200;

  private final DifferentialShards shards = DifferentialShards.fresh();
  private final ShardfluxConnectionFactory sharded = ShardfluxConnectionFactory.of(shards.router());
  private final Comparison comparison = new Comparison(Map.of());

  NumbersIntegrationTests() {
    shards.reset();
  }

  @AfterAll
  void close() {
    shards.close();
  }

  static Stream<String> answered() {
    return Stream.of(
        "SELECT SUM(a / 3), AVG(a / 3) FROM figures WHERE a = 1",
        "SELECT SUM(n / 1.19), AVG(n / 1.19), SUM(n / 7 * 3) FROM figures",
        "SELECT SUM(IF(a > 1, n / 7, 0)), SUM(COALESCE(n, 0) % 0.7) FROM figures",
        "SELECT SUM(n) / SUM(m) * 100, 1 / SUM(n) * 1000000 FROM figures",
        "SELECT g, SUM(n) / SUM(a) * 100 AS p FROM figures GROUP BY g ORDER BY g",
        "SELECT g FROM figures GROUP BY g HAVING SUM(a) / COUNT(*) > 1.5 ORDER BY g",
        "SELECT g, COALESCE(SUM(n) / SUM(a), 0) * 100 FROM figures GROUP BY g ORDER BY g",
        "SELECT g, SUM(DISTINCT n / 7), COUNT(DISTINCT a / 100000) FROM figures GROUP BY g",
        "SELECT SUM(d), AVG(d), MIN(d), MAX(d), SUM(h), AVG(h) FROM figures",
        "SELECT g, SUM(d), SUM(e), SUM(d * 2), SUM(d / 3), AVG(h) FROM figures GROUP BY g",
        "SELECT SUM(d) + SUM(e), SUM(d) * 2, SUM(d) / 3, MAX(d) * 1000 FROM figures",
        "SELECT id, d / 3 FROM figures ORDER BY d / 3, id",
        "SELECT id, h FROM figures ORDER BY h DESC, id",
        "SELECT id, ROUND(x, 1) FROM figures ORDER BY ROUND(x, 1), id",
        "SELECT DISTINCT d, ROUND(x, 1) FROM figures",
        "SELECT h, COUNT(*) FROM figures GROUP BY h",
        "SELECT z, q, SUM(z), SUM(q), MAX(z + 1) FROM figures GROUP BY z, q",
        "SELECT g, SUM(v) FROM (SELECT id, g, ROUND(n / 7, 3) AS v FROM figures) t GROUP BY g",
        "SELECT SUM(v) FROM (SELECT id, SUM(n) / 7 AS v FROM figures GROUP BY id) t",
        "SELECT n / 4, COUNT(*) FROM figures GROUP BY n / 4",
        "SELECT id FROM figures WHERE id = 5." + "0".repeat(80) + "1",
        "SELECT id FROM figures WHERE id IN (5." + "0".repeat(75) + "1, 7)",
        "SELECT id FROM figures WHERE id = " + "0".repeat(110) + "7");
  }

  @ParameterizedTest
  @MethodSource("answered")
  void isAnsweredAsByOneDatabase(String sql) {
    Expected expected =
        sql.contains(" ORDER BY ") ? Expected.total(Map.of()) : Expected.bag(Map.of());
    assertThat(told(generated(sql, Support.SUPPORTED, expected, new Dice(new Random(1)))))
        .isEmpty();
  }

  /** Statements that servers answer in one way or another, or not as they show it. */
  static Stream<String> open() {
    return Stream.of(
        "SELECT g, SUM(a / 3) FROM figures GROUP BY g",
        "SELECT SUM(a / 3) * 1000000, MAX(n / 7) * 1000000 FROM figures",
        "SELECT g, AVG(a) * 1000000 FROM figures GROUP BY g ORDER BY COUNT(DISTINCT id), g",
        "SELECT g FROM figures GROUP BY g HAVING AVG(a) = 1.5000",
        "SELECT g, SUM(a) / 7 AS r FROM figures GROUP BY g HAVING r * 10 = 5.714",
        "SELECT g FROM figures GROUP BY g HAVING SUM(d) = 0.3",
        "SELECT a / 100000, COUNT(DISTINCT id) FROM figures GROUP BY a / 100000",
        "SELECT DISTINCT d / 3 FROM figures",
        "SELECT g, COUNT(DISTINCT (q - FLOOR(z))) FROM figures GROUP BY g ORDER BY g",
        "SELECT g, MIN(q - z), MAX(q - u) FROM figures GROUP BY g ORDER BY g",
        "SELECT DISTINCT q - z FROM figures",
        "SELECT q - z, COUNT(*) FROM figures GROUP BY q - z",
        "SELECT COUNT(*) * 9223372036854775807 FROM figures",
        "SELECT SUM(n) * SUM(n) * SUM(m) * SUM(m) * SUM(m) FROM figures",
        "SELECT g, COALESCE(SUM(n) / 7, 0.123456789) FROM figures GROUP BY g");
  }

  @ParameterizedTest
  @MethodSource("open")
  void isNeverAnsweredInAnotherWay(String sql) {
    Generated statement =
        generated(sql, NumberStatements.SUPPORT, Expected.bag(Map.of()), new Dice(new Random(1)));
    assertThat(told(statement)).isEmpty();
  }

  @Test
  void numbersOfEveryKindAreAnsweredAlikeOrRefused() {
    Random random = new Random(Long.getLong("numbers.seed", SEED));
    List<Generated> statements =
        IntStream.range(0, Integer.getInteger("numbers.statements", STATEMENTS))
            .mapToObj(i -> next(random))
            .toList();
    List<Outcome> outcomes =
        Flux.fromIterable(statements)
            .flatMapSequential(this::asked, DifferentialShards.AT_ONCE)
            .collectList()
            .blockOptional(DifferentialShards.BOUND.multipliedBy(10))
            .orElseThrow();
    long refused = outcomes.stream().filter(Outcome::refused).count();
    System.out.println("numbers: " + outcomes.size() + " statements, " + refused + " refused");
    assertThat(outcomes.stream().map(Outcome::difference).filter(each -> !each.isEmpty()))
        .isEmpty();
    assertThat(refused).isLessThan(outcomes.size() / 2);
  }

  private Generated next(Random random) {
    Dice dice = new Dice(random);
    NumberStatements.Numbers numbers = new NumberStatements(dice, shards.bugs()).next();
    return generated(numbers.sql(), NumberStatements.SUPPORT, numbers.expected(), dice);
  }

  private static Generated generated(String sql, Support support, Expected expected, Dice dice) {
    return Generated.read("numbers", support, sql, dice, expected);
  }

  private record Outcome(boolean refused, String difference) {}

  private String told(Generated statement) {
    return asked(statement).blockOptional(DifferentialShards.BOUND).orElseThrow().difference();
  }

  private Mono<Outcome> asked(Generated statement) {
    return Mono.zip(
            Asked.of(shards.whole(), statement.whole(), false),
            Asked.of(sharded, statement.sharded(), false))
        .map(
            both ->
                both.getT2() instanceof Refused refused
                    ? new Outcome(true, unexpected(statement, refused))
                    : new Outcome(false, difference(statement, both.getT1(), both.getT2())));
  }

  private static String unexpected(Generated statement, Refused refused) {
    return statement.support().codes().contains(refused.code())
        ? ""
        : statement + "\n  refused: " + refused.message() + "\n";
  }

  private String difference(Generated statement, Answer whole, Answer other) {
    @Nullable String difference = comparison.difference(whole, other, statement.expected());
    return difference == null ? "" : statement + "\n  " + difference + "\n";
  }
}
