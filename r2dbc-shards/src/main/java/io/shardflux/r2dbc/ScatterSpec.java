package io.shardflux.r2dbc;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * A statement for several shards; each call gives a new one. Immutable and thread-safe; runs once
 * for each subscription.
 */
public interface ScatterSpec {

  /**
   * Binds a value, or NULL, to every marker of that name.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  ScatterSpec bind(String name, @Nullable Object value);

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  ScatterSpec bind(int position, @Nullable Object value);

  /** Holds each shard to other times than the router's. */
  ScatterSpec timeouts(Timeouts other);

  /** Sends reads to other servers than the router would; see {@link ReadOptions}. */
  ScatterSpec prefer(ReadPreference preference);

  /**
   * Marks the statement as a write, though it looks like a read; see {@link StatementSpec#write()}.
   */
  ScatterSpec write();

  /**
   * Marks the rows of each shard as few although the text has no {@code LIMIT}; see {@link
   * StatementSpec#bounded()}. A statement for at most 1,000 keys a shard needs no mark.
   */
  ScatterSpec bounded();

  /** Sets what a failed shard does to the answer; the default is {@link FailurePolicy#tag()}. */
  ScatterSpec onFailure(FailurePolicy other);

  /**
   * Maps each row. The mapping is called on event loops; it must not block and must not return
   * null.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> ScatterRows<T> map(BiFunction<Row, RowMetadata, T> mapping);

  /**
   * Runs the statement for its effect on every shard, on each in a transaction of the server's own.
   * One shard's failure undoes nothing on the others. Each statement's count of changed rows is a
   * row of its shard.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  Flux<ShardSignal<Long>> rowsUpdated();
}
