package io.shardflux.driver.result;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.router.Internal;
import java.util.function.BiFunction;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The rows of a source that is made once they are asked for. */
@Internal
public record DeferredSource(Mono<? extends Source> source) implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return source.flatMapMany(made -> made.<T>rows(mapping));
  }

  @Override
  public Flux<Long> updates() {
    return source.flatMapMany(Source::updates);
  }
}
