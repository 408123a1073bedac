package io.shardflux.driver.result;

import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.row.Arguments;
import io.shardflux.router.Internal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The result of a statement that was run at once: rows, and counts of changes. */
@Internal
public final class ChangesResult implements Result {

  private final List<Result.Segment> segments;
  private final Consumption consumption;

  public ChangesResult(List<Result.Segment> segments) {
    this(segments, new Consumption());
  }

  private ChangesResult(List<Result.Segment> segments, Consumption consumption) {
    this.segments = segments;
    this.consumption = consumption;
  }

  /** The result of a write: the rows of its generated values, and its count. */
  public static ChangesResult of(long count, List<? extends Row> generated) {
    List<Result.Segment> segments = new ArrayList<>();
    generated.forEach(row -> segments.add(new RowsResult.Segment(row)));
    segments.add(new RowsResult.Count(count));
    return new ChangesResult(segments);
  }

  @Override
  public Mono<Long> getRowsUpdated() {
    return consumed(UpdateCount.class).map(UpdateCount::value).reduce(Long::sum);
  }

  @Override
  public <T> Flux<T> map(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    Arguments.require(mapping, "mapping");
    return consumed(RowSegment.class)
        .map(segment -> mapping.apply(segment.row(), segment.row().getMetadata()));
  }

  @Override
  public <T> Flux<T> map(Function<? super Readable, ? extends T> mapping) {
    Arguments.require(mapping, "mapping");
    return map((row, metadata) -> mapping.apply(row));
  }

  @Override
  public ChangesResult filter(Predicate<Result.Segment> predicate) {
    Arguments.require(predicate, "filter");
    consumption.check();
    return new ChangesResult(segments.stream().filter(predicate).toList(), consumption);
  }

  @Override
  public <T> Flux<T> flatMap(Function<Result.Segment, ? extends Publisher<? extends T>> mapping) {
    Arguments.require(mapping, "mapping");
    return consumed(Result.Segment.class).concatMap(mapping);
  }

  private <S extends Result.Segment> Flux<S> consumed(Class<S> kind) {
    consumption.begin();
    return Flux.fromIterable(segments).ofType(kind);
  }
}
