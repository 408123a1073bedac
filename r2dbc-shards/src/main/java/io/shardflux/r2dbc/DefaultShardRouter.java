package io.shardflux.r2dbc;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.atomic.RouterTransaction;
import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.coalesce.CoalescingOptions;
import io.shardflux.r2dbc.coalesce.KeyedReads;
import io.shardflux.r2dbc.coalesce.KeyedStatement;
import io.shardflux.r2dbc.config.TopologyAccess;
import io.shardflux.r2dbc.directory.TableDirectory;
import io.shardflux.r2dbc.insert.InsertSql;
import io.shardflux.r2dbc.insert.RowInserts;
import io.shardflux.r2dbc.live.KeyedWork;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.RowCountCache;
import io.shardflux.r2dbc.observe.RowCountOptions;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.settings.CausalToken;
import io.shardflux.r2dbc.settings.GatherOptions;
import io.shardflux.r2dbc.settings.ScatterReads;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.CausalRead;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.spi.ShardAccess;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.r2dbc.transaction.TransactionStart;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.context.Context;

/** A router over live shards. */
final class DefaultShardRouter implements ShardRouter, ShardAccess, TopologyAccess {

  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  private final LiveShards shards;
  private final Function<String, SqlTemplate> templates = SqlTemplate.cached();
  private final List<TableDirectory> directories;
  private final ScatterReads scatterReads;
  private final GatherOptions gathers;
  private final CoalescingOptions coalescing;
  private final SpanningTransactions transactions;
  private final DefaultShardOperations operations;

  DefaultShardRouter(
      LiveShards shards,
      List<TableDirectory> directories,
      ScatterReads scatterReads,
      GatherOptions gathers,
      RowCountOptions rowCounts,
      CoalescingOptions coalescing) {
    this.shards = shards;
    this.directories = List.copyOf(directories);
    this.scatterReads = scatterReads;
    this.gathers = gathers;
    this.coalescing = coalescing;
    this.transactions = new SpanningTransactions(shards, templates);
    this.operations =
        new DefaultShardOperations(
            shards,
            transactions,
            new RowCountCache(
                rowCounts.every(),
                (shard, table) -> countedRows(rowCounts, shard, table),
                System::nanoTime));
  }

  @Override
  public DefaultShardOperations operations() {
    return operations;
  }

  @Override
  public Topology topology() {
    return shards.topology();
  }

  @Override
  public Flux<Topology> topologyEvents() {
    return DefaultShardOperations.told(shards.topologies());
  }

  @Override
  public Mono<Boolean> swap(Topology topology, List<Shard> servers) {
    return shards.swap(topology, servers);
  }

  @Override
  public Mono<Void> needless(ShardId shard) {
    return operations.needless(shard);
  }

  @Override
  public Mono<ShardId> locate(String table, ShardKey key) {
    return Mono.defer(() -> topology().locate(table, key));
  }

  @Override
  public ShardTarget on(String table, ShardKey key) {
    return new KeyTarget(table, key);
  }

  @Override
  public ShardTarget on(ShardId shard) {
    return new NamedTarget(shard);
  }

  @Override
  public ScatterTarget onKeys(String table, Collection<ShardKey> keys) {
    Set<ShardKey> stored = new LinkedHashSet<>();
    keys.forEach(key -> stored.add(shards.stored(table, key)));
    return new DefaultScatterTarget(this, new Reach.Keys(table, stored));
  }

  @Override
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping) {
    return coalesced(table, sql, key, mapping, coalescing);
  }

  @Override
  public <T> KeyedReads<T> coalesced(
      String table,
      String sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping,
      CoalescingOptions coalescing) {
    topology().table(table);
    return new KeyedStatement<>(table, template(sql), key, mapping, coalescing).on(shards);
  }

  @Override
  public ScatterTarget onAll() {
    return new DefaultScatterTarget(this, new Reach.All());
  }

  @Override
  public <T> RowInserts<T> inserts(
      String table,
      String sql,
      Function<? super T, ShardKey> key,
      Function<? super T, ? extends Map<String, ? extends @Nullable Object>> values) {
    if (topology().table(table) instanceof TableRule.Reference) {
      throw new IllegalArgumentException(
          "table: " + table + ", which is on every shard (expected: a sharded or a pinned one)");
    }
    return InsertSql.of(template(sql)).inserts(shards, table, key, values);
  }

  @Override
  public <T> Flux<T> inTransaction(
      TransactionDefinition definition,
      Function<? super RouterTransaction, ? extends Publisher<T>> work) {
    return transactions.run(definition, work);
  }

  @Override
  public SpanningTransactions transactions() {
    return transactions;
  }

  @Override
  public Mono<CausalToken> causalToken(Collection<ShardId> of) {
    return Flux.defer(
            () -> {
              long epoch = topology().epoch();
              of.forEach(shards::of);
              return Flux.fromIterable(Set.copyOf(of))
                  .flatMap(shard -> position(shard).map(position -> Map.entry(shard, position)))
                  .collectMap(Map.Entry::getKey, Map.Entry::getValue)
                  .map(positions -> CausalToken.of(epoch, positions));
            })
        .single();
  }

  private Mono<String> position(ShardId shard) {
    return shards
        .onOne(Mono.just(shard), servers -> servers.position().flux())
        .single()
        .onErrorReturn(CausalToken.UNKNOWN);
  }

  @Override
  public Function<Context, Context> after(CausalToken token, Duration wait) {
    if (wait.toMillis() < 1 || wait.compareTo(LONGEST_WAIT) > 0) {
      throw new IllegalArgumentException("wait: " + wait + " (expected: from 1 ms to 60 s)");
    }
    CausalRead read = new CausalRead(token, wait, () -> topology().epoch() == token.epoch());
    return context -> context.put(CausalRead.class, read);
  }

  @Override
  public Mono<Void> warmUp() {
    return Flux.defer(() -> Flux.fromIterable(shards.all())).flatMap(ShardServers::warmUp).then();
  }

  private Mono<Long> countedRows(RowCountOptions counts, ShardId shard, String table) {
    // Rows may stand on two shards while keys move: the last count is kept.
    return shards.epoch().moving(table) == null
        ? on(shard).sql(counts.sql(table)).map((row, metadata) -> RowCountOptions.rows(row)).one()
        : Mono.empty();
  }

  @Override
  public Mono<Void> close() {
    return Flux.concat(
            Mono.fromSupplier(
                () -> {
                  transactions.close();
                  return shards.close();
                }),
            Flux.fromIterable(directories).map(TableDirectory::close))
        .flatMap(closing -> closing)
        .then()
        .doOnTerminate(shards::endEvents);
  }

  @Override
  public void note(String table, ShardKey key) {
    shards.note(table, key);
  }

  @Override
  public Timeouts timeouts() {
    return shards.timeouts();
  }

  @Override
  public Snapshot snapshot() {
    return Snapshot.of(shards, templates);
  }

  @Override
  public ScatterReads scatterReads() {
    return scatterReads;
  }

  @Override
  public GatherOptions gathers() {
    int most = gathers.concurrency();
    return most > 0
        ? gathers
        : new GatherOptions(
            gathers.reads(),
            gathers.maxRows(),
            gathers.maxBytes(),
            Math.min(1_000, Math.max(1, shards.smallestPool() - 1)));
  }

  @Override
  public int smallestRest() {
    return shards.smallestRest();
  }

  LiveShards shards() {
    return shards;
  }

  SqlTemplate template(String sql) {
    return templates.apply(sql);
  }

  /** The shard of a key. */
  private final class KeyTarget implements ShardTarget, Work.Target {

    private final String table;
    private final ShardKey key;

    KeyTarget(String table, ShardKey key) {
      this.table = table;
      this.key = key;
    }

    @Override
    public StatementSpec sql(String sql) {
      return statement(template(sql), Work.Terms.of(timeouts()).asBounded());
    }

    @Override
    public <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work) {
      Timeouts timeouts = timeouts();
      return lent(
          KeyedWork.lent(
              timeouts,
              (servers, look) ->
                  servers.lend(
                      templates, look == null ? work : look.lent(timeouts.acquire(), work))));
    }

    @Override
    public <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work) {
      Timeouts timeouts = timeouts();
      return lent(
          KeyedWork.lent(
              timeouts,
              (servers, look) ->
                  servers.withTransaction(
                      templates, look == null ? work : look.lent(timeouts.acquire(), work))));
    }

    private <T> Flux<T> lent(KeyedWork<T> work) {
      return shards.onKey(table, key, work);
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition) {
      return begin(definition, timeouts());
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts) {
      return new TransactionStart(definition, timeouts, templates).on(shards, table, key);
    }

    @Override
    public <T> Flux<T> run(Work<T> work) {
      return shards.onKey(table, key, KeyedWork.of(work));
    }
  }

  /** A shard by its name, whatever keys lie there. */
  private final class NamedTarget implements ShardTarget, Work.Target {

    private final Mono<ShardId> shard;

    NamedTarget(ShardId shard) {
      this.shard = Mono.just(shard);
    }

    @Override
    public StatementSpec sql(String sql) {
      return statement(template(sql), Work.Terms.of(timeouts()));
    }

    @Override
    public <T> Flux<T> inConnection(Function<Connection, ? extends Publisher<T>> work) {
      return shards.onOne(shard, servers -> servers.lend(templates, work));
    }

    @Override
    public <T> Flux<T> inTransaction(Function<Connection, ? extends Publisher<T>> work) {
      return shards.onOne(shard, servers -> servers.withTransaction(templates, work));
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition) {
      return begin(definition, timeouts());
    }

    @Override
    public Mono<ShardTransaction> begin(TransactionDefinition definition, Timeouts timeouts) {
      return new TransactionStart(definition, timeouts, templates)
          .on(shards.options(), work -> shards.onOne(shard, work));
    }

    @Override
    public <T> Flux<T> run(Work<T> work) {
      return shards.onOne(shard, servers -> servers.run(work));
    }
  }
}
