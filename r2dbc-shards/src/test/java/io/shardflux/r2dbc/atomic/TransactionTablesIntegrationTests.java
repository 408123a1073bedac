package io.shardflux.r2dbc.atomic;

import static io.shardflux.r2dbc.atomic.Bank.BOUND;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.r2dbc.spi.ConnectionFactoryOptions;
import io.r2dbc.spi.R2dbcRollbackException;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.TestShards;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.ShardId;
import io.shardflux.servers.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The tables that transactions over shards need, and what is refused without them. */
class TransactionTablesIntegrationTests {

  private static final Path FILE = Path.of("..", "src", "sql", "transactions.sql");
  private static final String USER = "sf_without_rights";

  @Test
  void theFileMakesWhatTheCallMakes() throws IOException {
    List<Shard> shards = TestShards.fresh(TestServers.shared());
    Stream.of(Files.readString(FILE).split(";\n"))
        .filter(sql -> !sql.isBlank())
        .forEach(sql -> Bank.run(shards.get(0), sql).block(BOUND));
    ShardRouter router = ShardRouter.builder().shard(shards.get(1)).build();
    router.operations().createTransactionTables().block(BOUND);
    router.operations().createTransactionTables().block(BOUND);
    router.close().block(BOUND);
    assertThat(definitions(shards.get(0))).isEqualTo(definitions(shards.get(1))).hasSize(2);
    TransactionTables tables = new TransactionTables();
    ShardRouter both = ShardRouter.builder().shard(shards.get(0)).shard(shards.get(1)).build();
    List<String> places =
        TestShards.live(both).all().stream()
            .map(shard -> Objects.requireNonNull(tables.located(shard).block(BOUND)).place().key())
            .toList();
    assertThat(places).doesNotHaveDuplicates();
    both.close().block(BOUND);
  }

  @Test
  void aSecondShardIsRefusedWithoutThem() {
    try (Bank bank = new Bank()) {
      Bank.run(bank.shards.get(1), "DROP TABLE shardflux_barrier").block(BOUND);
      Bank.run(bank.shards.get(2), "UPDATE shardflux_barrier SET version = 9").block(BOUND);
      ShardRouter router = bank.another(Bank.builder(bank.shards, TransactionMode.ATOMIC));
      assertThat(catchThrowable(() -> transfer(router).block(BOUND)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "shard_1: no tables of transactions (expected: those of src/sql/transactions.sql; or"
                  + " call operations().createTransactionTables())");
      assertThat(bank.sum()).isEqualTo(Bank.SUM);
      assertThat(
              catchThrowable(
                  () ->
                      router
                          .inTransaction(
                              transaction ->
                                  Bank.add(transaction, 0, 1).then(Bank.add(transaction, 2, 1)))
                          .blockLast(BOUND)))
          .hasMessageStartingWith(
              "shard_2: tables of transactions of version 9 (expected: version 1,");
    }
  }

  @Test
  void aShardWithoutThemIsNeededByNone() {
    try (Bank bank = new Bank()) {
      ShardServers shard = TestShards.live(bank.router).of(bank.shards.get(1).id());
      Recovery recovery = bank.transactions(Protocol.WHOLE).recovery();
      transfer(bank.router).block(BOUND);
      assertThat(
              catchThrowable(
                  () ->
                      recovery
                          .refuseIfNeeded(TestShards.live(bank.router).of(bank.shards.get(0).id()))
                          .block(BOUND)))
          .hasMessageStartingWith("shard_0: has 1 decisions");
      Bank.run(bank.shards.get(1), "DROP TABLE shardflux_barrier").block(BOUND);
      recovery.refuseIfNeeded(shard).block(BOUND);
    }
  }

  @Test
  void tablesThatWereMadeAnewAreSeenByTheNextTransaction() {
    try (Bank bank = new Bank()) {
      transfer(bank.router).block(BOUND);
      Bank.run(bank.shards.get(0), "UPDATE shardflux_barrier SET place = UUID()").block(BOUND);
      assertThat(catchThrowable(() -> transfer(bank.router).block(BOUND)))
          .isInstanceOf(R2dbcRollbackException.class)
          .hasMessageStartingWith(
              "shard_0: another place in shardflux_barrier than at the beginning (expected:");
      assertThat(transfer(bank.router).block(BOUND)).isOne();
      assertThat(List.of(bank.amount(0), bank.amount(1))).containsExactly(98L, 102L);
    }
  }

  /** A copy of a database has all of its rows, and often its name. */
  @Test
  void aCopyUnderAnotherShardsNameIsAnotherPlace() {
    String id = "00000000-0000-0000-0000-000000000000";
    assertThat(Place.of(ShardId.of("copy"), id, "app").key())
        .isNotEqualTo(Place.of(ShardId.of("origin"), id, "app").key())
        .isEqualTo(Place.of(ShardId.of("copy"), id, "app").key());
  }

  /** MySQL alone asks for a right. */
  @Test
  void anAccountThatMayNotRecoverIsRefusedByName() {
    List<Shard> shards = TestShards.fresh(TestServers.shared());
    try (Bank bank = new Bank(shards, TransactionMode.ATOMIC)) {
      assumeTrue(!TestServers.shared().toString().contains("MariaDB"), "a right of MySQL's");
      shards.forEach(
          shard ->
              Stream.of(
                      "DROP USER IF EXISTS " + USER,
                      "CREATE USER " + USER + " IDENTIFIED BY 'x'",
                      "GRANT ALL ON *.* TO " + USER,
                      "REVOKE XA_RECOVER_ADMIN, SUPER ON *.* FROM " + USER)
                  .forEach(sql -> Bank.run(shard, sql).block(BOUND)));
      List<Shard> plain =
          shards.stream()
              .map(
                  shard ->
                      Shard.of(
                          shard.id(),
                          shard
                              .options()
                              .mutate()
                              .option(ConnectionFactoryOptions.USER, USER)
                              .option(ConnectionFactoryOptions.PASSWORD, "x")
                              .build()))
              .toList();
      ShardRouter router = bank.another(Bank.builder(plain, TransactionMode.ATOMIC));
      assertThat(catchThrowable(() -> transfer(router).block(BOUND)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining(
              ": the account may not ask for prepared transactions (expected: GRANT"
                  + " XA_RECOVER_ADMIN ON *.* TO it;");
      assertThat(bank.sum()).isEqualTo(Bank.SUM);
      assertThat(bank.branches()).isEmpty();
    }
  }

  private static Mono<Long> transfer(ShardRouter router) {
    return router
        .inTransaction(
            transaction -> Bank.add(transaction, 0, -1).then(Bank.add(transaction, 1, 1)))
        .single();
  }

  private static Map<String, String> definitions(Shard server) {
    ShardRouter router = ShardRouter.builder().shard(server).build();
    Map<String, String> definitions = new TreeMap<>();
    Flux.just("shardflux_decision", "shardflux_barrier")
        .concatMap(
            table ->
                router
                    .on(server.id())
                    .sql("SHOW CREATE TABLE " + table)
                    .map((row, metadata) -> String.valueOf(row.get(1, String.class)))
                    .one()
                    .doOnNext(definition -> definitions.put(table, definition)))
        .blockLast(BOUND);
    router.close().block(BOUND);
    return definitions;
  }
}
