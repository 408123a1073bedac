package io.shardflux.r2dbc.ids;

import io.shardflux.r2dbc.config.IdSource;
import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.r2dbc.failure.PoolClosingException;
import io.shardflux.r2dbc.settings.PoolOptions;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.Disposable;
import reactor.core.Disposables;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Ids for rows of sharded tables: 64-bit numbers that no two processes give twice, and that rise
 * with time. They are TSIDs: milliseconds since 2020, 10 bits of a node, and a number of 12 bits
 * within the millisecond; positive until the year 2089.
 *
 * <p>The node is leased from a table of a MySQL-compatible server, so that at most 1,024 processes
 * give ids at the same time. An id costs no statement: the first id leases the node, and the lease
 * is renewed in the background, at each third of its time. The table says how far a node's ids may
 * have gone, and the next process that takes the node begins behind that.
 *
 * <p>It refuses rather than repeats an id, with {@link IdsRefusedException}. It does so where all
 * nodes are taken, where the clock was set back by more than 10 ms, and where the clock is more
 * than 1 s behind what the free nodes were used for. If the lease could not be renewed before its
 * end, ids are refused with the server's own error until the server answers again. Ids of one
 * process rise from each to the next. Ids of different processes are in order only as far as their
 * clocks agree.
 *
 * <p>A node gives 4,096 ids in a millisecond. A caller that asks for more waits, with ids at most
 * 10 ms ahead of the clock.
 *
 * <p>Thread-safe and non-blocking; nothing happens before a subscription. Every statement is held
 * to {@link Timeouts}. Must be {@linkplain #close() closed}, which gives the node back.
 */
public final class ShardIds {

  /** The default name of the table. */
  public static final String DEFAULT_TABLE = IdSource.DEFAULT_TABLE;

  /** The default time for which a node is leased: 30 s. */
  public static final Duration DEFAULT_LEASE = IdSource.DEFAULT_LEASE;

  private static final Logger log = LoggerFactory.getLogger(ShardIds.class);
  private static final Duration TICK = Duration.ofMillis(1);
  private static final long MAX_BEHIND_MILLIS = 1_000;

  /** Leases nodes. All milliseconds are those of {@link Instant#toEpochMilli()}. */
  interface Nodes {

    /** Makes the table with all nodes, if it is not there. */
    Mono<Void> create();

    /**
     * Takes a free node that has no ids from {@code millis} on, for use until {@code usedUntil}.
     */
    Mono<Integer> take(String holder, long millis, long usedUntil);

    /**
     * Tells whether the node is still the holder's; if so, the holder has it from now on for a
     * lease's time.
     */
    Mono<Boolean> renew(int node, String holder, long usedUntil);

    /** Frees the node, if it is still the holder's. */
    Mono<Void> giveBack(int node, String holder, long lastUsed);

    Mono<Void> close();
  }

  private final Nodes nodes;
  private final ShardId server;
  private final Duration lease;
  private final Duration patience;
  private final boolean createsTable;
  private final InstantSource clock;
  private final LongSupplier nanoTime;
  // Made here, as its randomness may come from a file, which an event loop must not read.
  private final String name = UUID.randomUUID().toString();
  private final AtomicLong attempts = new AtomicLong();
  private final AtomicLong latestMillis = new AtomicLong();
  private final AtomicReference<@Nullable Mono<NodeLease>> underWay = new AtomicReference<>();
  private final Disposable.Swap renewal = Disposables.swap();
  private final Mono<Void> closing = Mono.defer(this::closeOnce).cache();
  private volatile @Nullable NodeLease held;
  private volatile boolean closed;
  private volatile boolean failing;
  // Of the nodes before this one.
  private volatile long lastUsed;

  ShardIds(
      Nodes nodes,
      ShardId server,
      Duration lease,
      Duration patience,
      boolean createsTable,
      InstantSource clock,
      LongSupplier nanoTime) {
    this.nodes = nodes;
    this.server = server;
    this.lease = lease;
    this.patience = patience;
    this.createsTable = createsTable;
    this.clock = clock;
    this.nanoTime = nanoTime;
  }

  /**
   * {@return ids with the {@linkplain #DEFAULT_TABLE default table}, lease and times; see {@link
   * #of(Shard, String, Duration, Timeouts)}}
   *
   * @param server the server of the table; its id is only its name in messages
   */
  public static ShardIds of(Shard server) {
    return of(server, DEFAULT_TABLE, DEFAULT_LEASE, Timeouts.defaults());
  }

  /**
   * {@return ids with the given table, lease and times; connects to nothing}
   *
   * @param server the server of the table; its id is only its name in messages, so that it need not
   *     be one of a router's shards. Without pool bounds of its own it has at most 2 connections
   * @param table 1 to 64 letters, digits or {@code _}, in the database of the server's URL. Ids of
   *     another table may be the same ones
   * @param lease the time for which a node is leased, from 1 s to 1 h: how long ids go on without
   *     the server, and how long a node stays taken after its process died
   * @param timeouts how long a statement may take, lowered to a third of the lease; also how long
   *     in all a caller may wait for an id
   * @throws IllegalArgumentException if a name has another character, the lease is out of its
   *     bounds, or no R2DBC driver takes the server's options
   */
  public static ShardIds of(Shard server, String table, Duration lease, Timeouts timeouts) {
    return of(server, table, lease, timeouts, InstantSource.system());
  }

  /**
   * {@return ids as described by the key {@code ids} of a document; connects to nothing} The
   * document is that of {@code ShardRouter.fromYaml}, whose {@code timeouts} hold here too.
   *
   * <p>{@code ids} has {@code shard}, the name of one of {@code shards}, or {@code server}, a map
   * with {@code url}, {@code username}, {@code password} and {@code pool} as of a shard. Where they
   * differ from the defaults it also has {@code table} and {@code lease}. With {@code create-table:
   * true} a table that is not there is made before a node is leased.
   *
   * @param yaml one document, as {@code ShardRouter.fromYaml} takes it
   * @throws IllegalArgumentException as there, and if it has no {@code ids}
   */
  public static ShardIds fromYaml(String yaml) {
    return of(RouterDocument.ids(yaml));
  }

  /**
   * {@return ids as described by a nested map; see {@link #fromYaml} and {@code
   * ShardRouter.builder(Map)}}
   *
   * @param document the document's keys and what they hold
   * @throws IllegalArgumentException as there
   */
  public static ShardIds of(Map<String, ?> document) {
    return of(RouterDocument.ids(document));
  }

  private static ShardIds of(IdSource source) {
    return of(
        source.server(),
        source.table(),
        source.lease(),
        source.timeouts(),
        source.createsTable(),
        InstantSource.system());
  }

  /**
   * {@return ids as {@link #of(Shard, String, Duration, Timeouts)} gives them, by another clock}
   *
   * @param server the server of the table
   * @param table the table's name
   * @param lease the time for which a node is leased
   * @param timeouts how long a statement may take
   * @param clock gives the time of day that ids begin with
   */
  @Internal
  public static ShardIds of(
      Shard server, String table, Duration lease, Timeouts timeouts, InstantSource clock) {
    return of(server, table, lease, timeouts, false, clock);
  }

  private static ShardIds of(
      Shard server,
      String table,
      Duration lease,
      Timeouts timeouts,
      boolean createsTable,
      InstantSource clock) {
    NodeTable nodes = table(server, table, lease, timeouts);
    return new ShardIds(
        nodes, server.id(), lease, timeouts.total(), createsTable, clock, System::nanoTime);
  }

  /**
   * Makes the table with its 1,024 nodes, if it or they are not there. The account must be allowed
   * to.
   *
   * @return completes when the table and its nodes are there
   */
  public Mono<Void> createTable() {
    return nodes.create();
  }

  private static NodeTable table(Shard server, String table, Duration lease, Timeouts timeouts) {
    if (lease.compareTo(IdSource.SHORTEST_LEASE) < 0
        || lease.compareTo(IdSource.LONGEST_LEASE) > 0) {
      throw new IllegalArgumentException("lease: " + lease + " (expected: from 1 s to 1 h)");
    }
    Shard bounded =
        server.pool() == null ? server.withPool(PoolOptions.builder().maxSize(2).build()) : server;
    Duration third = lease.dividedBy(3);
    boolean longer = timeouts.total().compareTo(third) > 0;
    return new NodeTable(bounded, table, lease, longer ? timeouts.withTotal(third) : timeouts);
  }

  /**
   * {@return an id above all ids that this object gave before} The first id, and one that is
   * requested after the lease has ended, waits for the server.
   */
  public Mono<Long> next() {
    return Mono.defer(
        () -> {
          long id = draw();
          return id >= 0 ? Mono.just(id) : waiting();
        });
  }

  /**
   * {@return several ids, each above the one before} At most one is made before it is requested.
   *
   * @param count from 1
   * @throws IllegalArgumentException if the count is less
   */
  public Flux<Long> next(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("count: " + count + " (expected: at least 1)");
    }
    return next().repeat(count - 1L);
  }

  /**
   * Gives no more ids, gives the node back, and closes the connections. If the server does not
   * answer, the node is free when its lease is over. A second close does nothing more. A cancel
   * only ends the waiting.
   *
   * @return completes when the connections are closed
   */
  public Mono<Void> close() {
    return closing;
  }

  /** The table and its server, without credentials. */
  @Override
  public String toString() {
    return "ids by " + nodes;
  }

  /** An id, or what {@link NodeLease} gives in its place. */
  private long draw() {
    if (closed) {
      throw new PoolClosingException(server).asUnavailable();
    }
    long millis = millis();
    NodeLease current = held;
    return current == null ? NodeLease.OVER : current.draw(millis, nanoTime.getAsLong());
  }

  /** Tries again until there is an id, with a lease or a pause between. */
  private Mono<Long> waiting() {
    return Mono.defer(
            () -> {
              long id = draw();
              if (id >= 0) {
                return Mono.just(id);
              }
              Mono<?> wait = id == NodeLease.AHEAD ? Mono.delay(TICK) : leasing();
              return wait.then(Mono.<Long>empty());
            })
        .repeatWhenEmpty(Function.identity())
        .timeout(
            patience,
            Mono.error(
                () ->
                    new IdsRefusedException(
                        "ids: none within " + patience + " (expected: fewer callers at a time)")));
  }

  /**
   * The clock. It must be read after the value that it is compared with; otherwise that may be
   * another thread's later reading.
   */
  private long millis() {
    long latest = latestMillis.get();
    long millis = clock.millis();
    if (millis < NodeLease.EPOCH || millis > NodeLease.END) {
      throw refused(millis, "from 2020 to 2089");
    }
    if (millis < latest - NodeLease.MAX_AHEAD_MILLIS) {
      throw refused(
          millis,
          "at least "
              + Instant.ofEpochMilli(latest)
              + ", which it was before; it was set back by "
              + (latest - millis)
              + " ms");
    }
    if (millis > latest) {
      latestMillis.accumulateAndGet(millis, Math::max);
    }
    return millis;
  }

  private static IdsRefusedException refused(long millis, String expected) {
    return new IdsRefusedException(
        "clock: " + Instant.ofEpochMilli(millis) + " (expected: " + expected + ")");
  }

  /** One attempt to get the lease, however many callers wait for it. */
  private Mono<NodeLease> leasing() {
    while (true) {
      Mono<NodeLease> begun = underWay.get();
      if (begun != null) {
        return begun;
      }
      Mono<NodeLease> attempt =
          Mono.defer(this::lease).doOnTerminate(() -> underWay.set(null)).cache();
      if (underWay.compareAndSet(null, attempt)) {
        return attempt;
      }
    }
  }

  private Mono<NodeLease> lease() {
    if (closed) {
      return Mono.error(new PoolClosingException(server).asUnavailable());
    }
    NodeLease before = held;
    Mono<NodeLease> had = before == null ? Mono.empty() : Mono.defer(() -> renewed(before));
    Mono<Void> table = createsTable ? nodes.create() : Mono.empty();
    return had.switchIfEmpty(table.then(Mono.defer(() -> taken(true))))
        .doOnNext(
            current -> {
              held = current;
              failing = false;
              renewIn(lease.dividedBy(3));
            })
        .doOnError(error -> failed(before, error));
  }

  /** The same lease for longer, or empty if another process has the node by now. */
  private Mono<NodeLease> renewed(NodeLease before) {
    NodeLease.Term term = term(millis());
    return nodes
        .renew(before.node(), before.holder(), term.usedUntil())
        .flatMap(
            ours -> {
              if (ours) {
                before.extend(term);
                return Mono.just(before);
              }
              log.atWarn()
                  .addKeyValue("node", before.node())
                  .log("{}: node {} was lost to another holder", this, before.node());
              held = null;
              lastUsed = before.seal();
              return Mono.empty();
            });
  }

  private Mono<NodeLease> taken(boolean patient) {
    long millis = millis();
    NodeLease.Term term = term(millis);
    // Anew each time: of an attempt whose answer was lost a node may be left.
    String holder = name + "." + attempts.incrementAndGet();
    return nodes
        .take(holder, millis, term.usedUntil())
        .map(node -> new NodeLease(node, holder, Math.max(millis, lastUsed + 1), term))
        .doOnNext(
            current ->
                log.atInfo()
                    .addKeyValue("node", current.node())
                    .log("{}: leased node {}", this, current.node()))
        .onErrorResume(
            IdsRefusedException.class,
            refusal ->
                patient && refusal.behindMillis() > 0 && refusal.behindMillis() <= MAX_BEHIND_MILLIS
                    ? Mono.delay(Duration.ofMillis(refusal.behindMillis()))
                        .then(Mono.defer(() -> taken(false)))
                    : Mono.error(refusal));
  }

  /**
   * A term from before the statement that asks for it, so that it ends before the lease does on the
   * server.
   */
  private NodeLease.Term term(long millis) {
    return new NodeLease.Term(millis + lease.toMillis(), nanoTime.getAsLong() + lease.toNanos());
  }

  /** While the lease lasts the renewal is tried again; after that, when an id is requested. */
  private void failed(@Nullable NodeLease before, Throwable error) {
    if (failing) {
      log.debug("{}: no lease: {}", this, error.toString());
    } else {
      log.warn("{}: no lease: {}", this, error.toString());
    }
    failing = true;
    if (before != null && !before.over(nanoTime.getAsLong())) {
      renewIn(lease.dividedBy(30));
    }
  }

  private void renewIn(Duration time) {
    renewal.update(
        Mono.delay(time).then(Mono.defer(this::leasing)).subscribe(current -> {}, error -> {}));
  }

  private Mono<Void> closeOnce() {
    closed = true;
    renewal.dispose();
    Mono<NodeLease> begun = underWay.get();
    // The caller that asked for that lease is told; a lease that was taken is given back.
    Mono<Void> settled = begun == null ? Mono.empty() : begun.then().onErrorComplete();
    return settled.then(Mono.defer(this::giveBack)).then(nodes.close());
  }

  private Mono<Void> giveBack() {
    NodeLease last = held;
    held = null;
    return last == null
        ? Mono.empty()
        : nodes
            .giveBack(last.node(), last.holder(), last.seal())
            .onErrorResume(
                error -> {
                  log.debug("{}: node {} not given back: {}", this, last.node(), error.toString());
                  return Mono.empty();
                });
  }
}
