package io.shardflux.r2dbc.atomic;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.r2dbc.spi.IsolationLevel;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.settings.TransactionOptions;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.ShardKey;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A router in a process of its own, which makes transfers until it dies between two steps of one.
 * It tells each that was committed, and where it dies.
 */
final class Teller {

  private static final int AT_ONCE = 4;

  private Teller() {}

  /**
   * Takes a seed, the number of the first transfer, the steps that it survives on average, and the
   * URLs of the shards.
   */
  public static void main(String[] arguments) {
    SplittableRandom random = new SplittableRandom(Long.parseLong(arguments[0]));
    long first = Long.parseLong(arguments[1]);
    int steps = Integer.parseInt(arguments[2]);
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    List<Shard> shards =
        IntStream.range(3, arguments.length)
            .mapToObj(i -> Shard.of("shard_" + (i - 3), arguments[i]))
            .toList();
    ShardRouter router =
        Bank.builder(shards, TransactionMode.ATOMIC)
            .transactions(new TransactionOptions(TransactionMode.ATOMIC, Duration.ofMillis(300)))
            .build();
    Protocol dying =
        new Protocol() {
          @Override
          Mono<Void> past(Point point, String transaction) {
            return Mono.fromRunnable(
                () -> {
                  synchronized (random) {
                    if (random.nextInt(steps) == 0) {
                      out.println("dies " + point);
                      Runtime.getRuntime().halt(9);
                    }
                  }
                });
          }
        };
    SpanningTransactions transactions =
        new SpanningTransactions(TestShards.live(router), SqlTemplate.cached(), dying);
    Flux.fromStream(LongStream.iterate(first, id -> id + 1).boxed())
        .flatMap(id -> transfer(transactions, random, id, out), AT_ONCE)
        .blockLast();
  }

  private static Mono<Void> transfer(
      SpanningTransactions transactions, SplittableRandom random, long id, PrintStream out) {
    long from;
    long to;
    synchronized (random) {
      from = random.nextInt(Bank.ACCOUNTS);
      to = (from + 1 + random.nextInt(2)) % Bank.ACCOUNTS;
    }
    return transactions
        .run(
            IsolationLevel.READ_COMMITTED,
            transaction ->
                half(transaction, id, Math.min(from, to), from < to ? -1 : 1)
                    .then(half(transaction, id, Math.max(from, to), from < to ? 1 : -1)))
        .then()
        .doOnSuccess(done -> out.println("done " + id))
        .onErrorResume(
            error -> {
              out.println("failed " + id + " " + error);
              return Mono.empty();
            });
  }

  private static Mono<Long> half(
      RouterTransaction transaction, long id, long account, long amount) {
    return Bank.add(transaction, account, amount)
        .then(
            transaction
                .on("accounts", ShardKey.of(account))
                .sql("INSERT INTO entries VALUES (?, ?, ?)")
                .bind(0, id)
                .bind(1, account)
                .bind(2, amount)
                .rowsUpdated());
  }
}
