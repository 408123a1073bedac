package io.shardflux.driver.result;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Rows of a shard that end only if their keys are still there, or were when the first one came:
 * later ones are of the view that it is of.
 *
 * @param transaction whether they are read in a transaction, which must be run again otherwise
 */
@Internal
public record LookedSource(Source rows, Snapshot snapshot, ShardId shard, boolean transaction)
    implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.defer(
        () -> {
          AtomicBoolean given = new AtomicBoolean();
          AtomicBoolean sure = new AtomicBoolean();
          return rows.<T>rows(
                  (row, metadata) -> {
                    if (!given.getPlain()) {
                      given.setPlain(true);
                      sure.setPlain(snapshot.holds());
                    }
                    return mapping.apply(row, metadata);
                  })
              .concatWith(
                  Mono.defer(
                      () -> sure.getPlain() ? Mono.<T>empty() : this.<T>looked(given.getPlain())));
        });
  }

  @Override
  public Flux<Long> updates() {
    return rows.updates().concatWith(Mono.defer(() -> looked(false)));
  }

  private <T> Mono<T> looked(boolean given) {
    return transaction ? snapshot.unmoved(shard) : snapshot.looked(shard, given);
  }
}
