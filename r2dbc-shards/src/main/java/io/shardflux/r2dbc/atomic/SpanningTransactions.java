package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.R2dbcTransientResourceException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.r2dbc.live.LiveShards;
import io.shardflux.r2dbc.settings.ReadConsistency;
import io.shardflux.r2dbc.settings.RouterOptions;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.settings.TransactionMode;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.r2dbc.statement.SqlTemplate;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.reactivestreams.Publisher;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The transactions over shards of a router, and the recovery of those that others left behind. */
@Internal
public final class SpanningTransactions {

  private static final Logger log = LoggerFactory.getLogger(SpanningTransactions.class);

  /** The time for which a branch is tried to be ended whose own connection gave no answer. */
  private static final Duration RESOLVING = Duration.ofSeconds(10);

  private static final Duration PAUSE = Duration.ofMillis(100);

  private final LiveShards live;
  private final Function<String, SqlTemplate> templates;
  private final Protocol protocol;
  private final TransactionTables tables = new TransactionTables();
  private final Admission admission;
  private final TransactionCounts counts = new TransactionCounts();
  private final Recovery recovery;
  private final boolean recovers;
  private final String router = UUID.randomUUID().toString().substring(0, 8);
  private final AtomicLong number = new AtomicLong();
  private final OneByOne snapshots = new OneByOne();

  /**
   * The transactions of a router.
   *
   * @param templates reads a text, or knows it already
   */
  public SpanningTransactions(LiveShards live, Function<String, SqlTemplate> templates) {
    this(live, templates, Protocol.WHOLE, true);
    if (spans()) {
      recovering();
    }
  }

  /** The same by another protocol, and looking for nothing by itself. */
  SpanningTransactions(
      LiveShards live, Function<String, SqlTemplate> templates, Protocol protocol) {
    this(live, templates, protocol, false);
  }

  private SpanningTransactions(
      LiveShards live,
      Function<String, SqlTemplate> templates,
      Protocol protocol,
      boolean recovers) {
    this.live = live;
    this.templates = templates;
    this.protocol = protocol;
    this.admission = new Admission(options().pool().maxPending());
    this.recovery = new Recovery(this);
    this.recovers = recovers;
    live.watch(tables::keep);
  }

  /** A transaction that begins with its first statement. */
  public SpanningTransaction begin(TransactionDefinition definition, Timeouts timeouts) {
    return begin(definition, timeouts, mode(null));
  }

  /** The same in another mode than the router's. */
  public SpanningTransaction begin(
      TransactionDefinition definition, Timeouts timeouts, TransactionMode mode) {
    return begin(definition, timeouts, mode, ReadConsistency.EACH_SHARD);
  }

  /** The same with rows that belong together so. */
  public SpanningTransaction begin(
      TransactionDefinition definition,
      Timeouts timeouts,
      TransactionMode mode,
      ReadConsistency consistency) {
    begins(mode);
    String unique =
        router
            + ":"
            + Long.toString(System.currentTimeMillis(), Character.MAX_RADIX)
            + ":"
            + Long.toString(number.incrementAndGet(), Character.MAX_RADIX);
    return new SpanningTransaction(this, definition, timeouts, mode, consistency, unique);
  }

  /**
   * Runs work in a transaction, which is committed when the work completes, and rolled back when it
   * fails or is cancelled.
   */
  public <T> Flux<T> run(
      TransactionDefinition definition,
      Function<? super RouterTransaction, ? extends Publisher<T>> work) {
    return Flux.usingWhen(
        Mono.deferContextual(
            context ->
                Mono.fromSupplier(
                    () ->
                        begin(
                            definition,
                            live.timeouts(),
                            mode(TransactionMode.of(context)),
                            Objects.requireNonNullElse(
                                ReadConsistency.of(context), ReadConsistency.EACH_SHARD)))),
        transaction ->
            Flux.concat(
                Flux.defer(() -> work.apply(transaction)), transaction.commit().then(Mono.empty())),
        transaction -> Mono.empty(),
        (transaction, error) -> transaction.rollback(),
        SpanningTransaction::rollback);
  }

  public Recovery recovery() {
    return recovery;
  }

  public TransactionCounts counts() {
    return counts;
  }

  /** Makes the tables on all shards, where they are not there. */
  public Mono<Void> createTables() {
    return Flux.defer(() -> Flux.fromIterable(live.all())).concatMap(tables::create).then();
  }

  /** The mode of transactions that have none of their own, or the given one. */
  public TransactionMode mode(@Nullable TransactionMode said) {
    return said == null ? options().transactions().mode() : said;
  }

  /** What is left behind in that mode is looked for from now on. */
  void begins(TransactionMode mode) {
    if (mode == TransactionMode.ATOMIC) {
      recovering();
    }
  }

  private void recovering() {
    if (recovers) {
      recovery.start(options().transactions().recoverEvery());
    }
  }

  /** Looks for no transactions any more. */
  public void close() {
    recovery.stop();
  }

  /** Tells whether the router writes several shards in one transaction. */
  boolean spans() {
    return options().transactions().mode() == TransactionMode.ATOMIC;
  }

  LiveShards live() {
    return live;
  }

  RouterOptions options() {
    return live.options();
  }

  TransactionTables tables() {
    return tables;
  }

  Admission admission() {
    return admission;
  }

  Protocol protocol() {
    return protocol;
  }

  SqlTemplate template(String sql) {
    return templates.apply(sql);
  }

  /** Opens one snapshot of this router after the other, as there are few control connections. */
  Mono<Void> inTurn(Duration patience, Mono<Void> opening) {
    return snapshots.run(
        opening,
        patience,
        () ->
            new R2dbcTransientResourceException(
                "snapshot: no turn within "
                    + patience.toMillis()
                    + " ms behind others of this router (expected: fewer at once, or a longer"
                    + " timeouts.acquire); ask again"));
  }

  /**
   * Opens the views of a snapshot, so that they are of one instant.
   *
   * @param shards all shards
   */
  Mono<Void> instant(Collection<ShardServers> shards, Mono<Void> opening) {
    return protocol.hasBarrier() ? new Barrier(tables, shards).behind(opening) : opening;
  }

  <T> Flux<T> enter(ShardId shard, Function<ShardServers, Flux<T>> work) {
    return live.onOne(Mono.just(shard), work);
  }

  /**
   * Ends a branch whose own connection gave no answer. Completes when it is over, or the time is;
   * recovery goes on then.
   */
  Mono<Void> resolved(ShardServers shard, Xid branch, TransactionOutcome outcome) {
    return Mono.defer(() -> resolvedOnce(shard, branch, outcome))
        .onErrorReturn(false)
        .filter(over -> over)
        .repeatWhenEmpty(tries -> tries.delayElements(PAUSE))
        .timeout(RESOLVING, Mono.fromRunnable(() -> left(shard, branch, outcome)))
        .then();
  }

  private Mono<Boolean> resolvedOnce(ShardServers shard, Xid branch, TransactionOutcome outcome) {
    return tables
        .end(shard, branch, outcome)
        .flatMap(
            ended ->
                ended
                    ? Mono.just(true)
                    : tables.branches(shard).any(branch::equals).map(there -> !there));
  }

  private static void left(ShardServers shard, Xid branch, TransactionOutcome outcome) {
    log.atWarn()
        .addKeyValue("shard", shard.id())
        .addKeyValue("transaction", branch.transaction())
        .log("{}: no answer, its part of a transaction is left to recovery: {}", shard, outcome);
  }
}
