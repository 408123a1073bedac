package io.shardflux.driver.transaction;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.driver.failure.Refusals;
import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A transaction of a connection, which each shard joins with its first statement there. */
@Internal
public final class VirtualTransaction {

  private final TransactionDefinition definition;
  private final SpanningTransaction shards;

  /** Whether one of its statements has temporary tables; those of another have the same names. */
  private final AtomicBoolean tables = new AtomicBoolean();

  // Guarded by this.
  private final Map<ShardId, Set<String>> seen = new HashMap<>();
  private final Map<ShardId, Snapshot> first = new HashMap<>();
  private @Nullable Snapshot watching;

  /**
   * A transaction that no shard has joined.
   *
   * @param shards the same over the router's shards
   */
  public VirtualTransaction(TransactionDefinition definition, SpanningTransaction shards) {
    this.definition = definition;
    this.shards = shards;
  }

  /** Tells whether all its shards' rows are of one instant. */
  public boolean isSnapshot() {
    return shards.isSnapshot();
  }

  public boolean readOnly() {
    return isSnapshot()
        || Boolean.TRUE.equals(definition.getAttribute(TransactionDefinition.READ_ONLY));
  }

  /**
   * Tells whether each of its reads has a view of its own, so that it needs no transaction: it only
   * reads, and asks for no more isolation than that.
   */
  public boolean readsAnywhere() {
    IsolationLevel level = isolationLevel();
    return readOnly()
        && !isSnapshot()
        && (level == null
            || level.equals(IsolationLevel.READ_COMMITTED)
            || level.equals(IsolationLevel.READ_UNCOMMITTED));
  }

  /** Tells whether its reads may be of several shards. */
  public boolean readsSeveral() {
    return readsAnywhere() || shards.mode() != TransactionMode.SINGLE;
  }

  /**
   * Tells whether a shard's part may have temporary tables: it is a plain transaction, which may
   * write.
   */
  public boolean takesTables(ShardId shard) {
    return !readOnly() && (shards.mode() != TransactionMode.ATOMIC || shard.equals(shards.lead()));
  }

  /** Tells whether a statement may have temporary tables now, which it must {@link #endTables}. */
  public boolean beginTables() {
    return tables.compareAndSet(false, true);
  }

  public void endTables() {
    tables.set(false);
  }

  /** The isolation level that its definition has, or null. */
  @Nullable
  public IsolationLevel isolationLevel() {
    return definition.getAttribute(TransactionDefinition.ISOLATION_LEVEL);
  }

  /**
   * Goes on in another mode.
   *
   * @throws IllegalArgumentException if a shard has joined in this one
   */
  public void in(TransactionMode mode) {
    shards.in(mode);
  }

  /** The shards that have joined, in the order in which they came. */
  public List<ShardId> joined() {
    return shards.joined();
  }

  /** The shard that is the only one to have joined, or null. */
  public @Nullable ShardId onlyShard() {
    List<ShardId> joined = joined();
    return joined.size() == 1 ? joined.get(0) : null;
  }

  /** The shard for a statement that any of some shards could answer, or null. */
  public @Nullable ShardId anyOf(Collection<ShardId> having) {
    return joined().stream().filter(having::contains).findFirst().orElse(null);
  }

  /** The error of a statement for shards that the transaction's mode does not permit, or null. */
  public @Nullable R2dbcException refusal(List<ShardId> wanted, boolean writes, String sql) {
    return switch (shards.mode()) {
      case SINGLE -> ofSingle(wanted, sql);
      case SINGLE_WRITER -> writes ? ofSingleWriter(wanted, sql) : null;
      case ATOMIC, BEST_EFFORT -> null;
    };
  }

  private @Nullable R2dbcException ofSingle(List<ShardId> wanted, String sql) {
    List<ShardId> joined = joined();
    if (!joined.isEmpty()) {
      return joined.containsAll(wanted) ? null : Refusals.elsewhere(wanted, joined.get(0), sql);
    }
    return wanted.size() == 1 ? null : Refusals.severalInTransaction(wanted, sql);
  }

  private @Nullable R2dbcException ofSingleWriter(List<ShardId> wanted, String sql) {
    ShardId writer = shards.writer();
    if (writer != null && !wanted.equals(List.of(writer))) {
      return Refusals.secondWriter(wanted, writer, sql);
    }
    return wanted.size() == 1 ? null : Refusals.severalWritten(wanted, sql);
  }

  /**
   * A shard inside the transaction.
   *
   * @param snapshot the snapshot of the statement that asks, with which the shard may join
   */
  public ShardPart on(Snapshot snapshot, ShardId shard) {
    boolean joined = joined().contains(shard);
    synchronized (this) {
      if (joined) {
        first.putIfAbsent(shard, snapshot);
      } else {
        seen.remove(shard);
        first.put(shard, snapshot);
      }
    }
    return snapshot.in(shards, shard);
  }

  /**
   * The error of a statement of some tables where keys of them have come to a shard of the
   * transaction, or left it, since that joined: the statement may not see the rows of the former,
   * because the shard's view is older. Null otherwise.
   */
  public @Nullable Throwable overtaken(Snapshot now, Set<String> tables) {
    if (isSnapshot()) {
      return now.outOfView(shards, tables);
    }
    for (ShardId shard : joined()) {
      Snapshot then = first(shard);
      Throwable moved = then == null ? null : now.movedSince(then, tables, shard);
      if (moved != null) {
        return moved;
      }
    }
    return null;
  }

  private synchronized @Nullable Snapshot first(ShardId shard) {
    return first.get(shard);
  }

  /** Notes a snapshot by which it uses keys that are on their way; the first one's places count. */
  public synchronized void moving(Snapshot snapshot) {
    Snapshot known = watching;
    watching = known == null ? snapshot : known.watchingToo(snapshot);
  }

  /** The tables of these that were not looked at on the shard in the transaction. */
  public synchronized Set<String> unseen(ShardId shard, Set<String> tables) {
    Set<String> known = seen.getOrDefault(shard, Set.of());
    return tables.stream().filter(table -> !known.contains(table)).collect(Collectors.toSet());
  }

  /**
   * Notes that these tables were looked at on the shard in the transaction, which keeps them as
   * they are until its end.
   */
  public synchronized void seen(ShardId shard, Set<String> tables) {
    seen.computeIfAbsent(shard, known -> new HashSet<>()).addAll(tables);
  }

  /** Counts what will be a statement of the transaction, so that no commit overtakes it. */
  public <T> Mono<T> counted(Mono<T> statement) {
    return shards.counted(statement);
  }

  /** Runs a write on several shards, which is done on all or on none. */
  public <T> Mono<T> undoable(Mono<T> step) {
    return shards.undoable(step).doOnError(error -> forgetTables());
  }

  public Mono<Void> createSavepoint(String name) {
    return shards.createSavepoint(name);
  }

  public Mono<Void> releaseSavepoint(String name) {
    return shards.releaseSavepoint(name);
  }

  public Mono<Void> rollbackToSavepoint(String name) {
    return shards.rollbackToSavepoint(name).doFirst(this::forgetTables);
  }

  /** The work since a savepoint is undone, and its tables may be let go. */
  private synchronized void forgetTables() {
    seen.clear();
  }

  /** Commits, unless keys that it used have left their shard. */
  public Mono<Void> commit() {
    return Mono.defer(
        () -> {
          Snapshot watched = watching();
          return watched == null ? shards.commit() : commit(watched);
        });
  }

  private Mono<Void> commit(Snapshot watched) {
    return Flux.fromIterable(joined())
        .concatMap(watched::<Void>unmoved, 1)
        .then()
        // The keys that have left are told; a connection that can't roll back is closed.
        .onErrorResume(gone -> rollback().onErrorComplete().then(Mono.error(gone)))
        .doOnCancel(() -> rollback().subscribe(null, error -> {}))
        .then(Mono.defer(shards::commit));
  }

  private synchronized @Nullable Snapshot watching() {
    return watching;
  }

  public Mono<Void> rollback() {
    return shards.rollback();
  }
}
