package io.shardflux.reshard;

import io.r2dbc.spi.ConnectionFactory;
import io.r2dbc.spi.R2dbcTransientException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Writers of a reference table by the SQL driver. Each has rows of its own, and knows what it was
 * told of them; all change the first row, too.
 */
final class CopyWriters {

  private final int writers;
  private final int rows;
  private final AtomicInteger writes = new AtomicInteger();
  private final Map<Integer, Long> rowsNow = new ConcurrentHashMap<>();
  private final Set<Integer> unknown = ConcurrentHashMap.newKeySet();
  private final Map<String, Integer> told = new ConcurrentHashMap<>();
  private volatile boolean over;
  private volatile Mono<Void> ended = Mono.empty();

  CopyWriters(int writers, int rows) {
    this.writers = writers;
    this.rows = rows;
    IntStream.rangeClosed(1, rows).forEach(id -> rowsNow.put(id, 0L));
  }

  /** All write until {@link #stop}. */
  Mono<Void> run(List<ConnectionFactory> factories, long seed) {
    return Flux.range(0, writers)
        .flatMap(
            writer -> {
              Random random = new Random(seed + writer);
              ConnectionFactory factory = factories.get(writer % factories.size());
              return Mono.defer(() -> write(factory, writer, random)).repeat(() -> !over).then();
            },
            writers)
        .then();
  }

  Disposable begun(List<ConnectionFactory> factories, long seed) {
    ended = run(factories, seed).cache();
    return ended.subscribe();
  }

  void stop() {
    over = true;
    ended.block(CopyFixture.BOUND);
  }

  private Mono<Long> write(ConnectionFactory factory, int writer, Random random) {
    if (random.nextInt(10) == 0) {
      return done(factory, 1, "UPDATE countries SET note = 'by " + writer + "' WHERE id = 1", null);
    }
    int id = 2 + writer + writers * random.nextInt((rows - 2) / writers);
    Long n = rowsNow.get(id);
    if (unknown.contains(id)) {
      return Mono.just(0L);
    }
    if (n == null) {
      long first = random.nextInt(1_000);
      String tag = "t" + random.nextInt(3) + "_" + id;
      return done(
          factory,
          id,
          "INSERT INTO countries VALUES (" + id + ", '" + tag + "', " + first + ", 'new')",
          now -> rowsNow.put(id, first));
    }
    return random.nextInt(4) == 0
        ? done(factory, id, "DELETE FROM countries WHERE id = " + id, now -> rowsNow.remove(id))
        : done(
            factory,
            id,
            "UPDATE countries SET n = n + 1 WHERE id = " + id,
            now -> rowsNow.put(id, n + 1));
  }

  private Mono<Long> done(
      ConnectionFactory factory,
      int id,
      String sql,
      java.util.function.@org.jspecify.annotations.Nullable LongConsumer noted) {
    return CopyFixture.changed(factory, sql)
        .doOnNext(
            count -> {
              writes.incrementAndGet();
              if (count != 1) {
                told.merge(sql.substring(0, 6) + " of " + count + " rows", 1, Integer::sum);
              }
              if (noted != null) {
                noted.accept(count);
              }
            })
        .onErrorResume(
            error -> {
              told.merge(
                  (error instanceof R2dbcTransientException ? "transient " : "error ")
                      + error.getClass().getSimpleName()
                      + " "
                      + String.valueOf(error.getMessage()).replaceAll("[0-9]+", "#"),
                  1,
                  Integer::sum);
              if (!(error instanceof R2dbcTransientException)) {
                unknown.add(id);
              }
              return Mono.just(0L);
            });
  }

  int writes() {
    return writes.get();
  }

  /** What writers were told beside that one row was changed, with how often. */
  Map<String, Integer> told() {
    return told;
  }

  /** The rows that are not as their writer was told. */
  Set<Integer> wrong(List<String> found) {
    Map<Integer, Long> there = new ConcurrentHashMap<>();
    for (String row : found) {
      String[] parts = row.split("\\|", -1);
      there.put(Integer.parseInt(parts[0]), Long.parseLong(parts[2]));
    }
    Set<Integer> wrong = new TreeSet<>();
    IntStream.rangeClosed(1, rows)
        .filter(id -> !unknown.contains(id))
        .filter(id -> !java.util.Objects.equals(there.get(id), rowsNow.get(id)))
        .forEach(wrong::add);
    return wrong;
  }
}
