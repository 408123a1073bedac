package io.shardflux.driver.result;

import io.r2dbc.spi.Readable;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.MissingShardsException;
import io.shardflux.driver.row.Arguments;
import io.shardflux.driver.row.RowHolder;
import io.shardflux.router.Internal;
import java.util.Optional;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A result that is requested when it is consumed, so that its rows need not be held. */
@Internal
public final class RowsResult implements Result {

  /** A row as a segment. */
  record Segment(Row row) implements RowSegment {}

  /** A number of rows as a segment. */
  record Count(long value) implements UpdateCount {}

  /** The report that rows are missing, as a segment. */
  record Missing(MissingShardsException exception) implements Message {

    @Override
    public int errorCode() {
      return exception.getErrorCode();
    }

    @Override
    public @Nullable String sqlState() {
      return exception.getSqlState();
    }

    @Override
    public String message() {
      return String.valueOf(exception.getMessage());
    }
  }

  private final Source source;
  private final @Nullable Predicate<Result.Segment> filter;
  private final Consumption consumption;

  public RowsResult(Source source) {
    this(source, null, new Consumption());
  }

  private RowsResult(
      Source source, @Nullable Predicate<Result.Segment> filter, Consumption consumption) {
    this.source = source;
    this.filter = filter;
    this.consumption = consumption;
  }

  @Override
  public Mono<Long> getRowsUpdated() {
    consumption.begin();
    return source
        .updates()
        .filter(count -> wanted(new Count(count)))
        .onErrorResume(MissingShardsException.class, this::toldIfWanted)
        .reduce(Long::sum);
  }

  @Override
  public <T> Flux<T> map(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    Arguments.require(mapping, "mapping");
    consumption.begin();
    return filter == null
        ? source.rows(mapping)
        : source
            .rows(
                (row, metadata) ->
                    wanted(new Segment(row))
                        ? Optional.<T>of(mapping.apply(row, metadata))
                        : Optional.<T>empty())
            .<T>handle((row, sink) -> row.ifPresent(sink::next))
            .onErrorResume(MissingShardsException.class, this::toldIfWanted);
  }

  @Override
  public <T> Flux<T> map(Function<? super Readable, ? extends T> mapping) {
    Arguments.require(mapping, "mapping");
    return map((row, metadata) -> mapping.apply(row));
  }

  @Override
  public RowsResult filter(Predicate<Result.Segment> predicate) {
    Arguments.require(predicate, "filter");
    consumption.check();
    return new RowsResult(source, filter == null ? predicate : filter.and(predicate), consumption);
  }

  @Override
  public <T> Flux<T> flatMap(Function<Result.Segment, ? extends Publisher<? extends T>> mapping) {
    Arguments.require(mapping, "mapping");
    consumption.begin();
    return Flux.defer(
            () -> {
              RowHolder holder = new RowHolder();
              return source.<Result.Segment>rows(
                  (row, metadata) -> new Segment(holder.hold(row, metadata)));
            })
        .onErrorResume(MissingShardsException.class, missing -> Mono.just(new Missing(missing)))
        .filter(this::wanted)
        .concatMap(mapping);
  }

  private <T> Mono<T> toldIfWanted(MissingShardsException missing) {
    return wanted(new Missing(missing)) ? Mono.error(missing) : Mono.empty();
  }

  private boolean wanted(Result.Segment segment) {
    return filter == null || filter.test(segment);
  }
}
