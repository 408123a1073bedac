package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.Statement;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.atomic.RouterTransaction;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.insert.InsertOutcome;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/**
 * A router as a user's test may write it by hand: it knows some names, and refuses what the class
 * under test does not use.
 */
record HandWrittenRouter(Map<ShardKey, String> names) implements ShardRouter {

  private static final ShardId SHARD = ShardId.of("s0");

  @Override
  public ShardTarget on(String table, ShardKey key) {
    return new Target(names.get(key));
  }

  @Override
  @SuppressWarnings("unchecked")
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping) {
    return new Reads<>((Map<ShardKey, T>) names);
  }

  @Override
  public <T> Flux<T> inTransaction(
      TransactionDefinition definition,
      Function<? super RouterTransaction, ? extends Publisher<T>> work) {
    return Flux.error(new UnsupportedOperationException());
  }

  @Override
  public <T> RowInserts<T> inserts(
      String table,
      String sql,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values) {
    return new RowInserts<>() {
      @Override
      public Flux<InsertOutcome<T>> store(Publisher<? extends T> rows) {
        return Flux.from(rows).map(row -> new InsertOutcome.Stored<>(row, SHARD));
      }
    };
  }

  private record Reads<T>(Map<ShardKey, T> rows) implements KeyedReads<T> {

    @Override
    public KeyedReads<T> timeouts(Timeouts other) {
      return this;
    }

    @Override
    public KeyedReads<T> prefer(ReadPreference other) {
      return this;
    }

    @Override
    public Mono<T> one(ShardKey key) {
      return Mono.justOrEmpty(rows.get(key));
    }

    @Override
    public Mono<ShardSignal.Row<T>> oneLocated(ShardKey key) {
      return one(key).map(row -> new ShardSignal.Row<>(SHARD, row));
    }

    @Override
    public Flux<T> all(ShardKey key) {
      return one(key).flux();
    }
  }

  private record Target(@Nullable String name) implements ShardTarget {

    @Override
    public StatementSpec sql(String sql) {
      return new Statements(name);
    }

    @Override
    public <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work) {
      throw new UnsupportedOperationException();
    }

    @Override
    public <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts) {
      throw new UnsupportedOperationException();
    }
  }

  private record Statements(@Nullable String name) implements StatementSpec {

    @Override
    public StatementSpec bind(String marker, @Nullable Object value) {
      return this;
    }

    @Override
    public StatementSpec bind(int position, @Nullable Object value) {
      return this;
    }

    @Override
    public StatementSpec timeouts(Timeouts other) {
      return this;
    }

    @Override
    public StatementSpec prefer(ReadPreference preference) {
      return this;
    }

    @Override
    public StatementSpec write() {
      return this;
    }

    @Override
    public StatementSpec bounded() {
      return this;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> Rows<T> map(BiFunction<Row, RowMetadata, T> mapping) {
      return new OneRow<>((T) name);
    }

    @Override
    public Mono<Long> rowsUpdated() {
      return Mono.just(1L);
    }

    @Override
    public <T> Flux<T> results(
        UnaryOperator<Statement> settings,
        Function<? super Result, ? extends Publisher<T>> consumer) {
      throw new UnsupportedOperationException();
    }
  }

  private record OneRow<T>(@Nullable T row) implements StatementSpec.Rows<T> {

    @Override
    public Mono<T> one() {
      return Mono.justOrEmpty(row);
    }

    @Override
    public Mono<T> first() {
      return one();
    }

    @Override
    public Flux<T> all() {
      return one().flux();
    }
  }

  @Override
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping,
      CoalescingOptions coalescing) {
    return coalesced(table, sql, key, mapping);
  }

  @Override
  public ShardOperations operations() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Topology topology() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Flux<Topology> topologyEvents() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Mono<ShardId> locate(String table, ShardKey key) {
    return Mono.just(SHARD);
  }

  @Override
  public ShardTarget on(ShardId shard) {
    throw new UnsupportedOperationException();
  }

  @Override
  public ScatterTarget onKeys(String table, Collection<ShardKey> keys) {
    throw new UnsupportedOperationException();
  }

  @Override
  public ScatterTarget onAll() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Mono<CausalToken> causalToken(Collection<ShardId> shards) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Function<Context, Context> after(CausalToken token, Duration wait) {
    throw new UnsupportedOperationException();
  }

  @Override
  public Mono<Void> warmUp() {
    return Mono.empty();
  }

  @Override
  public Mono<Void> close() {
    return Mono.empty();
  }

  @Override
  public void note(String table, ShardKey key) {}

  @Override
  public Timeouts timeouts() {
    return Timeouts.defaults();
  }
}
