package io.shardflux.benchmarks;

import java.util.EnumSet;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The extent of a run.
 *
 * @param scenarios the scenarios to run, as {@code bench.scenarios=reads,lookups} (default all)
 * @param rounds the rounds to take the median of, {@code bench.rounds} (default 3, from 1 to 100)
 * @param seconds the length of a timed pass, {@code bench.seconds} (default 3, from 1 to 600)
 * @param users the rows of the table, {@code bench.users} (default 1,000,000, from 1,000 to
 *     1,000,000)
 */
record Options(Set<Scenario> scenarios, int rounds, int seconds, int users) {

  private static final String PREFIX = "bench.";
  private static final String ALL =
      Stream.of(Scenario.values()).map(Scenario::toString).collect(Collectors.joining(","));

  /**
   * Reads the options.
   *
   * @throws IllegalArgumentException if an option is out of its bounds
   */
  static Options of(Properties properties) {
    return new Options(
        scenarios(value(properties, "scenarios", ALL)),
        number(properties, "rounds", 3, 1, 100),
        number(properties, "seconds", 3, 1, 600),
        number(properties, "users", 1_000_000, 1_000, 1_000_000));
  }

  private static Set<Scenario> scenarios(String text) {
    Set<Scenario> named = EnumSet.noneOf(Scenario.class);
    for (String one : text.split(",", -1)) {
      named.add(
          Stream.of(Scenario.values())
              .filter(scenario -> scenario.toString().equals(one.strip()))
              .findFirst()
              .orElseThrow(() -> refused("scenarios", text, "some of " + ALL)));
    }
    return named;
  }

  private static int number(Properties properties, String name, int otherwise, int min, int max) {
    String text = value(properties, name, Integer.toString(otherwise));
    String expected = "from " + min + " to " + max;
    try {
      int number = Integer.parseInt(text);
      if (number < min || number > max) {
        throw refused(name, text, expected);
      }
      return number;
    } catch (NumberFormatException e) {
      throw refused(name, text, expected);
    }
  }

  private static String value(Properties properties, String name, String otherwise) {
    String text = properties.getProperty(PREFIX + name, "").strip();
    return text.isEmpty() ? otherwise : text;
  }

  private static IllegalArgumentException refused(String name, String text, String expected) {
    return new IllegalArgumentException(
        PREFIX + name + ": '" + text + "' (expected: " + expected + ")");
  }
}
