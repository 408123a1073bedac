package io.shardflux.r2dbc.coalesce;

import io.r2dbc.spi.Row;
import io.r2dbc.spi.RowMetadata;
import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardTarget;
import io.shardflux.r2dbc.failure.TooManyRowsException;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.scatter.Reach;
import io.shardflux.r2dbc.scatter.ShardSignal;
import io.shardflux.r2dbc.settings.ReadPreference;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.Bindings;
import io.shardflux.r2dbc.statement.BoundStatement;
import io.shardflux.r2dbc.statement.ServerBound;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import reactor.core.CoreSubscriber;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import reactor.util.context.ContextView;

/**
 * Reads of single keys by one statement, joined into batches where many are under way at once: see
 * {@link ShardRouter#coalesced(String, String, BiFunction, BiFunction, Coalescing)}. Immutable and
 * thread-safe; to be kept, as reads of one and the same are joined.
 *
 * <p>A read runs once for each subscription, and a batch is sent only behind the subscriptions of
 * all its reads. Each has its own result, and its own times, from its subscription on: {@link
 * Timeouts#acquire()}, or {@link Timeouts#firstRow()} if that is less, is how long it waits for a
 * batch, and {@link Timeouts#total()} how long it may take in all. {@code firstRow} and {@code gap}
 * hold the batch's statement, to what is left of the times of its last read. A directory's lookup
 * is held to the directory's own time. What a read is told, it is told when the batch's last row is
 * there, on the event loop of the batch.
 *
 * <p>A cancel ends one read and no other; the last one of a batch ends its statement. Callers of
 * equal keys in a batch get the same objects. A caller may take its rows as slowly as it likes:
 * they are kept for it, and nobody waits. Errors are those of {@link ShardTarget}, and {@link
 * ShardUnavailableException} where {@link Coalescing#maxWaiting()} reads wait already. What the
 * server refuses for one key's sake, and a row that can't be mapped, fails the reads of that key
 * alone; a row with a key that was not asked for fails the read that it was found by. Any other
 * error is that of all reads in the batch.
 *
 * @param <T> what a row is mapped to
 */
public final class KeyedReads<T> {

  /** What is read, and how its rows are told apart. */
  @Internal
  public record Shape<T>(
      String table,
      SqlTemplate sql,
      BiFunction<Row, RowMetadata, ShardKey> key,
      BiFunction<Row, RowMetadata, T> mapping,
      Coalescing bounds) {

    public Shape {
      if (!sql.named() || !sql.markers().stream().allMatch(Reach.KEYS::equals)) {
        throw refused("markers " + sql.markers(), "… IN (:keys), and no other marker", sql);
      }
      if (!sql.reads()) {
        throw refused("no plain read", "a SELECT that neither changes nor locks", sql);
      }
      if (sql.limited()) {
        throw refused("LIMIT or FETCH", "none, as it would cut off other keys' rows", sql);
      }
    }

    private static IllegalArgumentException refused(String what, String expected, SqlTemplate sql) {
      return new IllegalArgumentException(
          "sql: " + what + " (expected: " + expected + ") in: " + sql.text());
    }
  }

  private final LiveShards live;
  private final Shape<T> shape;
  private final Timeouts timeouts;
  private final @Nullable ReadPreference preference;
  private final Map<ReadPreference, Map<ShardServers, ReadQueue<T>>> queues;
  private final Way way = new Way();

  @Internal
  public KeyedReads(LiveShards live, Shape<T> shape) {
    this(live, shape, live.timeouts(), null, new EnumMap<>(ReadPreference.class));
    for (ReadPreference each : ReadPreference.values()) {
      queues.put(each, new ConcurrentHashMap<>());
    }
  }

  private KeyedReads(
      LiveShards live,
      Shape<T> shape,
      Timeouts timeouts,
      @Nullable ReadPreference preference,
      Map<ReadPreference, Map<ShardServers, ReadQueue<T>>> queues) {
    this.live = live;
    this.shape = shape;
    this.timeouts = timeouts;
    this.preference = preference;
    this.queues = queues;
  }

  /** These, joined with them, held to other times than the router's. */
  public KeyedReads<T> timeouts(Timeouts other) {
    return new KeyedReads<>(live, shape, other, preference, queues);
  }

  /**
   * These, sent to another server than the router would. Reads in {@link
   * ShardRouter#readYourWrites()} go to primaries all the same.
   */
  public KeyedReads<T> prefer(ReadPreference other) {
    return new KeyedReads<>(live, shape, timeouts, other, queues);
  }

  /** The key's row, or empty; a second one is an error, {@link TooManyRowsException}. */
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

  /** The same with the shard that the row was found on, in one look-up. */
  public Mono<ShardSignal.Row<T>> oneLocated(ShardKey key) {
    return Mono.defer(
        () -> {
          Traced traced = new Traced();
          return one(key, traced).map(row -> new ShardSignal.Row<>(traced.shard(), row));
        });
  }

  /**
   * All rows of the key, in the order that the statement says; at most {@link
   * Coalescing#maxRows()}.
   */
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
    new PointRead<>(actual, its, key, single, timeouts, start).begin();
  }

  private class Way implements PointRead.Way<T> {

    @Override
    public Mono<ShardId> locate(ShardKey key) {
      return live.asked(shape.table(), key);
    }

    @Override
    public ReadQueue<T> enter(ShardId shard, ContextView context) {
      ShardServers servers = live.enter(shard);
      ReadPreference effective = servers.preference(preference, context);
      return queue(servers, effective);
    }
  }

  /** Of one read: tells the shard that was entered last, which is that of the row. */
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
                shape.sql().text(),
                shape.bounds(),
                Schedulers.parallel()));
  }

  private final class Destination implements ReadQueue.Shard<T> {

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
      BoundStatement statement = Reach.Keys.statement(shape.sql(), Bindings.NONE, batch.keys());
      Work<ReadBatch.Found<T>> work =
          new Work<>(
              shape.sql().text(),
              true,
              shape.sql().touching(),
              new Work.Terms(left, effective, false, true),
              (connection, dialect) ->
                  statement.rows(
                      connection,
                      ServerBound.behind(batch.timeouts(), dialect),
                      (row, metadata) -> found(batch, row, metadata)));
      return servers.batch(work, batch.size());
    }
  }

  private ReadBatch.Found<T> found(ReadBatch<T> batch, Row row, RowMetadata metadata) {
    PointRead<T> read = null;
    try {
      read = batch.of(shape.key().apply(row, metadata));
      if (read == null) {
        return new ReadBatch.Found<>(null, null, new StrayRowException(shape.sql().text()));
      }
      T value = shape.mapping().apply(row, metadata);
      return new ReadBatch.Found<>(read, Objects.requireNonNull(value, "mapped to null"), null);
    } catch (Throwable e) {
      Exceptions.throwIfJvmFatal(e);
      return new ReadBatch.Found<>(read, null, e);
    }
  }
}
