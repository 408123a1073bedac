package io.shardflux.r2dbc;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.live.ScatterStatement;
import io.shardflux.r2dbc.scatter.FailurePolicy;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;

/** A statement for several shards with what was said of it so far. */
final class DefaultScatterSpec implements ScatterSpec {

  private final DefaultShardRouter router;
  private final Reach reach;
  private final SqlTemplate sql;
  private final Binds binds;
  private final Work.Terms terms;
  private final FailurePolicy policy;

  DefaultScatterSpec(
      DefaultShardRouter router,
      Reach reach,
      SqlTemplate sql,
      Binds binds,
      Work.Terms terms,
      FailurePolicy policy) {
    this.router = router;
    this.reach = reach;
    this.sql = sql;
    this.binds = binds;
    this.terms = terms;
    this.policy = policy;
  }

  @Override
  public ScatterSpec bind(String name, @Nullable Object value) {
    return new DefaultScatterSpec(router, reach, sql, binds.with(sql, name, value), terms, policy);
  }

  @Override
  public ScatterSpec bind(int position, @Nullable Object value) {
    return bind(Integer.toString(position), value);
  }

  @Override
  public ScatterSpec timeouts(Timeouts other) {
    return new DefaultScatterSpec(router, reach, sql, binds, terms.with(other), policy);
  }

  @Override
  public ScatterSpec prefer(ReadPreference preference) {
    return new DefaultScatterSpec(router, reach, sql, binds, terms.preferring(preference), policy);
  }

  @Override
  public ScatterSpec write() {
    return new DefaultScatterSpec(router, reach, sql, binds, terms.asWrite(), policy);
  }

  @Override
  public ScatterSpec bounded() {
    return new DefaultScatterSpec(router, reach, sql, binds, terms.asBounded(), policy);
  }

  @Override
  public ScatterSpec onFailure(FailurePolicy other) {
    return new DefaultScatterSpec(router, reach, sql, binds, terms, other);
  }

  @Override
  public <T> ScatterRows<T> map(BiFunction<Row, RowMetadata, T> mapping) {
    reach.check(sql, binds);
    ScatterStatement<T> statement =
        new ScatterStatement<>(
            reach,
            sql,
            binds,
            terms,
            false,
            (bound, connection, dialect) -> bound.rows(connection, mapping));
    return new DefaultScatterRows<>(
        (failures, order) -> ofEachShard(router.shards().scatter(statement, failures, order)),
        policy,
        null);
  }

  /** Refuses to be taken for a snapshot. */
  private static <T> Flux<T> ofEachShard(Flux<T> rows) {
    return Flux.deferContextual(
        context ->
            ReadConsistency.of(context) == ReadConsistency.SNAPSHOT
                ? Flux.error(
                    new IllegalStateException(
                        "consistency: snapshot, of a read of each shard by itself (expected: reads"
                            + " inside router.inTransaction, or by the driver)"))
                : rows);
  }

  @Override
  public Flux<ShardSignal<Long>> rowsUpdated() {
    reach.check(sql, binds);
    ScatterStatement<Long> statement =
        new ScatterStatement<>(
            reach,
            sql,
            binds,
            terms.asWrite(),
            true,
            (bound, connection, dialect) ->
                bound.bounded(dialect, terms.timeouts()).rowsUpdated(connection));
    return router.shards().scatter(statement, policy, null);
  }
}
