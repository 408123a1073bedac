package io.shardflux.r2dbc.transaction;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.Result;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.live.Look;
import io.shardflux.r2dbc.server.ServerPool;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.shard.Attempt;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/** A transaction on a connection that it holds. */
final class DefaultShardTransaction implements ShardTransaction, Work.Target {

  private static final String COMMITTED = "committed";

  private final ServerPool server;
  private final Connection connection;
  private final Connection lent;
  private final RouterOptions options;
  private final Timeouts timeouts;
  private final Function<String, SqlTemplate> templates;
  private final @Nullable Look look;
  private final Sinks.Empty<Void> released = Sinks.empty();
  private final Turns turns;

  // Guarded by this.
  private int running;
  private @Nullable String over;
  private boolean rolledBack;
  private @Nullable Disposable alarm;

  /**
   * A transaction that must begin.
   *
   * @param look is asked before it is committed, or null if its key stays
   */
  DefaultShardTransaction(
      ServerPool server,
      Connection connection,
      RouterOptions options,
      Timeouts timeouts,
      Function<String, SqlTemplate> templates,
      @Nullable Look look) {
    this.server = server;
    this.connection = connection;
    this.lent = server.forUser(connection, templates);
    this.options = options;
    this.timeouts = timeouts;
    this.templates = templates;
    this.look = look;
    this.turns = new Turns(server, connection, this::leave, this::noted);
  }

  @Override
  public ShardId shard() {
    return server.server().shard();
  }

  @Override
  public StatementSpec sql(String sql) {
    return statement(templates.apply(sql), Work.Terms.of(timeouts));
  }

  @Override
  public StatementSpec sql(StatementSpec statement) {
    return moved(statement);
  }

  @Override
  public Mono<Void> createSavepoint(String name) {
    return step("SAVEPOINT", held -> held.createSavepoint(name));
  }

  @Override
  public Mono<Void> releaseSavepoint(String name) {
    return step("RELEASE SAVEPOINT", held -> held.releaseSavepoint(name));
  }

  @Override
  public Mono<Void> rollbackToSavepoint(String name) {
    return step("ROLLBACK TO SAVEPOINT", held -> held.rollbackTransactionToSavepoint(name));
  }

  @Override
  public Mono<Void> commit() {
    Mono<Void> commit = end("COMMIT", Connection::commitTransaction, COMMITTED);
    return look == null
        ? commit
        : look.<Void>end(timeouts.acquire())
            .onErrorResume(gone -> undone().then(Mono.error(gone)))
            .then(commit);
  }

  /** Rolls back by itself; the holder may do so once more. */
  private Mono<Void> undone() {
    return rollback()
        .onErrorComplete()
        .doOnTerminate(
            () -> {
              synchronized (this) {
                rolledBack = true;
              }
            });
  }

  @Override
  public Mono<Void> rollback() {
    return Mono.defer(
        () ->
            rolledBack()
                ? Mono.empty()
                : end("ROLLBACK", Connection::rollbackTransaction, "rolled back")
                    .onErrorResume(ShardErrors::lost, lost -> Mono.empty()));
  }

  /** Begins it, tells of it, and completes when it is over, until when it has its connection. */
  Flux<ShardTransaction> begun(TransactionDefinition definition) {
    return Flux.concat(
        step("BEGIN", held -> held.beginTransaction(definition)).thenReturn(this),
        released.asMono().then(Mono.empty()));
  }

  /** Tells of its connection in no transaction, and completes when that was given back. */
  Flux<HeldConnection> held() {
    server.borrow(connection);
    return Flux.concat(Mono.just(new Held()), released.asMono().then(Mono.empty()));
  }

  private final class Held implements HeldConnection {

    @Override
    public <T> Flux<T> run(
        String sql,
        String told,
        Timeouts times,
        Function<Result, ? extends Publisher<T>> consumer) {
      return DefaultShardTransaction.this.run(
          new Work<T>(
              told,
              false,
              Set.of(),
              Work.Terms.of(times),
              (mine, dialect) ->
                  Flux.from(mine.createStatement(sql).execute()).concatMap(consumer)));
    }

    @Override
    public Object identity() {
      return connection;
    }

    @Override
    public StatementSpec sql(StatementSpec statement) {
      return moved(statement);
    }

    @Override
    public Mono<Void> giveBack() {
      return end(
          "RELEASE", mine -> Mono.fromRunnable(() -> server.restored(connection)), "given back");
    }

    @Override
    public Mono<Void> close() {
      return end("CLOSE", mine -> Mono.empty(), "closed");
    }
  }

  private Mono<Void> end(
      String text, Function<Connection, Publisher<Void>> ending, String outcome) {
    return Mono.defer(
        () -> {
          enter(outcome);
          return attempt(work(text, options.timeouts(), ending))
              .then()
              .doOnSuccess(done -> release())
              .doOnError(this::release)
              .doOnCancel(() -> release(new CancellationException(outcome + ", cancelled")));
        });
  }

  private Mono<Void> step(String text, Function<Connection, Publisher<Void>> step) {
    return run(work(text, timeouts, step)).then();
  }

  private Work<Void> work(
      String text, Timeouts limits, Function<Connection, Publisher<Void>> step) {
    return new Work<>(
        text, false, Set.of(), Work.Terms.of(limits), (held, dialect) -> step.apply(lent));
  }

  @Override
  public <T> Flux<T> run(Work<T> work) {
    return Flux.defer(
        () -> {
          enter(null);
          Flux<T> rows = attempt(work.alone());
          return look == null ? rows : rows.concatWith(look.end(timeouts.acquire()));
        });
  }

  private <T> Flux<T> attempt(Work<T> work) {
    return new Attempt<>(server, turns, work, work.terms().timeouts(), options).rows();
  }

  /** A lost connection has it rolled back, unless it was being committed. */
  private Throwable noted(Throwable error) {
    if (!ShardErrors.lost(ShardErrors.named(shard(), error))) {
      return error;
    }
    synchronized (this) {
      if (COMMITTED.equals(over)) {
        return error;
      }
      over = "rolled back, as its connection was lost";
      rolledBack = true;
    }
    release(new CancellationException("lost"));
    return ShardErrors.lostInTransaction(shard(), error);
  }

  private synchronized boolean rolledBack() {
    return rolledBack;
  }

  /** Lets a statement in, which must {@link #leave}; the last one says how the transaction ends. */
  private synchronized void enter(@Nullable String outcome) {
    if (over != null) {
      throw new IllegalStateException(
          "transaction on " + shard() + ": " + over + " (expected: one that is open)");
    }
    over = outcome;
    running++;
    if (alarm != null) {
      alarm.dispose();
    }
  }

  private synchronized void leave() {
    running--;
    if (running == 0 && over == null) {
      watch();
    }
  }

  // Called under the lock.
  private void watch() {
    Duration idle = timeouts.total();
    alarm = Schedulers.parallel().schedule(this::expire, idle.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void expire() {
    synchronized (this) {
      if (running > 0 || over != null) {
        return;
      }
      over = "rolled back, as nobody used it for " + timeouts.total().toMillis() + " ms";
      rolledBack = true;
    }
    release(new CancellationException("idle"));
  }

  private void release() {
    var unused = released.tryEmitEmpty();
  }

  /** Takes the connection back, which rolls back. */
  private void release(Throwable error) {
    var unused = released.tryEmitError(error);
  }
}
