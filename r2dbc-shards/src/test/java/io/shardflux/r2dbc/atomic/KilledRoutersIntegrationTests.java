package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.servers.Database;
import io.shardflux.servers.TestServers;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Routers that die between any two steps of their transfers, while others recover. */
class KilledRoutersIntegrationTests {

  private static final int DEATHS = Integer.getInteger("transactions.kills", 4);
  private static final int STEPS = 60;
  private static final int AT_ONCE = 2;
  private static final long APART = 1_000_000;

  private final Set<Long> told = ConcurrentHashMap.newKeySet();
  private final Set<Long> failed = ConcurrentHashMap.newKeySet();
  private final Map<String, Integer> deaths = new ConcurrentSkipListMap<>();

  @Test
  void noTransferIsLostOrDoneInPart() throws InterruptedException {
    List<Database> databases = TestServers.shared().freshDatabases("killed");
    try (Bank bank = new Bank(TestShards.shards(databases), TransactionMode.ATOMIC)) {
      bank.router
          .onAll()
          .sql(
              "CREATE TABLE entries (id BIGINT, account BIGINT, amount BIGINT, PRIMARY KEY (id,"
                  + " account))")
          .rowsUpdated()
          .blockLast(BOUND);
      List<Thread> lanes =
          IntStream.range(0, AT_ONCE)
              .mapToObj(lane -> new Thread(() -> live(lane, databases)))
              .toList();
      lanes.forEach(Thread::start);
      for (Thread lane : lanes) {
        lane.join();
      }
      bank.recovered(bank.transactions(Protocol.WHOLE));
      System.out.println("routers died at " + deaths + ", transfers told: " + told.size());
      check(bank);
    }
  }

  /** Starts one router after the other. */
  private void live(int lane, List<Database> databases) {
    for (int life = 0; life < DEATHS / AT_ONCE; life++) {
      long first = (lane * 10_000L + life + 1) * APART;
      List<String> command =
          new ArrayList<>(
              List.of(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Teller.class.getName(),
                  Long.toString(first),
                  Long.toString(first),
                  Integer.toString(STEPS)));
      databases.forEach(database -> command.add(database.r2dbcUrl()));
      try {
        Process process = new ProcessBuilder(command).start();
        try (BufferedReader lines = process.inputReader(UTF_8)) {
          lines.lines().forEach(this::note);
        }
        process.waitFor(BOUND.toSeconds(), TimeUnit.SECONDS);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void note(String line) {
    String[] words = line.split(" ", 3);
    switch (words[0]) {
      case "done" -> told.add(Long.valueOf(words[1]));
      case "failed" -> failed.add(Long.valueOf(words[1]));
      case "dies" -> deaths.merge(words[1], 1, Integer::sum);
      default -> {
        // A line of a log.
      }
    }
  }

  private void check(Bank bank) {
    Map<Long, List<Long>> halves = new TreeMap<>();
    bank.router
        .onAll()
        .sql("SELECT id, amount FROM entries")
        .map(
            (row, metadata) ->
                Map.entry(
                    Objects.requireNonNull(row.get(0, Long.class)),
                    Objects.requireNonNull(row.get(1, Long.class))))
        .rows()
        .doOnNext(
            half ->
                halves.computeIfAbsent(half.getKey(), id -> new ArrayList<>()).add(half.getValue()))
        .blockLast(BOUND);
    assertThat(halves.values())
        .as("halves")
        .allSatisfy(two -> assertThat(two).containsExactlyInAnyOrder(1L, -1L));
    assertThat(halves.keySet()).as("all that was told").containsAll(told);
    Set<Long> stored = new HashSet<>(halves.keySet());
    stored.retainAll(failed);
    assertThat(stored).as("told to have failed, and stored").isEmpty();
    assertThat(bank.sum()).isEqualTo(Bank.SUM);
    assertThat(deaths.values().stream().mapToInt(count -> count).sum())
        .isEqualTo(DEATHS / AT_ONCE * AT_ONCE);
    assertThat(told).isNotEmpty();
  }
}
