package io.shardflux.driver;

import static io.shardflux.driver.DriverShards.BOUND;
import static io.shardflux.driver.DriverShards.IDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.sql.gather.Gather;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.test.StepVerifier;

/** Shards of a test of gathered rows, and the looks that such tests have in common. */
abstract class GatheringShards {

  private @Nullable DriverShards shards;

  /** Shards with so many users, which are closed behind the test. */
  final DriverShards shards(
      int users,
      UnaryOperator<ShardRouterBuilder> settings,
      Function<ShardRouter, ShardfluxConnectionFactory> driver) {
    DriverShards made = new DriverShards(settings, driver);
    shards = made;
    made.load(users);
    return made;
  }

  final DriverShards shards(int users, GatherOptions gathers) {
    return shards(users, builder -> builder.gathers(gathers), ShardfluxConnectionFactory::of);
  }

  @AfterEach
  final void closeShards() {
    if (shards != null) {
      shards.close();
    }
  }

  static Flux<Long> numbers(DriverShards shards, String sql, @Nullable Object... values) {
    return shards.rows(row -> row.get(0, Long.class), sql, values);
  }

  static Flux<Long> longs(Connection connection, String sql) {
    return Flux.defer(() -> connection.createStatement(sql).execute())
        .concatMap(result -> result.map(row -> Objects.requireNonNull(row.get(0, Long.class))));
  }

  static void expect(Flux<Long> rows, Long... expected) {
    StepVerifier.create(rows).expectNext(expected).expectComplete().verify(BOUND);
  }

  static RefusedSqlException refused(Publisher<?> rows, RefusalCode code) {
    Throwable error =
        Flux.from(rows)
            .then(Mono.<Throwable>empty())
            .onErrorResume(Mono::just)
            .blockOptional(BOUND)
            .orElseThrow();
    assertThat(error.getCause())
        .as(error.toString())
        .isInstanceOfSatisfying(
            RefusedSqlException.class, refusal -> assertThat(refusal.code()).isEqualTo(code));
    return (RefusedSqlException) Objects.requireNonNull(error.getCause());
  }

  /** What each shard tells. */
  static List<String> told(DriverShards shards, String sql) {
    return Flux.fromIterable(IDS)
        .concatMap(
            shard ->
                shards
                    .router
                    .on(shard)
                    .sql(sql)
                    .map((row, metadata) -> String.valueOf(row.get(0)))
                    .one())
        .collectList()
        .blockOptional(BOUND)
        .orElseThrow();
  }

  /** A transaction that only reads, at an isolation level or at none that is said. */
  static TransactionDefinition readOnly(@Nullable IsolationLevel level) {
    return new TransactionDefinition() {
      @Override
      public <T> @Nullable T getAttribute(io.r2dbc.spi.Option<T> option) {
        if (option.equals(READ_ONLY)) {
          return option.cast(true);
        }
        return level != null && option.equals(ISOLATION_LEVEL) ? option.cast(level) : null;
      }
    };
  }

  /** No pooled connection has a temporary table, none is taken, and no statement goes on. */
  static void isClean(DriverShards shards) {
    shards.awaitIdle();
    String running =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%"
            + Gather.PREFIX
            + "%' AND db = DATABASE() AND id <> CONNECTION_ID()";
    Flux.fromIterable(IDS)
        .flatMap(
            shard ->
                shards
                    .router
                    .on(shard)
                    .sql(running)
                    .map((row, metadata) -> Objects.requireNonNull(row.get(0, Long.class)))
                    .one()
                    .filter(count -> count == 0)
                    .repeatWhenEmpty(tries -> tries.delayElements(Duration.ofMillis(20)).take(100))
                    .switchIfEmpty(Mono.error(new AssertionError("a statement goes on"))))
        .blockLast(BOUND);
    hasNoTables(shards.router);
  }

  static void hasNoTables(ShardRouter router) {
    Flux.fromIterable(IDS)
        .flatMap(
            shard ->
                Flux.range(0, 10)
                    .flatMap(i -> Flux.just(Gather.PREFIX + "0", Gather.Target.NAME))
                    .flatMap(
                        table ->
                            router
                                .on(shard)
                                .sql("SELECT 1 FROM " + table)
                                .map((row, metadata) -> 0)
                                .all()
                                .onErrorResume(
                                    R2dbcException.class,
                                    error -> Mono.just(error.getErrorCode()))))
        .doOnNext(code -> assertThat(code).isEqualTo(1146))
        .blockLast(BOUND);
  }
}
