package io.shardflux.driver.result;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;

/** Rows of a shard that end only if their keys are still there, or were when rows were given. */
@Internal
public record LookedSource(Source rows, Snapshot snapshot, ShardId shard) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.defer(
        () -> {
          AtomicBoolean given = new AtomicBoolean();
          return rows.<T>rows(
                  (row, metadata) -> {
                    given.setPlain(true);
                    return mapping.apply(row, metadata);
                  })
              .concatWith(Flux.defer(() -> snapshot.looked(shard, given.getPlain())));
        });
  }

  @Override
  public Flux<Long> updates() {
    return rows.updates().concatWith(snapshot.looked(shard, false));
  }
}
