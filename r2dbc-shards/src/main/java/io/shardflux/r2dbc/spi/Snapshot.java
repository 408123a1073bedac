package io.shardflux.r2dbc.spi;

import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.observe.ShardStatistics;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.r2dbc.transaction.TransactionStart;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import io.shardflux.router.Topology;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * One topology with its pools, as a statement sees it from its planning to its last row, whatever
 * changes meanwhile. A shard is entered by the statements for it, or with others at once by {@link
 * #enter}. A shard that began to be let go before gives an error of which {@link #isOver} is true;
 * the statement must then be planned anew by another snapshot. Immutable, thread-safe.
 */
@Internal
public final class Snapshot {

  /** The number of times that a statement is planned anew by another snapshot, at most. */
  public static final int OVER_AT_MOST = LiveShards.SWAPS_SURVIVED;

  private final LiveShards shards;
  private final Epoch epoch;
  private final Function<String, SqlTemplate> templates;

  private Snapshot(LiveShards shards, Epoch epoch, Function<String, SqlTemplate> templates) {
    this.shards = shards;
    this.epoch = epoch;
    this.templates = templates;
  }

  /**
   * The topology in force.
   *
   * @param templates reads a text, or knows it already
   */
  public static Snapshot of(LiveShards shards, Function<String, SqlTemplate> templates) {
    return new Snapshot(shards, shards.epoch(), templates);
  }

  public Topology topology() {
    return epoch.topology();
  }

  /** The status of a shard, without asking a server. */
  public ShardStatistics.Status status(ShardId shard) {
    return epoch.of(shard).status();
  }

  /** Counts a key that the statement is for, where keys are counted. */
  public void note(String table, ShardKey key) {
    shards.note(table, key);
  }

  /** A statement for a shard; the shard is entered as long as the statement runs. */
  public StatementSpec sql(ShardId shard, String sql) {
    return statement(target(shard), sql);
  }

  /**
   * The same with values, or NULLs, for all of its {@code ?} in their order.
   *
   * @throws IllegalArgumentException if there are more or fewer {@code ?}
   */
  public StatementSpec sql(ShardId shard, String sql, List<? extends @Nullable Object> values) {
    return target(shard).statement(templates.apply(sql), values, terms());
  }

  /** Begins a transaction on a shard; the shard is entered until the transaction's end. */
  public Mono<ShardTransaction> begin(ShardId shard, TransactionDefinition definition) {
    return new TransactionStart(definition, shards.timeouts(), templates)
        .on(shards.options(), work -> entered(shard, work));
  }

  /** Does the work on several shards, which are entered at once and left at the work's end. */
  public <T> Flux<T> enter(Collection<ShardId> ids, Function<Entered, Flux<T>> work) {
    return Flux.using(
        () -> epoch.enterAll(ids),
        entered -> work.apply(new Entered(entered)),
        Epoch.Entered::leave);
  }

  /**
   * Tells whether a shard began to be let go before the statement was there. Nothing was sent then.
   */
  public static boolean isOver(Throwable error) {
    return error instanceof PoolClosingException;
  }

  /** The error that a caller must get in place of that error; any other error as it is. */
  public static Throwable told(Throwable error) {
    return error instanceof PoolClosingException closing ? closing.asUnavailable() : error;
  }

  private Work.Target target(ShardId shard) {
    return new Work.Target() {
      @Override
      public <T> Flux<T> run(Work<T> work) {
        return entered(shard, servers -> servers.run(work));
      }
    };
  }

  private <T> Flux<T> entered(ShardId shard, Function<ShardServers, Flux<T>> work) {
    return Flux.using(() -> epoch.enter(shard), work, ShardServers::leave);
  }

  private StatementSpec statement(Work.Target target, String sql) {
    return target.statement(templates.apply(sql), terms());
  }

  private Work.Terms terms() {
    return Work.Terms.of(shards.timeouts());
  }

  /** Shards that are entered. Work that begins on them while they are may go on behind that. */
  public final class Entered {

    private final Epoch.Entered entered;

    private Entered(Epoch.Entered entered) {
      this.entered = entered;
    }

    /** A statement for one of the shards. */
    public StatementSpec sql(ShardId shard, String sql) {
      return statement(targetOn(shard), sql);
    }

    /** A statement of the snapshot, on the shard as it is entered. */
    public StatementSpec sql(ShardId shard, StatementSpec statement) {
      return targetOn(shard).moved(statement);
    }

    /** Begins a transaction on one of the shards. */
    public Mono<ShardTransaction> begin(
        ShardId shard, TransactionDefinition definition, Timeouts timeouts) {
      return new TransactionStart(definition, timeouts, templates)
          .on(shards.options(), work -> entered.on(shard).inside(work));
    }

    private Work.Target targetOn(ShardId shard) {
      Epoch.Entry entry = entered.on(shard);
      return new Work.Target() {
        @Override
        public <T> Flux<T> run(Work<T> work) {
          return entry.inside(servers -> servers.run(work));
        }
      };
    }
  }
}
