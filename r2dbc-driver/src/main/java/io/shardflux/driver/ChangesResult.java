package io.shardflux.driver;

import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * What a write that is done left behind: the rows of its generated values, and its count.
 *
 * @param segments them
 */
record ChangesResult(List<Result.Segment> segments) implements Result {

  static ChangesResult of(long count, List<? extends Row> generated) {
    List<Result.Segment> segments = new ArrayList<>();
    generated.forEach(row -> segments.add(new RowsResult.Segment(row)));
    segments.add(new RowsResult.Count(count));
    return new ChangesResult(segments);
  }

  @Override
  public Mono<Long> getRowsUpdated() {
    return of(UpdateCount.class).map(UpdateCount::value).reduce(Long::sum);
  }

  @Override
  public <T> Flux<T> map(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return of(RowSegment.class)
        .map(segment -> mapping.apply(segment.row(), segment.row().getMetadata()));
  }

  @Override
  public <T> Flux<T> map(Function<? super Readable, ? extends T> mapping) {
    return of(RowSegment.class).map(segment -> mapping.apply(segment.row()));
  }

  @Override
  public ChangesResult filter(Predicate<Result.Segment> predicate) {
    return new ChangesResult(segments.stream().filter(predicate).toList());
  }

  @Override
  public <T> Flux<T> flatMap(Function<Result.Segment, ? extends Publisher<? extends T>> mapping) {
    return Flux.fromIterable(segments).concatMap(mapping);
  }

  private <S extends Result.Segment> Flux<S> of(Class<S> kind) {
    return Flux.fromIterable(segments).ofType(kind);
  }
}
