package io.shardflux.driver;

import io.r2dbc.spi.Batch;
import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionMetadata;
import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.Statement;
import io.r2dbc.spi.TransactionDefinition;
import io.r2dbc.spi.ValidationDepth;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A connection to all shards, which holds none of them: each statement takes its shards'
 * connections and gives them back, save in a transaction, which has one of its shard's.
 */
final class VirtualConnection implements Connection {

  private static final TransactionDefinition NOTHING_SAID =
      new TransactionDefinition() {
        @Override
        public <T> @Nullable T getAttribute(Option<T> option) {
          return null;
        }
      };

  private final SqlEngine engine;
  private final ConnectionMetadata metadata;

  // A connection's calls come one after the other, though from many threads.
  private volatile @Nullable VirtualTransaction transaction;
  private volatile boolean autoCommit = true;
  private volatile boolean closed;
  private volatile @Nullable IsolationLevel isolation;
  private volatile Duration lockWait = Duration.ZERO;
  private volatile Duration statementTime = Duration.ZERO;

  VirtualConnection(SqlEngine engine, ConnectionMetadata metadata) {
    this.engine = engine;
    this.metadata = metadata;
  }

  SqlEngine engine() {
    return engine;
  }

  /** The transaction that a statement is in, or null. */
  @Nullable VirtualTransaction transaction() {
    if (transaction == null && !autoCommit) {
      transaction = new VirtualTransaction(engine.router(), definition(NOTHING_SAID));
    }
    return transaction;
  }

  /** How long a statement may take, zero for what the router says. */
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
    return step(
        () -> {
          if (transaction == null) {
            transaction = new VirtualTransaction(engine.router(), definition(wanted));
          }
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
    VirtualTransaction last = transaction;
    transaction = null;
    return last == null ? Mono.empty() : ending.apply(last);
  }

  @Override
  public Mono<Void> createSavepoint(String name) {
    require(name, "savepoint");
    return step(
        () -> {
          VirtualTransaction now = transaction;
          if (now == null) {
            now = new VirtualTransaction(engine.router(), definition(NOTHING_SAID));
            transaction = now;
          }
          return now.createSavepoint(name);
        });
  }

  @Override
  public Mono<Void> releaseSavepoint(String name) {
    require(name, "savepoint");
    return inTransaction(name, now -> now.releaseSavepoint(name));
  }

  @Override
  public Mono<Void> rollbackTransactionToSavepoint(String name) {
    require(name, "savepoint");
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
    IsolationLevel level = isolation;
    return level == null ? IsolationLevel.REPEATABLE_READ : level;
  }

  @Override
  public Mono<Void> setTransactionIsolationLevel(IsolationLevel level) {
    require(level, "isolation level");
    return step(
        () -> {
          isolation = level;
          return Mono.empty();
        });
  }

  @Override
  public Mono<Void> setLockWaitTimeout(Duration time) {
    require(time, "lock wait timeout");
    return step(
        () -> {
          lockWait = time;
          return Mono.empty();
        });
  }

  @Override
  public Mono<Void> setStatementTimeout(Duration time) {
    require(time, "statement timeout");
    return step(
        () -> {
          statementTime = time;
          return Mono.empty();
        });
  }

  @Override
  public Statement createStatement(String sql) {
    require(sql, "sql");
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
    require(depth, "depth");
    return Mono.defer(
        () -> {
          if (closed) {
            return Mono.just(false);
          }
          return depth == ValidationDepth.LOCAL ? Mono.just(true) : someShardAnswers();
        });
  }

  private Mono<Boolean> someShardAnswers() {
    VirtualTransaction now = transaction;
    ShardId shard = now == null ? null : now.shard();
    return (shard == null
            ? Flux.fromIterable(engine.router().topology().shards())
            : Flux.just(shard))
        .concatMap(this::answers, 1)
        .filter(answers -> answers)
        .next()
        .defaultIfEmpty(false);
  }

  private Mono<Boolean> answers(ShardId shard) {
    return engine
        .router()
        .on(shard)
        .sql("SELECT 1")
        .map((row, metadata) -> true)
        .one()
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

  private Mono<Void> step(Supplier<Mono<Void>> work) {
    return Mono.defer(
        () -> {
          checkOpen();
          return work.get();
        });
  }

  /** That definition, and of this connection what it doesn't say. */
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

  static void require(@Nullable Object value, String name) {
    if (value == null) {
      throw new IllegalArgumentException(name + ": null (expected: a value)");
    }
  }
}
