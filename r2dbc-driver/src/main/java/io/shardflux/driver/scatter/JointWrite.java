package io.shardflux.driver.scatter;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.TransactionDefinition;
import io.shardflux.driver.failure.FailedShards;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.r2dbc.transaction.ShardTransaction;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A write on several shards. It has a transaction on each, and commits none before the statement
 * has run on all of them. A write that fails or is cancelled before the commits leaves nothing on
 * any shard. Once the commits have begun, they go on even if nobody waits for them.
 */
@Internal
public final class JointWrite {

  /** The time that an error waits for the healthy shards to have rolled back. */
  private static final Duration ROLLBACK_BOUND = Duration.ofSeconds(2);

  private static final Duration SHORTEST = Duration.ofMillis(1);

  /**
   * A shard's part.
   *
   * @param statements the statements, which must be put into a transaction on the shard one after
   *     the other
   * @param before asks the shard something before the first one, within the given times
   * @param behind asks the shard something before the commit, within the given times
   */
  public record Share(
      ShardId shard,
      List<StatementSpec> statements,
      BiFunction<ShardTransaction, Timeouts, Mono<Void>> before,
      BiFunction<ShardTransaction, Timeouts, Mono<Void>> behind) {}

  private final Snapshot snapshot;
  private final Set<String> tables;
  private final TransactionDefinition definition;
  private final Timeouts timeouts;
  private final List<Share> shares;
  private final String sql;

  /** The shards whose copies are being made, and the error for what the first of them told. */
  private final Set<ShardId> joining;

  private final AtomicReference<@Nullable TopologyChangedException> ofCopy =
      new AtomicReference<>();

  /**
   * A write, which must be run only once.
   *
   * @param tables the tables that it names
   * @param definition the definition of its transactions
   * @param timeouts the times for everything before the commits together
   * @param sql the write's text, for errors
   */
  public JointWrite(
      Snapshot snapshot,
      Set<String> tables,
      TransactionDefinition definition,
      Timeouts timeouts,
      Collection<Share> shares,
      String sql) {
    this.snapshot = snapshot;
    this.tables = Set.copyOf(tables);
    this.definition = definition;
    this.timeouts = timeouts;
    this.shares = shares.stream().sorted(Comparator.comparing(Share::shard)).toList();
    this.sql = sql;
    this.joining = snapshot.joining();
  }

  /** The number of rows that each shard changed, but those that get their copy. */
  public Mono<List<Long>> run() {
    List<ShardId> shards = shares.stream().map(Share::shard).toList();
    return snapshot.enter(shards, entered -> run(entered).flux()).single();
  }

  private Mono<List<Long>> run(Snapshot.Entered entered) {
    return Mono.usingWhen(
        Mono.fromSupplier(() -> new Transactions(entered)),
        transactions -> run(transactions, System.nanoTime()),
        transactions -> Mono.empty(),
        (transactions, error) -> transactions.rollBack(),
        Transactions::rollBack);
  }

  /**
   * Writes one shard after the other. Two writes may meet on several shards, and no server sees
   * that each has a row that the other waits for. So all writes take the shards in one order.
   */
  private Mono<List<Long>> run(Transactions transactions, long start) {
    List<Share> down =
        shares.stream().filter(each -> snapshot.status(each.shard()) == Status.DOWN).toList();
    return atOnce(down, share -> transactions.begun(share.shard(), left(start)))
        .thenMany(Flux.fromIterable(shares))
        .concatMap(share -> inTurn(share, transactions, start), 1)
        .collectList()
        .delayUntil(rows -> joined())
        .delayUntil(rows -> answering(transactions, start))
        .delayUntil(rows -> unmoved())
        .delayUntil(rows -> transactions.commit());
  }

  private Flux<Long> inTurn(Share share, Transactions transactions, long start) {
    Flux<Long> rows = atOnce(List.of(share), each -> rows(each, transactions, start));
    // Its rows may not be those of the others yet: neither their number nor an error counts.
    return joining.contains(share.shard())
        ? rows.filter(counted -> false)
            .onErrorResume(JointWrite::isOfRows, error -> apart(share, error))
        : rows;
  }

  private static boolean isOfRows(Throwable error) {
    return error instanceof R2dbcDataIntegrityViolationException;
  }

  private Flux<Long> apart(Share share, Throwable error) {
    ofCopy.compareAndSet(null, Snapshot.ofCopy(share.shard(), error));
    return Flux.empty();
  }

  /** Completes if each shard that gets its copy took the write, as all others did. */
  private Mono<Void> joined() {
    TopologyChangedException error = ofCopy.get();
    return error == null ? Mono.empty() : Mono.error(error);
  }

  /** Completes if the rows lie as the write has it, so that each shard wrote those that it had. */
  private Mono<Void> unmoved() {
    return snapshot.watches()
        ? snapshot.looked(shares.stream().map(Share::shard).toList())
        : Mono.defer(this::inTime);
  }

  private Mono<Void> inTime() {
    Throwable late = snapshot.overtaken(tables);
    return late == null ? snapshot.copied() : Mono.error(late);
  }

  private Mono<Long> rows(Share share, Transactions transactions, long start) {
    return transactions
        .begun(share.shard(), left(start))
        .delayUntil(there -> inTime())
        .delayUntil(there -> share.before().apply(there, left(start)))
        .flatMap(there -> rows(share, there, start));
  }

  private Mono<Long> rows(Share share, ShardTransaction there, long start) {
    return Flux.fromIterable(share.statements())
        .concatMap(each -> there.sql(each).timeouts(left(start)).rowsUpdated(), 1)
        .reduce(0L, Long::sum);
  }

  /**
   * Shows, just before the commits, which connections were lost since their statement ran. It also
   * shows that the tables are those that the statement was planned for; transactions keep them as
   * they are.
   */
  private Mono<Void> answering(Transactions transactions, long start) {
    return atOnce(
            shares, share -> share.behind().apply(transactions.on(share.shard()), left(start)))
        .then();
  }

  private <T> Flux<T> atOnce(List<Share> group, Function<Share, Mono<T>> step) {
    Map<ShardId, Flux<T>> steps = new LinkedHashMap<>();
    group.forEach(share -> steps.put(share.shard(), step.apply(share).flux()));
    return new FailedShards()
        .rows(
            ShardScatter.of(steps)
                .onFailure(ShardScatter.together((errors, asked) -> nothingWritten(errors)))
                .endedBy(
                    error -> error instanceof OutdatedColumnsException || Snapshot.isMoved(error))
                .signals());
  }

  /** The remaining times. A statement that comes too late fails by them. */
  private Timeouts left(long start) {
    Duration left = timeouts.total().minusNanos(System.nanoTime() - start);
    return timeouts.withTotal(left.compareTo(SHORTEST) < 0 ? SHORTEST : left);
  }

  /** An error of the first error's kind, as one server would have told it. */
  private Throwable nothingWritten(Map<ShardId, Throwable> errors) {
    Throwable first = errors.values().iterator().next();
    if (!(first instanceof R2dbcException known)) {
      return first;
    }
    List<ShardId> all = shares.stream().map(Share::shard).toList();
    R2dbcException told =
        ShardScatter.like(
            known, known.getMessage() + "; nothing was written, all of " + all + " rolled back");
    errors.values().stream().skip(1).forEach(told::addSuppressed);
    return told;
  }

  /** The transactions that have begun, which must be committed or rolled back. */
  private final class Transactions {

    private final Snapshot.Entered entered;

    // Guarded by this.
    private final Map<ShardId, ShardTransaction> begun = new LinkedHashMap<>();
    private boolean over;

    Transactions(Snapshot.Entered entered) {
      this.entered = entered;
    }

    Mono<ShardTransaction> begun(ShardId shard, Timeouts times) {
      return Mono.defer(
          () -> {
            ShardTransaction known = known(shard);
            return known == null
                ? entered.begin(shard, definition, times).doOnNext(this::add)
                : Mono.just(known);
          });
    }

    private synchronized @Nullable ShardTransaction known(ShardId shard) {
      return begun.get(shard);
    }

    /** Adds a transaction, which may have begun while the write was given up. */
    private void add(ShardTransaction transaction) {
      boolean late;
      synchronized (this) {
        late = over;
        begun.put(transaction.shard(), transaction);
      }
      if (late) {
        transaction.rollback().subscribe(null, error -> {});
      }
    }

    synchronized ShardTransaction on(ShardId shard) {
      ShardTransaction transaction = known(shard);
      if (transaction == null) {
        throw new IllegalStateException(shard + ": no transaction");
      }
      return transaction;
    }

    /**
     * The transactions for the caller that ends them, or none if another caller does so already.
     */
    private synchronized List<ShardTransaction> end() {
      List<ShardTransaction> all = over ? List.of() : new ArrayList<>(begun.values());
      over = true;
      return all;
    }

    Mono<Void> rollBack() {
      return Flux.defer(() -> Flux.fromIterable(end()))
          // The write's own error is told; a connection that can't roll back is closed.
          .flatMap(transaction -> transaction.rollback().onErrorComplete(), shares.size())
          .then()
          // Where a rollback goes on after that, the pool takes the connection back.
          .timeout(ROLLBACK_BOUND, Mono.empty());
    }

    /**
     * Commits all, and goes on if the caller has given up, because some may be committed by then.
     */
    Mono<Void> commit() {
      Outcomes outcomes = new Outcomes();
      return Flux.defer(() -> Flux.fromIterable(end()))
          .flatMap(
              transaction ->
                  transaction
                      .commit()
                      .doOnSuccess(done -> outcomes.committed(transaction.shard()))
                      .onErrorResume(
                          error -> {
                            outcomes.failed(transaction.shard(), error);
                            return Mono.empty();
                          }),
              shares.size())
          .then(Mono.defer(outcomes::told))
          .cache();
    }
  }

  /** The outcome of each shard's commit. */
  private final class Outcomes {

    private static final String COMMITTED = "committed";
    private static final String ROLLED_BACK = "rolled back";
    private static final String UNKNOWN = "unknown";

    // Guarded by this.
    private final Map<ShardId, String> all = new TreeMap<>();
    private final Map<ShardId, Throwable> errors = new LinkedHashMap<>();

    synchronized void committed(ShardId shard) {
      all.put(shard, COMMITTED);
    }

    synchronized void failed(ShardId shard, Throwable error) {
      all.put(shard, refused(error) ? ROLLED_BACK : UNKNOWN);
      errors.put(shard, error);
    }

    /**
     * Tells whether a server refused the commit by an answer, or the transaction was over before.
     */
    private static boolean refused(Throwable error) {
      return error instanceof IllegalStateException || ShardScatter.isRefusedWrite(error);
    }

    synchronized Mono<Void> told() {
      if (errors.isEmpty()) {
        return Mono.empty();
      }
      Throwable first = errors.values().iterator().next();
      return Mono.error(
          all.values().stream().allMatch(ROLLED_BACK::equals)
              ? nothingWritten(errors)
              : inPart(first));
    }

    private R2dbcException inPart(Throwable first) {
      R2dbcException known = first instanceof R2dbcException said ? said : null;
      R2dbcException told =
          new R2dbcNonTransientResourceException(
              "write: "
                  + all
                  + " (expected: all committed; look at the rows before it is put again); "
                  + first.getMessage(),
              known == null ? null : known.getSqlState(),
              known == null ? 0 : known.getErrorCode(),
              sql,
              first);
      errors.values().stream().skip(1).forEach(told::addSuppressed);
      return told;
    }
  }
}
