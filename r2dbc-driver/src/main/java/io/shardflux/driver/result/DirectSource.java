package io.shardflux.driver.result;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows of one shard, just as its driver gives them.
 *
 * @param statement for that shard
 * @param before gives a publisher that is waited for first, or null
 */
@Internal
public record DirectSource(StatementSpec statement, Supplier<@Nullable Mono<Void>> before)
    implements Source {

  public DirectSource(StatementSpec statement) {
    this(statement, () -> null);
  }

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return behind(statement.<T>map(mapping::apply).all());
  }

  @Override
  public Flux<Long> updates() {
    return behind(statement.results(UnaryOperator.identity(), Result::getRowsUpdated));
  }

  private <T> Flux<T> behind(Flux<T> rows) {
    return Flux.defer(
        () -> {
          Mono<Void> first = before.get();
          return first == null ? rows : first.thenMany(rows);
        });
  }
}
