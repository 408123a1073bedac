package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.IsolationLevel;
import io.r2dbc.spi.Option;
import io.r2dbc.spi.R2dbcBadGrammarException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.r2dbc.spi.R2dbcTimeoutException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.atomic.TransactionTables.Located;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.ShardTimeoutException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.live.Epoch;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.live.Look;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.r2dbc.statement.Work;
import io.shardflux.r2dbc.transaction.TransactionStart;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Schedulers;

/**
 * A transaction over shards that its holder drives; see {@link RouterTransaction}. Its holder must
 * commit it or roll it back.
 */
@Internal
public final class SpanningTransaction implements RouterTransaction {

  /** Lets work onto a shard, and leaves that at the work's end. */
  @FunctionalInterface
  public interface Entrance {

    <T> Flux<T> on(ShardId shard, Function<ShardServers, Flux<T>> work);
  }

  /** ER_LOCK_DEADLOCK. */
  private static final int DEADLOCK = 1213;

  /** MySQL's state and code of a write in a transaction that only reads. */
  private static final String READ_ONLY_STATE = "25006";

  private static final int READ_ONLY = 1792;

  /** The savepoint before a step over shards; a user's own of the same name would be replaced. */
  private static final String STEP = "shardflux step";

  /**
   * Opens the view of a shard, as the first that reads rows. In another statement than a SELECT it
   * would lock them.
   */
  private static final String LOOK = "SELECT id FROM shardflux_barrier WHERE id = 1";

  private static final Option<Object> SNAPSHOT = Option.valueOf("withConsistentSnapshot");

  private static final Set<IsolationLevel> LEVELS =
      Set.of(
          IsolationLevel.READ_UNCOMMITTED,
          IsolationLevel.READ_COMMITTED,
          IsolationLevel.REPEATABLE_READ,
          IsolationLevel.SERIALIZABLE);

  /** The looks that are held; a transaction of more keys must end in the topology it began in. */
  private static final int MOST_LOOKS = 10_000;

  private static final Duration SHORTEST = Duration.ofMillis(1);

  private final SpanningTransactions home;
  private final TransactionDefinition definition;
  private final Timeouts timeouts;
  private final boolean readOnly;
  private final @Nullable View view;
  private final Admission.Ticket ticket = new Admission.Ticket();
  private final String unique;

  // All guarded by this.
  private TransactionMode mode;
  private final Map<ShardId, Mono<Branch>> joined = new LinkedHashMap<>();
  private final List<String> savepoints = new ArrayList<>();
  private final List<Look> looks = new ArrayList<>();
  private long epoch;
  private boolean manyKeys;
  private @Nullable ShardId plain;
  private @Nullable ShardId writer;
  private Commit.@Nullable Name name;
  private @Nullable Throwable doomed;
  private @Nullable String over;
  private @Nullable Disposable alarm;
  private int running;
  private int asked;
  private @Nullable Object step;
  private Sinks.Empty<Void> left = Sinks.empty();
  private boolean rolledBack;

  private volatile boolean givenUp;

  SpanningTransaction(
      SpanningTransactions home,
      TransactionDefinition definition,
      Timeouts timeouts,
      TransactionMode mode,
      ReadConsistency consistency,
      String unique) {
    boolean snapshot = consistency == ReadConsistency.SNAPSHOT;
    this.home = home;
    this.definition = definition;
    this.timeouts = timeouts;
    // It writes nothing, and has a connection of each shard in any mode.
    this.mode = snapshot ? TransactionMode.SINGLE_WRITER : mode;
    this.readOnly =
        snapshot || Boolean.TRUE.equals(definition.getAttribute(TransactionDefinition.READ_ONLY));
    this.view = snapshot ? new View() : null;
    this.unique = unique;
    IsolationLevel level = level();
    if (level != null && !LEVELS.contains(level)) {
      throw new IllegalArgumentException(
          "isolation level: " + level.asSql() + " (expected: one of SQL's four)");
    }
    if (snapshot && level != null && level != IsolationLevel.REPEATABLE_READ) {
      throw new IllegalArgumentException(
          "isolation level: "
              + level.asSql()
              + ", of a snapshot (expected: REPEATABLE READ, by which it keeps its view, or none)");
    }
    if (definition.getAttribute(SNAPSHOT) != null) {
      throw new IllegalArgumentException(
          "withConsistentSnapshot: set (expected: not in a transaction over shards, each of which"
              + " has its own view; consistency snapshot has one)");
    }
  }

  private @Nullable IsolationLevel level() {
    return definition.getAttribute(TransactionDefinition.ISOLATION_LEVEL);
  }

  /** The mode that it is in. */
  public synchronized TransactionMode mode() {
    return mode;
  }

  /**
   * Goes on in another mode.
   *
   * @throws IllegalArgumentException if a shard has joined in this one
   */
  public void in(TransactionMode wanted) {
    if (view != null) {
      return;
    }
    synchronized (this) {
      if (wanted != mode && !joined.isEmpty()) {
        throw new IllegalArgumentException(
            "transactions: "
                + wanted
                + " (expected: "
                + mode
                + ", in which the transaction on "
                + joined.keySet()
                + " has begun)");
      }
      mode = wanted;
    }
    home.begins(wanted);
  }

  /**
   * The shard whose part is a plain transaction, whatever the mode: the first one that joined; or
   * null.
   */
  public synchronized @Nullable ShardId lead() {
    return plain;
  }

  /** The shards that have joined, or are about to, in the order in which they came. */
  public synchronized List<ShardId> joined() {
    return List.copyOf(joined.keySet());
  }

  /** The shard that was written last, which in mode SINGLE_WRITER is the only one; or null. */
  public synchronized @Nullable ShardId writer() {
    return writer;
  }

  /**
   * Completes when a shard has joined, which it otherwise does with its first statement.
   *
   * @param times the times of the joining
   */
  public Mono<Void> join(ShardId shard, Entrance entrance, Timeouts times) {
    return inside(
            opened()
                .thenMany(
                    Flux.<Void>defer(
                        () -> {
                          Mono<Branch> branch;
                          synchronized (this) {
                            branch = join(shard, entrance, times, false);
                          }
                          return branch.thenMany(Flux.empty());
                        })))
        .then();
  }

  /** Tells whether its rows are of one instant, and it writes nothing. */
  public boolean isSnapshot() {
    return view != null;
  }

  /** The topology in which the view of a snapshot was opened; null if none was. */
  public @Nullable Epoch viewed() {
    return view == null ? null : view.epoch;
  }

  private Mono<Void> opened() {
    return view == null ? Mono.empty() : view.opened;
  }

  /**
   * The view of a snapshot: all shards join, and then their views are opened at one instant. What
   * joins later has none, and is refused.
   */
  private final class View {

    private final Sinks.Empty<Void> over = Sinks.empty();
    private final Mono<Void> opened =
        Mono.firstWithSignal(
                Mono.defer(this::open)
                    .timeout(timeouts.firstRow(), Mono.error(() -> late(timeouts.firstRow()))),
                over.asMono()
                    .then(
                        Mono.error(
                            () ->
                                new CancellationException(
                                    "the snapshot was given up before its views were open"))))
            .doOnError(SpanningTransaction.this::doom)
            .cache();

    // Guarded by the transaction.
    private boolean complete;

    private volatile @Nullable Epoch epoch;

    private final Set<ShardId> there = ConcurrentHashMap.newKeySet();

    private R2dbcException late(Duration time) {
      Epoch begun = epoch;
      List<ShardId> missing =
          begun == null
              ? List.of()
              : begun.servers().keySet().stream().filter(id -> !there.contains(id)).toList();
      return new R2dbcTimeoutException(
          "snapshot: "
              + (missing.isEmpty() ? "" : "no connection of " + missing + ", ")
              + "the shards' views not open within "
              + time.toMillis()
              + " ms (expected: by then; raise timeouts.first-row or the statement's time, or have"
              + " fewer snapshots at once)");
    }

    private Mono<Void> open() {
      // One that waits for its turn has no connection.
      return home.inTurn(timeouts.acquire(), Mono.defer(this::openNow));
    }

    private Mono<Void> openNow() {
      LiveShards live = home.live();
      Epoch begun = live.epoch();
      epoch = begun;
      Collection<ShardServers> shards = begun.servers().values();
      return Flux.fromIterable(shards)
          .flatMap(shard -> part(shard.id()), shards.size())
          .collectList()
          .doOnNext(parts -> completed())
          .flatMap(
              parts ->
                  home.instant(
                      shards,
                      Mono.when(parts.stream().map(part -> part.step(LOOK, timeouts)).toList())))
          .then(Mono.defer(() -> live.follow(timeouts.acquire())))
          .then(Mono.defer(() -> same(begun)));
    }

    /** Rows that are on their way stand on two shards, in the view for good. */
    void refuseMoving(SqlTemplate sql) {
      Epoch seen = Objects.requireNonNull(epoch);
      Set<String> tables = seen.moving().isEmpty() ? Set.of() : sql.naming(seen.moving().keySet());
      if (!tables.isEmpty()) {
        throw new IllegalStateException(
            "TABLE_MOVING: "
                + tables
                + ", whose rows stand on two shards while their keys move, in: "
                + ShardTimeoutException.shortened(sql.text())
                + " (expected: a read by the driver, or a later one)");
      }
    }

    private Mono<Branch> part(ShardId shard) {
      return Mono.defer(
          () -> {
            synchronized (SpanningTransaction.this) {
              return joined(shard, home::enter, timeouts).doOnNext(part -> there.add(shard));
            }
          });
    }

    private void completed() {
      synchronized (SpanningTransaction.this) {
        complete = true;
      }
    }

    /** A shard that came meanwhile may lead transactions that were not held off. */
    private Mono<Void> same(@Nullable Epoch begun) {
      return begun != null && home.live().epoch().isSame(begun)
          ? Mono.empty()
          : Mono.error(changed());
    }

    private TopologyChangedException changed() {
      return TopologyChangedException.of(
          Objects.requireNonNull(plain),
          "a snapshot of another topology (expected: the one in which it began); run it again");
    }

    void end() {
      var unused = over.tryEmitEmpty();
    }
  }

  @Override
  public TransactionTarget on(String table, ShardKey key) {
    LiveShards live = home.live();
    return target(Mono.defer(() -> live.located(table, key, timeouts)), home::enter);
  }

  @Override
  public TransactionTarget on(ShardId shard) {
    Target target = new Target(located(shard), home::enter, false);
    return text -> {
      SqlTemplate sql = home.template(text);
      return named(target, sql).statement(sql, terms());
    };
  }

  /** Where a shard's rows are read by its name, whichever of them are its own. */
  private Work.Target named(Target target, SqlTemplate sql) {
    return view == null
        ? target
        : new Work.Target() {
          @Override
          public <T> Flux<T> run(Work<T> work) {
            return target.run(
                work.doing(
                    (connection, dialect) -> {
                      view.refuseMoving(sql);
                      return work.execution().apply(connection, dialect);
                    }));
          }
        };
  }

  private static Mono<LiveShards.Located> located(ShardId shard) {
    return Mono.just(new LiveShards.Located(shard, null));
  }

  private Work.Terms terms() {
    return Work.Terms.of(timeouts);
  }

  /** A shard that is entered otherwise. */
  public TransactionTarget on(ShardId shard, Entrance entrance) {
    return target(located(shard), entrance);
  }

  /**
   * Where statements that were made for that shard are inside the transaction.
   *
   * @param reads whether they are known to write nothing, whatever their text looks like
   */
  public Work.Target at(ShardId shard, Entrance entrance, boolean reads) {
    return new Target(located(shard), entrance, reads);
  }

  private TransactionTarget target(Mono<LiveShards.Located> where, Entrance entrance) {
    Target target = new Target(where, entrance, false);
    return sql -> target.statement(home.template(sql), terms());
  }

  /** Where statements of the transaction go. */
  private final class Target implements Work.Target {

    private final Mono<LiveShards.Located> where;
    private final Entrance entrance;
    private final boolean reads;

    Target(Mono<LiveShards.Located> where, Entrance entrance, boolean reads) {
      this.where = where;
      this.entrance = entrance;
      this.reads = reads;
    }

    @Override
    public <T> Flux<T> run(Work<T> work) {
      if (view != null && !work.read() && !reads) {
        return Flux.error(ofSnapshot(work));
      }
      return inside(
          where.flatMapMany(
              found ->
                  branch(found.shard(), entrance, work, reads)
                      .flatMapMany(
                          branch ->
                              inView(found.look())
                                  .thenMany(looked(branch.run(work), found.look())))));
    }
  }

  /** A lock would have the newest rows read, not those of the view. */
  private static R2dbcException ofSnapshot(Work<?> work) {
    return new R2dbcBadGrammarException(
        "consistency: snapshot, of what changes or locks (expected: a read)",
        READ_ONLY_STATE,
        READ_ONLY,
        work.text());
  }

  /** A key that was located in another topology than the view's may lie elsewhere in the view. */
  private Mono<Void> inView(@Nullable Look look) {
    return view == null || look == null ? Mono.empty() : Mono.defer(() -> view.same(view.epoch));
  }

  private <T> Flux<T> looked(Flux<T> rows, @Nullable Look look) {
    if (look == null) {
      return rows;
    }
    keep(look);
    return rows.concatWith(look.end(timeouts.acquire()));
  }

  private synchronized void keep(Look look) {
    if (looks.isEmpty()) {
      epoch = home.live().topology().epoch();
    }
    if (looks.size() < MOST_LOOKS) {
      looks.add(look);
    } else {
      manyKeys = true;
    }
  }

  /** The part on the shard of a statement, which may be sent then. */
  private Mono<Branch> branch(ShardId shard, Entrance entrance, Work<?> work, boolean reads) {
    return Mono.defer(
        () -> {
          boolean writes = !readOnly && !reads && writes(work);
          boolean locks = !work.read() || level() == IsolationLevel.SERIALIZABLE;
          Mono<Branch> branch = opened().then(Mono.defer(() -> joinedBy(shard, entrance, writes)));
          return branch.doOnNext(
              there -> {
                if (writes) {
                  there.writes();
                }
                if (locks) {
                  there.locks();
                }
              });
        });
  }

  private synchronized Mono<Branch> joinedBy(ShardId shard, Entrance entrance, boolean writes) {
    return join(shard, entrance, timeouts, writes);
  }

  private boolean writes(Work<?> work) {
    return !work.read() && (work.terms().write() || !home.template(work.text()).locksOnly());
  }

  // Called under the lock.
  private void checkWriter(ShardId shard) {
    if (mode == TransactionMode.SINGLE_WRITER && writer != null && !writer.equals(shard)) {
      throw new R2dbcNonTransientResourceException(
          shard
              + ": a write in a transaction that has written "
              + writer
              + " (expected: writes of one shard; set transactions.mode: atomic to write several)");
    }
  }

  // Called under the lock.
  private Mono<Branch> join(ShardId shard, Entrance entrance, Timeouts times, boolean writes) {
    if (writes) {
      checkWriter(shard);
    }
    Mono<Branch> branch = joined(shard, entrance, times);
    if (writes) {
      writer = shard;
    }
    return branch;
  }

  // Called under the lock.
  private Mono<Branch> joined(ShardId shard, Entrance entrance, Timeouts times) {
    Mono<Branch> known = joined.get(shard);
    if (known != null) {
      return known;
    }
    refuseIfOver();
    if (view != null && view.complete) {
      throw view.changed();
    }
    if (mode == TransactionMode.SINGLE && !joined.isEmpty()) {
      throw new R2dbcNonTransientResourceException(
          shard
              + ": in a transaction on "
              + joined.keySet()
              + " (expected: one shard; set transactions.mode: single-writer to read several, or"
              + " atomic to write several)");
    }
    boolean first = plain == null;
    if (first) {
      plain = shard;
    }
    boolean branches = mode == TransactionMode.ATOMIC && !readOnly && !first;
    Mono<Branch> begun =
        begun(shard, entrance, times, branches).doOnError(error -> notJoined(shard)).cache();
    joined.put(shard, begun);
    return begun;
  }

  /** Forgets the shard, which has nothing of the transaction; others are named by no such lead. */
  private synchronized void notJoined(ShardId shard) {
    joined.remove(shard);
    if (shard.equals(plain)) {
      plain = null;
    }
    if (shard.equals(writer)) {
      writer = null;
    }
  }

  private Mono<Branch> begun(ShardId shard, Entrance entrance, Timeouts times, boolean branches) {
    return Mono.defer(
        () -> {
          long start = System.nanoTime();
          return TransactionStart.first(
              entrance.on(
                  shard,
                  servers ->
                      admitted(
                          servers,
                          times,
                          Flux.defer(
                              () ->
                                  named(servers, branches)
                                      .flatMapMany(
                                          xid -> held(servers, xid.orElse(null), times, start))))));
        });
  }

  /** Only who may have several connections could wait for another one in a circle. */
  private Flux<Branch> admitted(ShardServers servers, Timeouts times, Flux<Branch> use) {
    return mode() == TransactionMode.SINGLE
        ? use
        : home.admission().within(servers, ticket, times.acquire(), use);
  }

  private Flux<Branch> held(ShardServers servers, @Nullable Xid xid, Timeouts times, long start) {
    return servers.hold(
        left(times, start),
        (server, connection) ->
            new Branch(servers, server, connection, home.options(), xid, lockWait() != null)
                .begun(beginning(xid), times));
  }

  private @Nullable Duration lockWait() {
    return definition.getAttribute(TransactionDefinition.LOCK_WAIT_TIMEOUT);
  }

  private static Duration left(Timeouts times, long start) {
    Duration left = times.acquire().minusNanos(System.nanoTime() - start);
    return left.compareTo(SHORTEST) < 0 ? SHORTEST : left;
  }

  /** The name of a branch, by the place of the lead and its own. */
  private Mono<Optional<Xid>> named(ShardServers servers, boolean branches) {
    if (!branches) {
      return Mono.just(Optional.empty());
    }
    Mono<Branch> lead;
    synchronized (this) {
      lead = plain == null ? null : joined.get(plain);
    }
    if (lead == null) {
      return Mono.error(
          new R2dbcRollbackException(
              servers.id()
                  + ": the transaction's first shard did not join (expected: all); run it again"));
    }
    return lead.flatMap(first -> home.tables().located(first.servers()))
        .zipWith(home.tables().located(servers))
        .map(places -> Optional.of(Xid.of(named(places.getT1()), places.getT2().place())));
  }

  private synchronized String named(Located lead) {
    if (name == null) {
      name = new Commit.Name(Xid.transaction(lead.place(), unique), lead.id());
    }
    return name.transaction();
  }

  private String beginning(@Nullable Xid xid) {
    List<String> texts = new ArrayList<>();
    Duration wait = lockWait();
    if (wait != null) {
      texts.add(Branch.KEEP_LOCK_WAIT);
      texts.add("SET innodb_lock_wait_timeout = " + Math.max(1, wait.toSeconds()));
    }
    IsolationLevel level = view == null ? level() : IsolationLevel.REPEATABLE_READ;
    if (level != null) {
      texts.add("SET TRANSACTION ISOLATION LEVEL " + level.asSql());
    }
    texts.add(
        xid != null
            ? "XA START " + xid.sql()
            : readOnly ? "START TRANSACTION READ ONLY" : "START TRANSACTION");
    synchronized (this) {
      savepoints.forEach(name -> texts.add("SAVEPOINT " + quoted(name)));
    }
    return String.join(";", texts);
  }

  @Override
  public Mono<Void> createSavepoint(String name) {
    String text = "SAVEPOINT " + quoted(name);
    return everywhere(
        () -> {
          savepoints.remove(name);
          savepoints.add(name);
        },
        text);
  }

  @Override
  public Mono<Void> releaseSavepoint(String name) {
    String text = "RELEASE SAVEPOINT " + quoted(name);
    return everywhere(() -> cut(name, 0), text);
  }

  @Override
  public Mono<Void> rollbackToSavepoint(String name) {
    String text = "ROLLBACK TO SAVEPOINT " + quoted(name);
    // What ran beside it would be undone on some shards alone.
    return alone(everywhere(() -> cut(name, 1), text, this::undoneInPart).flux()).then();
  }

  /**
   * Runs a step over shards that is done on all or on none: its error undoes it and leaves the
   * transaction open, a cancel leaves nothing but a rollback of all.
   */
  public <T> Mono<T> undoable(Mono<T> step) {
    Mono<T> undone =
        step.onErrorResume(
            error -> rollbackToSavepoint(STEP).onErrorComplete().then(Mono.error(error)));
    Mono<T> undoable =
        createSavepoint(STEP)
            // Some shards may have it, and others an older one.
            .doOnError(this::doom)
            .then(undone)
            .doOnSuccess(done -> forgetStep())
            .doOnCancel(
                () ->
                    doom(new CancellationException("a statement on several shards was cancelled")));
    return alone(undoable.flux()).singleOrEmpty();
  }

  private synchronized void forgetStep() {
    savepoints.remove(STEP);
  }

  /** Some shards may have what others have no more. */
  private Mono<Void> undoneInPart(Mono<Void> steps) {
    return steps
        .doOnError(this::doom)
        .doOnCancel(
            () -> doom(new CancellationException("a rollback to a savepoint was cancelled")));
  }

  private synchronized void doom(Throwable error) {
    if (doomed == null) {
      doomed = error;
    }
  }

  // Called under the lock.
  private void cut(String name, int kept) {
    int at = savepoints.indexOf(name);
    if (at < 0) {
      throw new IllegalArgumentException(
          "savepoint: " + name + " (expected: one of " + savepoints + ")");
    }
    savepoints.subList(at + kept, savepoints.size()).clear();
  }

  /** Has a text run on all shards that have joined; those that join later begin by it. */
  private Mono<Void> everywhere(Runnable noting, String text) {
    return everywhere(noting, text, steps -> steps);
  }

  private Mono<Void> everywhere(Runnable noting, String text, UnaryOperator<Mono<Void>> watching) {
    return inside(
            Mono.defer(
                    () -> {
                      List<Mono<Branch>> all;
                      synchronized (this) {
                        noting.run();
                        all = List.copyOf(joined.values());
                      }
                      return watching.apply(
                          Mono.when(
                              all.stream()
                                  .map(
                                      branch -> branch.flatMap(there -> there.step(text, timeouts)))
                                  .toList()));
                    })
                .flux())
        .then();
  }

  private static String quoted(String name) {
    if (name.isBlank() || name.length() > 64 || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "savepoint: " + name.length() + " characters (expected: from 1 to 64)");
    }
    return "`" + name.replace("`", "``") + "`";
  }

  /**
   * Commits. Once that is decided it goes on even if nobody waits for it; a cancel before rolls
   * back.
   *
   * @return completes when all is committed; errors once all is rolled back, or with {@link
   *     io.shardflux.r2dbc.failure.TransactionInDoubtException}
   */
  public Mono<Void> commit() {
    return commit(false);
  }

  /** The same behind an answer of each shard, so that none needs to be asked once more. */
  public Mono<Void> commitAnswered() {
    return commit(true);
  }

  private Mono<Void> commit(boolean answered) {
    return Mono.defer(
        () -> {
          int others = enter("committed");
          Mono<Void> ending = others == 0 ? ending(answered) : refused(others);
          // Another than the caller ends it if the caller has gone.
          return ending.cache().doOnCancel(() -> givenUp = true);
        });
  }

  private Mono<Void> refused(int others) {
    endView();
    return all()
        .flatMap(branches -> commit(branches).rollBack())
        .then(
            Mono.error(
                () ->
                    new IllegalStateException(
                        "commit: "
                            + others
                            + " statements under way (expected: none, so wait for the end of each);"
                            + " rolled back on "
                            + joinedShards())));
  }

  private Mono<Void> ending(boolean answered) {
    endView();
    return all()
        .flatMap(
            branches -> {
              Commit commit = commit(branches);
              return moved()
                  .then(Mono.defer(this::refusedIfDoomed))
                  .onErrorResume(error -> commit.rollBack().then(Mono.error(error)))
                  .then(Mono.defer(() -> commit.run(answered)))
                  // Whatever is open or prepared still goes on without this router.
                  .doOnError(error -> branches.forEach(Branch::abandon));
            });
  }

  private Mono<Void> refusedIfDoomed() {
    Throwable error = doomed();
    return error == null ? Mono.empty() : Mono.error(undone(error));
  }

  private synchronized @Nullable Throwable doomed() {
    return doomed;
  }

  /** Completes if the keys are where they were. */
  private Mono<Void> moved() {
    List<Look> all;
    synchronized (this) {
      all = List.copyOf(looks);
      if (manyKeys && home.live().topology().epoch() != epoch) {
        return Mono.error(
            TopologyChangedException.of(
                Objects.requireNonNull(plain),
                "a transaction of more than "
                    + MOST_LOOKS
                    + " keys, while keys moved (expected: none, or fewer keys); run it again"));
      }
    }
    return Flux.fromIterable(all).concatMap(look -> look.<Void>end(timeouts.acquire()), 1).then();
  }

  /** Rolls back; completes if that was done already, or a commit is under way. */
  public Mono<Void> rollback() {
    return Mono.defer(
        () -> {
          synchronized (this) {
            if (rolledBack || "committed".equals(over)) {
              return Mono.empty();
            }
            rolledBack = true;
          }
          enter("rolled back");
          endView();
          return all().flatMap(branches -> commit(branches).rollBack()).cache();
        });
  }

  /** The parts that have begun, once none is about to. */
  private Mono<List<Branch>> all() {
    List<Mono<Branch>> all;
    synchronized (this) {
      all = List.copyOf(joined.values());
    }
    return Flux.fromIterable(all).concatMap(Mono::onErrorComplete).collectList();
  }

  private synchronized Commit commit(List<Branch> branches) {
    Branch lead =
        branches.stream().filter(branch -> branch.shard().equals(plain)).findAny().orElse(null);
    return new Commit(home, lead, branches, name, () -> givenUp);
  }

  /** Runs a statement of the transaction, beside others but not beside a step of others. */
  private <T> Flux<T> inside(Flux<T> statement) {
    return Flux.deferContextual(
        context ->
            Flux.usingWhen(
                room(context.getOrDefault(Step.class, null), false),
                it -> statement.onErrorMap(this::noted),
                it -> Mono.fromRunnable(this::leave),
                (it, error) -> Mono.fromRunnable(this::leave),
                it -> Mono.fromRunnable(this::leave)));
  }

  /** Marks the statements of a step. */
  private static final class Step {}

  /** Runs a step, beside which no other statement of the transaction runs. */
  private <T> Flux<T> alone(Flux<T> statements) {
    return Flux.deferContextual(
        context -> {
          Step outer = context.getOrDefault(Step.class, null);
          if (outer != null) {
            return statements;
          }
          Step mine = new Step();
          return Flux.usingWhen(
                  room(mine, true),
                  it -> statements.onErrorMap(this::noted),
                  it -> Mono.fromRunnable(this::leaveStep),
                  (it, error) -> Mono.fromRunnable(this::leaveStep),
                  it -> Mono.fromRunnable(this::leaveStep))
              .contextWrite(inner -> inner.put(Step.class, mine));
        });
  }

  /** Lets a statement in once it may run. */
  private Mono<SpanningTransaction> room(@Nullable Step mine, boolean alone) {
    return Mono.defer(() -> roomNow(mine, alone))
        .repeatWhenEmpty(tries -> tries.concatMap(tried -> somebodyLeft(mine, alone), 1))
        .timeout(
            timeouts.acquire(),
            Mono.error(
                () ->
                    new IllegalStateException(
                        "transaction on "
                            + joinedShards()
                            + ": other statements under way (expected: none beside a write on"
                            + " several shards or a rollback to a savepoint)")));
  }

  private synchronized Mono<SpanningTransaction> roomNow(@Nullable Step mine, boolean alone) {
    if (!isFree(mine, alone)) {
      return Mono.empty();
    }
    enter(null);
    if (alone) {
      step = mine;
    }
    return Mono.just(this);
  }

  // Called under the lock.
  private boolean isFree(@Nullable Step mine, boolean alone) {
    return alone ? running == 0 && step == null : step == null || step == mine;
  }

  private synchronized Mono<Boolean> somebodyLeft(@Nullable Step mine, boolean alone) {
    return isFree(mine, alone) ? Mono.just(true) : left.asMono().thenReturn(true);
  }

  private void leaveStep() {
    synchronized (this) {
      step = null;
    }
    leave();
  }

  /** Counts what will be a statement of the transaction, so that no commit overtakes it. */
  public <T> Mono<T> counted(Mono<T> statement) {
    return Mono.using(
        () -> {
          synchronized (this) {
            refuseIfOver();
            asked++;
          }
          return this;
        },
        it -> statement,
        it -> {
          synchronized (this) {
            asked--;
          }
        });
  }

  private Throwable noted(Throwable error) {
    if ((error instanceof R2dbcException said && said.getErrorCode() == DEADLOCK)
        || error instanceof R2dbcRollbackException
        || ShardErrors.lost(error)
        || error instanceof TopologyChangedException) {
      doom(error);
    }
    return error;
  }

  private R2dbcException undone(Throwable error) {
    return new R2dbcRollbackException(
        "transaction on "
            + joinedShards()
            + ": rolled back, as "
            + error.getMessage()
            + " (expected: one that is open); run it again",
        null,
        0,
        error);
  }

  private synchronized Set<ShardId> joinedShards() {
    return Set.copyOf(joined.keySet());
  }

  /**
   * Lets a statement in, which must {@link #leave}; the last one says how the transaction ends.
   * Gives the number of those inside.
   */
  private synchronized int enter(@Nullable String outcome) {
    refuseIfOver();
    if (outcome == null && doomed != null) {
      throw undone(doomed);
    }
    over = outcome;
    if (alarm != null) {
      alarm.dispose();
    }
    return Math.max(asked, running++);
  }

  // Called under the lock.
  private void refuseIfOver() {
    if (over != null) {
      throw new IllegalStateException(
          "transaction on " + joined.keySet() + ": " + over + " (expected: one that is open)");
    }
  }

  private void leave() {
    Sinks.Empty<Void> waiting;
    synchronized (this) {
      waiting = left;
      left = Sinks.empty();
      left();
    }
    waiting.tryEmitEmpty();
  }

  // Called under the lock.
  private void left() {
    running--;
    if (running == 0 && over == null && !joined.isEmpty()) {
      alarm =
          Schedulers.parallel()
              .schedule(this::expire, timeouts.total().toMillis(), TimeUnit.MILLISECONDS);
    }
  }

  private void expire() {
    synchronized (this) {
      if (running > 0 || over != null) {
        return;
      }
      over = "rolled back, as nobody used it for " + timeouts.total().toMillis() + " ms";
      rolledBack = true;
    }
    endView();
    all().flatMap(branches -> commit(branches).rollBack()).subscribe(null, error -> {});
  }

  private void endView() {
    if (view != null) {
      view.end();
    }
  }
}
