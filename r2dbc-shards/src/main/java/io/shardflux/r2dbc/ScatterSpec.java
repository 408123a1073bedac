package io.shardflux.r2dbc;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadOptions;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Bindings;
import io.shardflux.r2dbc.statement.ServerBound;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/**
 * A statement for several shards; each call gives a new one. Immutable and thread-safe; runs once
 * for each subscription.
 */
public final class ScatterSpec {

  private final ShardRouter router;
  private final Reach reach;
  private final SqlTemplate sql;
  private final Bindings bindings;
  private final Work.Terms terms;
  private final FailurePolicy policy;

  ScatterSpec(
      ShardRouter router,
      Reach reach,
      SqlTemplate sql,
      Bindings bindings,
      Work.Terms terms,
      FailurePolicy policy) {
    this.router = router;
    this.reach = reach;
    this.sql = sql;
    this.bindings = bindings;
    this.terms = terms;
    this.policy = policy;
  }

  /**
   * Binds a value, or NULL, to every marker of that name.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public ScatterSpec bind(String name, @Nullable Object value) {
    return new ScatterSpec(router, reach, sql, bindings.with(sql, name, value), terms, policy);
  }

  /**
   * Binds a value, or NULL, to the {@code ?} at a position from 0.
   *
   * @throws IllegalArgumentException if there is no such marker, or it has a value
   */
  public ScatterSpec bind(int position, @Nullable Object value) {
    return bind(Integer.toString(position), value);
  }

  /** Holds each shard to other times than the router's. */
  public ScatterSpec timeouts(Timeouts other) {
    return new ScatterSpec(router, reach, sql, bindings, terms.with(other), policy);
  }

  /** Sends reads to other servers than the router would; see {@link ReadOptions}. */
  public ScatterSpec prefer(ReadPreference preference) {
    return new ScatterSpec(router, reach, sql, bindings, terms.preferring(preference), policy);
  }

  /** Says that it writes, though it looks like a read; see {@link StatementSpec#write()}. */
  public ScatterSpec write() {
    return new ScatterSpec(router, reach, sql, bindings, terms.asWrite(), policy);
  }

  /**
   * Says that the rows of each shard are few though its text has no {@code LIMIT}; see {@link
   * StatementSpec#bounded()}. A statement for at most 1,000 keys a shard is so already.
   */
  public ScatterSpec bounded() {
    return new ScatterSpec(router, reach, sql, bindings, terms.asBounded(), policy);
  }

  /** What a failed shard does to the answer; {@link FailurePolicy#tag()} if it is not said. */
  public ScatterSpec onFailure(FailurePolicy other) {
    return new ScatterSpec(router, reach, sql, bindings, terms, other);
  }

  /**
   * What becomes of each row; called on event loops, it must not block and must not return null.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public <T> ScatterRows<T> map(BiFunction<Row, RowMetadata, T> mapping) {
    reach.check(sql, bindings);
    return new ScatterRows<>(
        (failures, order) ->
            router
                .shards()
                .scatter(
                    router.shards().plan(reach, sql, bindings),
                    sql,
                    terms,
                    (statement, connection, dialect) -> statement.rows(connection, null, mapping),
                    failures,
                    order),
        policy,
        null);
  }

  /**
   * Runs it for its effect on every shard, on each in a transaction of the server's own: one
   * shard's failure undoes nothing on the others. Each statement's count of changed rows is a row
   * of its shard.
   *
   * @throws IllegalArgumentException if a marker has no value
   */
  public Flux<ShardSignal<Long>> rowsUpdated() {
    reach.check(sql, bindings);
    return router
        .shards()
        .scatter(
            router.shards().plan(reach, sql, bindings),
            sql,
            terms.asWrite(),
            (statement, connection, dialect) ->
                statement.rowsUpdated(connection, ServerBound.behind(terms.timeouts(), dialect)),
            policy,
            null);
  }
}
