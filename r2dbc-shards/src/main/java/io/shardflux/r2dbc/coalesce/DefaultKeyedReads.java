package io.shardflux.r2dbc.coalesce;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Binds;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.ContextView;

/** Point reads with a queue for each shard and preference. */
final class DefaultKeyedReads<T> implements KeyedReads<T> {

  private final LiveShards live;
  private final KeyedStatement<T> statement;
  private final Timeouts timeouts;
  private final @Nullable ReadPreference preference;
  private final Map<ReadPreference, Map<ShardServers, ReadQueue<T>>> queues;
  private final Way way = new Way();

  DefaultKeyedReads(LiveShards live, KeyedStatement<T> statement) {
    this(live, statement, live.timeouts(), null, new EnumMap<>(ReadPreference.class));
    for (ReadPreference each : ReadPreference.values()) {
      queues.put(each, new ConcurrentHashMap<>());
    }
  }

  private DefaultKeyedReads(
      LiveShards live,
      KeyedStatement<T> statement,
      Timeouts timeouts,
      @Nullable ReadPreference preference,
      Map<ReadPreference, Map<ShardServers, ReadQueue<T>>> queues) {
    this.live = live;
    this.statement = statement;
    this.timeouts = timeouts;
    this.preference = preference;
    this.queues = queues;
  }

  @Override
  public KeyedReads<T> timeouts(Timeouts other) {
    return new DefaultKeyedReads<>(live, statement, other, preference, queues);
  }

  @Override
  public KeyedReads<T> prefer(ReadPreference other) {
    return new DefaultKeyedReads<>(live, statement, timeouts, other, queues);
  }

  @Override
  public Mono<T> one(ShardKey key) {
    return one(key, way);
  }

  private Mono<T> one(ShardKey key, PointRead.Way<T> its) {
    return new Mono<>() {
      @Override
      public void subscribe(CoreSubscriber<? super T> actual) {
        read(key, its, actual, true);
      }
    };
  }

  @Override
  public Mono<ShardSignal.Row<T>> oneLocated(ShardKey key) {
    return Mono.defer(
        () -> {
          Traced traced = new Traced();
          return one(key, traced).map(row -> new ShardSignal.Row<>(traced.shard(), row));
        });
  }

  @Override
  public Flux<T> all(ShardKey key) {
    return new Flux<>() {
      @Override
      public void subscribe(CoreSubscriber<? super T> actual) {
        read(key, way, actual, false);
      }
    };
  }

  private void read(
      ShardKey key, PointRead.Way<T> its, CoreSubscriber<? super T> actual, boolean single) {
    long start = Schedulers.parallel().now(TimeUnit.NANOSECONDS);
    ShardKey stored = live.stored(statement.table(), key);
    new PointRead<>(actual, its, stored, single, timeouts, start).begin();
  }

  private class Way implements PointRead.Way<T> {

    @Override
    public long epoch() {
      return live.topology().epoch();
    }

    @Override
    public Mono<ShardId> locate(ShardKey key) {
      return live.asked(statement.table(), key, timeouts, false);
    }

    @Override
    public ReadQueue<T> enter(ShardId shard, ContextView context) {
      ShardServers servers = live.enter(shard);
      ReadPreference effective = servers.preference(preference, context);
      return queue(servers, effective);
    }
  }

  /**
   * The way of one read, which tells the shard that was entered last; that is the shard of the row.
   */
  private final class Traced extends Way {

    private @Nullable ShardId shard;

    @Override
    public ReadQueue<T> enter(ShardId entered, ContextView context) {
      ReadQueue<T> queue = super.enter(entered, context);
      shard = entered;
      return queue;
    }

    ShardId shard() {
      return Objects.requireNonNull(shard, "shard");
    }
  }

  private ReadQueue<T> queue(ShardServers servers, ReadPreference effective) {
    Map<ShardServers, ReadQueue<T>> ofPreference =
        Objects.requireNonNull(queues.get(effective), effective::name);
    ReadQueue<T> queue = ofPreference.get(servers);
    if (queue != null) {
      return queue;
    }
    // Shards come and go, and queues with them.
    ofPreference.keySet().removeIf(gone -> !live.has(gone));
    return ofPreference.computeIfAbsent(
        servers,
        it ->
            new ReadQueue<>(
                new Destination(it, effective),
                statement.sql().text(),
                statement.bounds(),
                Schedulers.parallel()));
  }

  private final class Destination implements ReadQueue.Target<T> {

    private final ShardServers servers;
    private final ReadPreference effective;

    Destination(ShardServers servers, ReadPreference effective) {
      this.servers = servers;
      this.effective = effective;
    }

    @Override
    public ShardId id() {
      return servers.id();
    }

    @Override
    public void leave() {
      servers.leave();
    }

    @Override
    public void failed(Throwable error) {
      servers.failed(error);
    }

    @Override
    public Flux<ReadBatch.Found<T>> rows(ReadBatch<T> batch) {
      long now = Schedulers.parallel().now(TimeUnit.NANOSECONDS);
      Timeouts left = batch.left(now);
      if (left == null) {
        return Flux.error(batch.late(now));
      }
      Epoch sent = live.epoch();
      boolean moving = sent.moving(statement.table()) != null;
      // A replica may not have the rows that came to its shard.
      ReadPreference asked = moving ? ReadPreference.PRIMARY : effective;
      BoundStatement bound = Reach.Keys.statement(statement.sql(), Binds.NONE, batch.keys());
      Work<ReadBatch.Found<T>> work =
          new Work<>(
              statement.sql().text(),
              true,
              statement.sql().touching(),
              new Work.Terms(left, asked, false, true),
              (connection, dialect) ->
                  bound
                      .bounded(dialect, batch.timeouts())
                      .rows(connection, (row, metadata) -> found(batch, row, metadata)));
      Flux<ReadBatch.Found<T>> found = servers.batch(work, batch.size());
      return moving || live.isShared()
          ? found.concatWith(
              Flux.defer(
                  () -> new KeysThatLeft<>(live, sent, statement.table(), id(), batch).found()))
          : found;
    }
  }

  private ReadBatch.Found<T> found(ReadBatch<T> batch, Row row, RowMetadata metadata) {
    PointRead<T> read = null;
    try {
      read = batch.of(live.stored(statement.table(), statement.key().apply(row, metadata)));
      if (read == null) {
        return new ReadBatch.Found<>(null, null, new StrayRowException(statement.sql().text()));
      }
      T value = statement.mapping().apply(row, metadata);
      return new ReadBatch.Found<>(read, Objects.requireNonNull(value, "mapped to null"), null);
    } catch (Throwable e) {
      Exceptions.throwIfJvmFatal(e);
      return new ReadBatch.Found<>(read, null, e);
    }
  }
}
