package io.shardflux.driver.transaction;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A transaction of a connection. It is nothing until its first statement names a shard, and from
 * then on a transaction on that shard.
 */
@Internal
public final class VirtualTransaction {

  private final TransactionDefinition definition;

  // Guarded by this.
  private final List<String> savepoints = new ArrayList<>();
  private final Set<String> seen = new HashSet<>();
  private @Nullable ShardId shard;
  private @Nullable Mono<ShardTransaction> begun;
  private @Nullable Snapshot watching;
  private @Nullable Snapshot first;

  public VirtualTransaction(TransactionDefinition definition) {
    this.definition = definition;
  }

  public boolean readOnly() {
    return Boolean.TRUE.equals(definition.getAttribute(TransactionDefinition.READ_ONLY));
  }

  /**
   * Tells whether any shard may be read, because each of the transaction's reads has a view of its
   * own: it only reads, and asks for no more isolation than that.
   */
  public boolean readsAnywhere() {
    IsolationLevel level = isolationLevel();
    return readOnly()
        && (level == null
            || level.equals(IsolationLevel.READ_COMMITTED)
            || level.equals(IsolationLevel.READ_UNCOMMITTED));
  }

  /** The isolation level that its definition has, or null. */
  @Nullable
  public IsolationLevel isolationLevel() {
    return definition.getAttribute(TransactionDefinition.ISOLATION_LEVEL);
  }

  /** The transaction's shard, or null. */
  public synchronized @Nullable ShardId shard() {
    return shard;
  }

  /**
   * The transaction on that shard; errors if it is on another one.
   *
   * @param snapshot the snapshot of the statement that asks, which may be the transaction's first
   */
  public synchronized Mono<ShardTransaction> on(Snapshot snapshot, ShardId wanted, String sql) {
    if (begun == null) {
      shard = wanted;
      first = snapshot;
      begun =
          snapshot
              .begin(wanted, definition)
              .flatMap(this::withSavepoints)
              .doOnError(this::forget)
              .cache();
    }
    return wanted.equals(shard) && begun != null
        ? begun
        : Mono.error(Refusals.elsewhere(wanted, shard == null ? wanted : shard, sql));
  }

  /**
   * The error of a statement of some tables where keys of them have come to the shard, or left it,
   * since the transaction began: it may not see the rows of the former, because its view is older.
   * Null otherwise.
   */
  public synchronized @Nullable Throwable overtaken(Snapshot now, Set<String> tables) {
    return first == null || shard == null ? null : now.movedSince(first, tables, shard);
  }

  /** Notes a snapshot by which it uses keys that are on their way; the first one's places count. */
  public synchronized void moving(Snapshot snapshot) {
    Snapshot known = watching;
    watching = known == null ? snapshot : known.watchingToo(snapshot);
  }

  /** The tables of these that were not looked at in the transaction. */
  public synchronized Set<String> unseen(Set<String> tables) {
    return tables.stream().filter(table -> !seen.contains(table)).collect(Collectors.toSet());
  }

  /**
   * Notes that these tables were looked at in the transaction, which keeps them as they are until
   * its end.
   */
  public synchronized void seen(Set<String> tables) {
    seen.addAll(tables);
  }

  private Mono<ShardTransaction> withSavepoints(ShardTransaction transaction) {
    return Flux.fromIterable(names())
        .concatMap(transaction::createSavepoint)
        .then(Mono.just(transaction))
        // Nobody knows of the transaction yet, so it would keep its connection. The first error is
        // told.
        .onErrorResume(error -> transaction.rollback().onErrorComplete().then(Mono.error(error)));
  }

  private synchronized List<String> names() {
    return List.copyOf(savepoints);
  }

  private synchronized void forget(Throwable error) {
    seen.clear();
    begun = null;
    shard = null;
    watching = null;
    first = null;
  }

  public Mono<Void> createSavepoint(String name) {
    return savepoint(
        transaction -> transaction.createSavepoint(name),
        () -> {
          savepoints.remove(name);
          savepoints.add(name);
        });
  }

  public Mono<Void> releaseSavepoint(String name) {
    return savepoint(
        transaction -> transaction.releaseSavepoint(name),
        () -> cut(name, savepoints.indexOf(name)));
  }

  public Mono<Void> rollbackToSavepoint(String name) {
    return savepoint(
        transaction -> transaction.rollbackToSavepoint(name),
        () -> cut(name, savepoints.indexOf(name) + 1));
  }

  public Mono<Void> commit() {
    return Mono.defer(() -> end(this::commit));
  }

  /** Commits, unless keys that it used have left the shard. */
  private Mono<Void> commit(ShardTransaction transaction) {
    Snapshot watched = watching();
    return watched == null
        ? transaction.commit()
        : watched
            .<Void>unmoved(transaction.shard())
            // The keys that have left are told; a connection that can't roll back is closed.
            .onErrorResume(gone -> transaction.rollback().onErrorComplete().then(Mono.error(gone)))
            .then(Mono.defer(transaction::commit));
  }

  private synchronized @Nullable Snapshot watching() {
    return watching;
  }

  public Mono<Void> rollback() {
    return Mono.defer(() -> end(ShardTransaction::rollback));
  }

  private synchronized Mono<Void> end(Function<ShardTransaction, Mono<Void>> ending) {
    return begun == null ? Mono.empty() : begun.flatMap(ending);
  }

  /**
   * Changes the shard's savepoints if there is a shard, otherwise the list of those to set there.
   */
  private Mono<Void> savepoint(Function<ShardTransaction, Mono<Void>> there, Runnable here) {
    return Mono.defer(
        () -> {
          synchronized (this) {
            if (begun != null) {
              // The work since a savepoint may be undone, and its tables may be let go.
              seen.clear();
              return begun.flatMap(there);
            }
            here.run();
            return Mono.empty();
          }
        });
  }

  // Called under the lock.
  private void cut(String name, int from) {
    if (!savepoints.contains(name)) {
      throw new IllegalArgumentException(
          "savepoint: " + name + " (expected: one of " + savepoints + ")");
    }
    savepoints.subList(from, savepoints.size()).clear();
  }
}
