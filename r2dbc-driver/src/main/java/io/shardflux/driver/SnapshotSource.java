package io.shardflux.driver;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.result.Source;
import io.shardflux.driver.transaction.VirtualTransaction;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The rows of a read in a transaction of its own, which ends with them.
 *
 * @param reading runs the read in the transaction
 */
record SnapshotSource(
    Supplier<VirtualTransaction> beginning, Function<VirtualTransaction, Mono<Result>> reading)
    implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return within(result -> Flux.from(result.map(mapping)));
  }

  @Override
  public Flux<Long> updates() {
    return within(result -> Flux.from(result.getRowsUpdated()));
  }

  private <T> Flux<T> within(Function<Result, Flux<T>> use) {
    return Flux.usingWhen(
        Mono.fromSupplier(beginning),
        transaction -> reading.apply(transaction).flatMapMany(use),
        VirtualTransaction::commit,
        (transaction, error) -> transaction.rollback(),
        VirtualTransaction::rollback);
  }
}
