package io.shardflux.driver.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.driver.differential.Expected.Order;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Writes the tables of the differential tests, and statements of their generator, to a file for a
 * test of real moves, which stands in a module that does not know these classes.
 */
@EnabledIfSystemProperty(named = "moving.reads", matches = "[0-9]+")
class MovingReadsTests {

  private static final int READS = 500;

  /** Its key is an instant, which must be bound. */
  private static final String UNNAMED = "pings";

  /** The seed of the file that is there is 13. */
  private static final long SEED = Long.getLong("moving.reads", 13);

  private static final Path FILE =
      Path.of(
          System.getProperty("maven.multiModuleProjectDirectory", ".."),
          "spring-boot-starter/src/test/resources/moving-reads.txt");

  @Test
  void areWritten() throws IOException {
    Files.write(FILE, lines());
    assertThat(Files.readAllLines(FILE))
        .hasSize(2 * named().size() + READS)
        .allMatch(line -> line.split("\t", -1).length == 3);
  }

  /** But that whose key no text can name. */
  private static List<Table> named() {
    return DifferentialTables.all().stream()
        .filter(table -> !table.toString().equals(UNNAMED))
        .toList();
  }

  private static List<String> lines() {
    List<String> lines = new ArrayList<>();
    List<Table> tables = DifferentialTables.all();
    for (Table table : named()) {
      lines.add("create\t" + table + "\t" + table.create());
      lines.add("insert\t" + table + "\t" + table.insert(table.rows()));
    }
    StatementGenerator reads =
        new StatementGenerator(new Random(SEED), tables, EnumSet.allOf(ServerBug.class));
    Stream.generate(reads::read)
        .filter(MovingReadsTests::isPlain)
        .limit(READS)
        .forEach(
            read ->
                lines.add(
                    (Objects.requireNonNull(read.expected()).order() == Order.TOTAL
                            ? "list\t"
                            : "bag\t")
                        + read.shape()
                        + "\t"
                        + literal(read)));
    return lines;
  }

  /** One that must be answered, and whose answers are the same by their values. */
  private static boolean isPlain(Generated read) {
    return read.support().equals(Support.SUPPORTED)
        && read.expected() != null
        && read.expected().folded().isEmpty()
        && read.expected().slice() == null
        && read.hint().isEmpty()
        && !read.template().contains("FOR UPDATE")
        && !read.template().contains(UNNAMED)
        // A line each, and without what the server's driver takes for a marker.
        && literal(read).chars().noneMatch(each -> each == '\n' || each == '?');
  }

  /** With the values in the text. */
  private static String literal(Generated read) {
    String sql = read.template();
    for (int i = 0; i < read.values().size(); i++) {
      sql = sql.replace(Generated.marker(i), Literals.plain(read.values().get(i).value()));
    }
    return sql;
  }
}
