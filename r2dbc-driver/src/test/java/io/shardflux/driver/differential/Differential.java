package io.shardflux.driver.differential;

import io.shardflux.driver.ShardfluxConnectionFactory;
import io.shardflux.driver.differential.Answer.Failed;
import io.shardflux.driver.differential.Answer.Refused;
import io.shardflux.driver.differential.Generated.Rendered;
import io.shardflux.driver.differential.Generated.Value;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Asks the driver and one database the same, and tells where they differ. */
final class Differential {

  private static final int READS = 100;
  private static final int WRITES = 15;

  /** Statements from one fresh start of the tables to the next. */
  private static final int BLOCK = 4 * (READS + WRITES);

  private final DifferentialShards shards;
  private final ShardfluxConnectionFactory sharded;
  private final Comparison comparison;

  Differential(DifferentialShards shards, ShardfluxConnectionFactory sharded) {
    this.shards = shards;
    this.sharded = sharded;
    this.comparison = new Comparison(shards.weights());
  }

  /** A statement with what both said. */
  private record Asking(int index, Generated statement, Answer whole, Answer other) {}

  /**
   * Asks so many statements, from the block on that the first one is in; ends early after so many
   * failures.
   */
  Report run(long seed, int first, int statements, int mostFailures) {
    Report report = new Report(seed, shards.bugs());
    for (int block = first / BLOCK; wanted(report, statements, mostFailures) > 0; block++) {
      shards.reset();
      StatementGenerator reads =
          new StatementGenerator(
              new Random(seed * 1_000_003 + block), shards.tables(), shards.bugs());
      WriteGenerator writes =
          new WriteGenerator(new Random(seed * 1_000_003 - block - 1), shards.tables());
      for (int i = 0; i < BLOCK; i += READS + WRITES) {
        int index = block * BLOCK + i;
        read(reads, index, Math.min(READS, wanted(report, statements, mostFailures)), report);
        write(
            writes::write,
            index + READS,
            Math.min(WRITES, wanted(report, statements, mostFailures)),
            report);
      }
      shards.astray().forEach(row -> report.failure(report.asked(), "astray: " + row));
    }
    return report;
  }

  /** Asks so many statements that read and lock nothing. */
  Report reads(long seed, int statements, int mostFailures) {
    Report report = new Report(seed, shards.bugs());
    StatementGenerator reads =
        new StatementGenerator(new Random(seed), shards.tables(), shards.bugs());
    int left = wanted(report, statements, mostFailures);
    while (left > 0) {
      List<Generated> some =
          Stream.generate(reads::read)
              .filter(read -> !read.template().contains("FOR UPDATE"))
              .limit(Math.min(READS, left))
              .toList();
      read(some, report.asked(), report);
      left = wanted(report, statements, mostFailures);
    }
    return report;
  }

  /** Asks so many reads that are gathered on one server. */
  Report gathers(long seed, int statements, int mostFailures) {
    return reads(seed, statements, mostFailures, StatementGenerator::gathered);
  }

  /** Asks so many reads of tables of any kind. */
  Report randoms(long seed, int statements, int mostFailures) {
    return reads(seed, statements, mostFailures, StatementGenerator::random);
  }

  /** Asks so many reads that shards answer by themselves. */
  Report shapes(long seed, int statements, int mostFailures) {
    return reads(seed, statements, mostFailures, StatementGenerator::shaped);
  }

  /** Asks so many reads with subqueries that may run first. */
  Report firsts(long seed, int statements, int mostFailures) {
    return reads(seed, statements, mostFailures, StatementGenerator::first);
  }

  /** Asks so many joins of which one side may cut the other down. */
  Report joins(long seed, int statements, int mostFailures) {
    return reads(seed, statements, mostFailures, StatementGenerator::joined);
  }

  private Report reads(
      long seed, int statements, int mostFailures, Function<StatementGenerator, Generated> next) {
    Report report = new Report(seed, shards.bugs());
    StatementGenerator reads =
        new StatementGenerator(new Random(seed), shards.tables(), shards.bugs());
    int left = wanted(report, statements, mostFailures);
    while (left > 0) {
      List<Generated> some =
          Stream.generate(() -> next.apply(reads)).limit(Math.min(READS, left)).toList();
      read(some, report.asked(), report);
      left = wanted(report, statements, mostFailures);
    }
    return report;
  }

  /** Asks so many writes whose rows are found first, with fresh tables again and again. */
  Report queried(long seed, int statements, int mostFailures) {
    Report report = new Report(seed, shards.bugs());
    QueriedStatements writes = new QueriedStatements(new Random(seed), shards.tables());
    int left = wanted(report, statements, mostFailures);
    while (left > 0) {
      shards.reset();
      write(writes::next, report.asked(), Math.min(3 * WRITES, left), report);
      left = wanted(report, statements, mostFailures);
    }
    return report;
  }

  /** Asks so many writes, one after the other. */
  Report writes(long seed, int statements, int mostFailures) {
    shards.reset();
    Report report = new Report(seed, shards.bugs());
    WriteGenerator writes = new WriteGenerator(new Random(seed), shards.tables());
    int left = wanted(report, statements, mostFailures);
    while (left > 0) {
      write(writes::write, report.asked(), Math.min(WRITES, left), report);
      left = wanted(report, statements, mostFailures);
    }
    return report;
  }

  private static int wanted(Report report, int statements, int mostFailures) {
    return report.failures().size() < mostFailures ? statements - report.asked() : 0;
  }

  private void read(StatementGenerator generator, int index, int count, Report report) {
    read(Stream.generate(generator::read).limit(count).toList(), index, report);
  }

  private void read(List<Generated> statements, int index, Report report) {
    Flux.range(0, statements.size())
        .flatMapSequential(i -> ask(index + i, statements.get(i)), DifferentialShards.AT_ONCE)
        .collectList()
        .blockOptional(DifferentialShards.BOUND)
        .orElseThrow()
        .forEach(answer -> judge(answer, report));
  }

  private void write(Supplier<Generated> next, int index, int count, Report report) {
    for (int i = 0; i < count; i++) {
      Asking asked =
          ask(index + i, next.get()).blockOptional(DifferentialShards.BOUND).orElseThrow();
      judge(asked, report);
      Table table = asked.statement().writes();
      String difference = table == null ? null : shards.difference(table);
      if (difference != null) {
        if (!(asked.other() instanceof Refused)) {
          report.failure(asked.index(), told(asked, table + ": " + difference, report));
        }
        shards.reset();
      }
    }
  }

  private Mono<Asking> ask(int index, Generated statement) {
    boolean write = statement.writes() != null;
    Mono<Answer> other = Asked.of(sharded, statement.sharded(), write);
    // One database would do what has to be refused.
    return statement.support().answerable()
        ? Mono.zip(Asked.of(shards.whole(), statement.whole(), write), other)
            .map(both -> new Asking(index, statement, both.getT1(), both.getT2()))
        : other.map(answer -> new Asking(index, statement, answer, answer));
  }

  private void judge(Asking asked, Report report) {
    Generated statement = asked.statement();
    if (asked.other() instanceof Refused refused) {
      report.refused(statement, refused.code());
      if (!statement.support().codes().contains(refused.code())) {
        String codes = " (expected: " + statement.support().codes() + ")";
        report.failure(asked.index(), told(asked, "refused: " + refused.message() + codes, report));
      }
      return;
    }
    String difference = difference(asked);
    if (difference == null) {
      report.equal(statement, asked.whole() instanceof Failed);
    } else {
      report.wrong(statement);
      report.failure(asked.index(), told(asked, difference, report));
    }
  }

  private @Nullable String difference(Asking asked) {
    return asked.statement().support().answerable()
        ? comparison.difference(asked.whole(), asked.other(), asked.statement().expected())
        : "not refused: " + asked.other();
  }

  private String told(Asking asked, String difference, Report report) {
    int block = asked.index() / BLOCK * BLOCK;
    return asked.index()
        + " "
        + asked.statement()
        + "\n  "
        + difference
        + "\n  plan: "
        + plan(asked.statement().sharded())
        + "\n  again: "
        + report.again(block, asked.index() - block + 1)
        + "\n";
  }

  private String plan(Rendered statement) {
    Object[] values = statement.binds().values().stream().map(Value::value).toArray();
    return sharded
        .explain(statement.sql(), values)
        .map(String::valueOf)
        .onErrorResume(error -> Mono.just(error.toString()))
        .blockOptional(DifferentialShards.BOUND)
        .orElseThrow();
  }
}
