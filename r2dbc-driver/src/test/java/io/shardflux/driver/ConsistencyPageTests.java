package io.shardflux.driver;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The page of what holds, each line of which names the test that shows it. */
@Tag("same-on-any-server")
class ConsistencyPageTests {

  private static final Path ROOT = Path.of("..");
  private static final Pattern NAMED = Pattern.compile("`([A-Z]\\w+Tests)#(\\w+)`");

  @Test
  void namesTestsThatAreThere() throws IOException {
    Map<String, Path> classes = classes();
    List<String> missing = new ArrayList<>();
    int named = 0;
    Matcher test = NAMED.matcher(page());
    while (test.find()) {
      named++;
      Path source = classes.get(test.group(1) + ".java");
      if (source == null || !Files.readString(source).contains("  void " + test.group(2) + "(")) {
        missing.add(test.group());
      }
    }
    assertThat(missing).isEmpty();
    assertThat(named).isGreaterThan(30);
  }

  @Test
  void hasATestInEachLineOfItsTables() throws IOException {
    assertThat(
            page()
                .lines()
                .filter(line -> line.startsWith("| ") && !line.endsWith("| shown by |"))
                .filter(line -> !NAMED.matcher(line).find()))
        .isEmpty();
  }

  private static String page() throws IOException {
    return Files.readString(ROOT.resolve("src/docs/consistency.md"));
  }

  private static Map<String, Path> classes() throws IOException {
    Map<String, Path> classes = new TreeMap<>();
    for (String module : List.of("r2dbc-shards", "r2dbc-driver")) {
      try (Stream<Path> sources = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
        sources
            .filter(source -> source.toString().endsWith("Tests.java"))
            .forEach(source -> classes.put(String.valueOf(source.getFileName()), source));
      }
    }
    return classes;
  }
}
