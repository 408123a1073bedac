package io.shardflux.driver;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionMetadata;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Statement;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.driver.plan.SqlEngine;
import io.shardflux.driver.row.Arguments;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.atomic.SpanningTransactions;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.sql.statement.Hints;
import java.time.Duration;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A connection to all shards. Outside a transaction it holds no connection to a shard: each
 * statement takes its shards' connections and gives them back. A transaction has one connection to
 * each shard that has joined it.
 */
final class VirtualConnection implements Connection {

  private static final String PING = "SELECT 1";

  private static final TransactionDefinition NOTHING_SAID =
      new TransactionDefinition() {
        @Override
        public <T> @Nullable T getAttribute(Option<T> option) {
          return null;
        }
      };

  private static final Set<IsolationLevel> LEVELS =
      Set.of(
          IsolationLevel.READ_UNCOMMITTED,
          IsolationLevel.READ_COMMITTED,
          IsolationLevel.REPEATABLE_READ,
          IsolationLevel.SERIALIZABLE);

  private final SqlEngine engine;
  private final ConnectionMetadata metadata;
  private final Hints defaults;

  // Written under the lock, because statements may run side by side.
  private volatile @Nullable VirtualTransaction transaction;

  private volatile boolean autoCommit = true;
  private volatile boolean closed;
  private volatile @Nullable IsolationLevel isolation;
  private volatile Duration lockWait = Duration.ZERO;
  private volatile Duration statementTime = Duration.ZERO;

  VirtualConnection(SqlEngine engine, ConnectionMetadata metadata, Hints defaults) {
    this.defaults = defaults;
    this.engine = engine;
    this.metadata = metadata;
  }

  SqlEngine engine() {
    return engine;
  }

  /** The transaction that a statement is in, or null. */
  @Nullable VirtualTransaction transaction() {
    return autoCommit ? transaction : open(NOTHING_SAID, defaults);
  }

  /** The open transaction, which is begun if there is none. */
  private synchronized VirtualTransaction open(TransactionDefinition wanted, Hints hints) {
    VirtualTransaction now = transaction;
    if (now == null) {
      TransactionDefinition whole = definition(wanted);
      TransactionMode mode =
          hints.transactions() == null ? null : ShardfluxConnectionFactory.mode(hints);
      now =
          begun(
              whole,
              mode,
              engine.access().timeouts(),
              ShardfluxConnectionFactory.consistency(hints));
      transaction = now;
    }
    return now;
  }

  private VirtualTransaction begun(
      TransactionDefinition whole,
      @Nullable TransactionMode mode,
      Timeouts times,
      ReadConsistency consistency) {
    return new VirtualTransaction(whole, begin(whole, mode, times, consistency));
  }

  private SpanningTransaction begin(
      TransactionDefinition whole,
      @Nullable TransactionMode mode,
      Timeouts times,
      ReadConsistency consistency) {
    SpanningTransactions all = engine.access().transactions();
    return all.begin(whole, times, all.mode(mode), consistency);
  }

  /** A transaction of a statement's own. */
  SpanningTransaction begin(TransactionMode mode, Timeouts times) {
    return begin(definition(NOTHING_SAID), mode, times, ReadConsistency.EACH_SHARD);
  }

  /** A transaction of a read's own, whose rows are of one instant. */
  VirtualTransaction snapshot(Timeouts times) {
    return begun(NOTHING_SAID, null, times, ReadConsistency.SNAPSHOT);
  }

  /** Takes the transaction that was open, or null. None is open from then on. */
  private synchronized @Nullable VirtualTransaction taken() {
    VirtualTransaction last = transaction;
    transaction = null;
    return last;
  }

  /** The time that a statement may take; zero for the router's. */
  Duration statementTime() {
    return statementTime;
  }

  void checkOpen() {
    if (closed) {
      throw new IllegalStateException("connection: closed (expected: an open one)");
    }
  }

  @Override
  public Mono<Void> beginTransaction() {
    return beginTransaction(NOTHING_SAID);
  }

  @Override
  public Mono<Void> beginTransaction(TransactionDefinition wanted) {
    Arguments.require(wanted, "definition");
    return Mono.deferContextual(
        context -> {
          checkOpen();
          requireKnown(wanted.getAttribute(TransactionDefinition.ISOLATION_LEVEL));
          open(wanted, ShardfluxConnectionFactory.hints(context).or(defaults));
          return Mono.empty();
        });
  }

  @Override
  public Mono<Void> commitTransaction() {
    return step(() -> ended(VirtualTransaction::commit));
  }

  @Override
  public Mono<Void> rollbackTransaction() {
    return step(() -> ended(VirtualTransaction::rollback));
  }

  private Mono<Void> ended(Function<VirtualTransaction, Mono<Void>> ending) {
    VirtualTransaction last = taken();
    return last == null ? Mono.empty() : ending.apply(last);
  }

  @Override
  public Mono<Void> createSavepoint(String name) {
    Arguments.requireName(name, "savepoint");
    return Mono.deferContextual(
        context -> {
          checkOpen();
          Hints hints = ShardfluxConnectionFactory.hints(context).or(defaults);
          return open(NOTHING_SAID, hints).createSavepoint(name);
        });
  }

  @Override
  public Mono<Void> releaseSavepoint(String name) {
    Arguments.requireName(name, "savepoint");
    return inTransaction(name, now -> now.releaseSavepoint(name));
  }

  @Override
  public Mono<Void> rollbackTransactionToSavepoint(String name) {
    Arguments.requireName(name, "savepoint");
    return inTransaction(name, now -> now.rollbackToSavepoint(name));
  }

  private Mono<Void> inTransaction(String name, Function<VirtualTransaction, Mono<Void>> work) {
    return step(
        () -> {
          VirtualTransaction now = transaction;
          return now == null
              ? Mono.error(
                  new IllegalStateException(
                      "savepoint: " + name + ", without a transaction (expected: one)"))
              : work.apply(now);
        });
  }

  @Override
  public boolean isAutoCommit() {
    return autoCommit && transaction == null;
  }

  @Override
  public Mono<Void> setAutoCommit(boolean wanted) {
    return step(
        () -> {
          autoCommit = wanted;
          return wanted ? ended(VirtualTransaction::commit) : Mono.empty();
        });
  }

  @Override
  public IsolationLevel getTransactionIsolationLevel() {
    VirtualTransaction now = transaction;
    IsolationLevel level = now == null ? isolation : now.isolationLevel();
    return level == null ? IsolationLevel.REPEATABLE_READ : level;
  }

  @Override
  public Mono<Void> setTransactionIsolationLevel(IsolationLevel level) {
    Arguments.require(level, "isolation level");
    requireKnown(level);
    return set(() -> isolation = level);
  }

  @Override
  public Mono<Void> setLockWaitTimeout(Duration time) {
    Arguments.requireTime(time, "lock wait timeout");
    return set(() -> lockWait = time);
  }

  @Override
  public Mono<Void> setStatementTimeout(Duration time) {
    Arguments.requireTime(time, "statement timeout");
    return set(() -> statementTime = time);
  }

  /** The hints of its factory. */
  Hints defaults() {
    return defaults;
  }

  @Override
  public Statement createStatement(String sql) {
    Arguments.require(sql, "sql");
    checkOpen();
    return new VirtualStatement(this, sql);
  }

  @Override
  public Batch createBatch() {
    checkOpen();
    return new VirtualBatch(this);
  }

  @Override
  public ConnectionMetadata getMetadata() {
    return metadata;
  }

  @Override
  public Mono<Boolean> validate(ValidationDepth depth) {
    Arguments.require(depth, "depth");
    return Mono.defer(
        () -> {
          if (closed) {
            return Mono.just(false);
          }
          return depth == ValidationDepth.LOCAL ? Mono.just(true) : someShardAnswers();
        });
  }

  /**
   * Asks all of the transaction's own connections if there are any, otherwise one shard after the
   * other until one answers.
   */
  private Mono<Boolean> someShardAnswers() {
    VirtualTransaction now = transaction;
    Snapshot snapshot = engine.snapshot();
    return now == null || now.joined().isEmpty()
        ? Flux.fromIterable(snapshot.topology().shards())
            .concatMap(shard -> answers(Mono.fromSupplier(() -> snapshot.sql(shard, PING))), 1)
            .any(answers -> answers)
        : Flux.fromIterable(now.joined())
            .concatMap(shard -> answers(Mono.fromSupplier(() -> now.on(snapshot, shard).sql(PING))))
            .all(answers -> answers);
  }

  private static Mono<Boolean> answers(Mono<StatementSpec> ping) {
    // R2DBC's validation tells false, but not the cause.
    return ping.flatMap(statement -> statement.map((row, metadata) -> true).one())
        .onErrorReturn(false);
  }

  @Override
  public Mono<Void> close() {
    return Mono.defer(
        () -> {
          closed = true;
          return ended(VirtualTransaction::rollback);
        });
  }

  private Mono<Void> set(Runnable change) {
    return step(() -> Mono.fromRunnable(change));
  }

  private Mono<Void> step(Supplier<Mono<Void>> work) {
    return Mono.defer(
        () -> {
          checkOpen();
          return work.get();
        });
  }

  /** The definition, completed by this connection's settings. */
  private TransactionDefinition definition(TransactionDefinition wanted) {
    IsolationLevel level = isolation;
    Duration wait = lockWait;
    return new TransactionDefinition() {
      @Override
      public <T> @Nullable T getAttribute(Option<T> option) {
        T said = wanted.getAttribute(option);
        if (said == null && option.equals(ISOLATION_LEVEL) && level != null) {
          return option.cast(level);
        }
        return said == null && option.equals(LOCK_WAIT_TIMEOUT) && !wait.isZero()
            ? option.cast(wait)
            : said;
      }
    };
  }

  /** Accepts MySQL's own levels only: others would go to the server as they are. */
  private static void requireKnown(@Nullable IsolationLevel level) {
    if (level != null && !LEVELS.contains(level)) {
      throw new IllegalArgumentException(
          "isolation level: " + level.asSql() + " (expected: one of MySQL's four)");
    }
  }
}
