package io.shardflux.driver.result;

import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.sql.statement.RefusalCode;
import io.shardflux.sql.statement.RefusedSqlException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Rows that are asked for once more where columns or the places of rows are not those that were
 * known, unless some rows were given by then.
 *
 * @param again plans and runs the statement anew after an error, or gives that error
 * @param overtaken gives the error of a plan that must not be used any more, or null
 */
@Internal
public record FreshSource(
    Source first,
    Function<Throwable, Mono<Result>> again,
    Supplier<@Nullable Throwable> overtaken,
    String sql)
    implements Source {

  @Override
  public <T> Flux<T> rows(BiFunction<Row, RowMetadata, ? extends T> mapping) {
    return Flux.defer(
        () -> {
          Throwable late = overtaken.get();
          if (late != null) {
            return anew(late).flatMapMany(result -> result.<T>map(mapping));
          }
          // Each subscriber has its own, and gets rows one after the other.
          AtomicBoolean given = new AtomicBoolean();
          return first
              .<T>rows(
                  (row, metadata) -> {
                    given.setPlain(true);
                    return mapping.apply(row, metadata);
                  })
              .onErrorResume(
                  error ->
                      given.getPlain()
                          ? Flux.error(named(error))
                          : anew(error).flatMapMany(result -> result.<T>map(mapping)));
        });
  }

  @Override
  public Flux<Long> updates() {
    return Flux.defer(
        () -> {
          Throwable late = overtaken.get();
          Flux<Long> updates = late == null ? first.updates() : Flux.error(late);
          return updates.onErrorResume(error -> anew(error).flatMapMany(Result::getRowsUpdated));
        });
  }

  private Mono<Result> anew(Throwable error) {
    return again.apply(error).onErrorMap(this::named);
  }

  private Throwable named(Throwable error) {
    return Refusals.named(refusal(error), sql);
  }

  /** The error for the caller where it came too late, or too often, to begin again. */
  public static Throwable refusal(Throwable error) {
    return error instanceof OutdatedColumnsException outdated
        ? new RefusedSqlException(
            RefusalCode.COLUMNS_CHANGED, String.valueOf(outdated.getMessage()))
        : Snapshot.told(error);
  }
}
