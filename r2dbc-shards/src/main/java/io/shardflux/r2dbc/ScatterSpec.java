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
   * @param name the marker's name, without the colon
   * @param value a value that the driver can encode; null is NULL
   * @return the statement with the value; this one stays as it is
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  ScatterSpec bind(String name, @Nullable Object value);

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @param position from 0, in the order of the text
   * @param value a value that the driver can encode; null is NULL
   * @return the statement with the value; this one stays as it is
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  ScatterSpec bind(int position, @Nullable Object value);

  /**
   * Holds each shard to other times than the router's.
   *
   * @param other the times of each shard's statement
   * @return the statement with these times
   */
  ScatterSpec timeouts(Timeouts other);

  /**
   * Sends reads to other servers than the router would; see {@link ReadOptions}.
   *
   * @param preference the servers to read from
   * @return the statement with this preference
   */
  ScatterSpec prefer(ReadPreference preference);

  /**
   * Marks the statement as a write, though it looks like a read; see {@link StatementSpec#write()}.
   *
   * @return the statement, marked
   */
  ScatterSpec write();

  /**
   * Marks the rows of each shard as few although the text has no {@code LIMIT}; see {@link
   * StatementSpec#bounded()}. A statement for at most 1,000 keys a shard needs no mark.
   *
   * @return the statement, marked
   */
  ScatterSpec bounded();

  /**
   * Sets what a failed shard does to the answer; the default is {@link FailurePolicy#tag()}.
   *
   * @param other the policy
   * @return the statement with this policy
   */
  ScatterSpec onFailure(FailurePolicy other);

  /**
   * Maps each row. The mapping is called on event loops; it must not block and must not return
   * null.
   *
   * @param <T> the type that rows are mapped to
   * @param mapping maps a row; must not keep it
   * @return the mapped rows, read in one of several ways
   * @throws IllegalArgumentException if a marker has no value
   */
  <T> ScatterRows<T> map(BiFunction<Row, RowMetadata, T> mapping);

  /**
   * Runs the statement for its effect on every shard, on each in a transaction of the server's own.
   * One shard's failure undoes nothing on the others. Each statement's count of changed rows is a
   * row of its shard.
   *
   * @return the counts, each shard's end or failure, and one {@link ShardSignal.Coverage} as the
   *     last element
   * @throws IllegalArgumentException if a marker has no value
   */
  Flux<ShardSignal<Long>> rowsUpdated();
}
