package io.shardflux.driver.scatter;

import io.r2dbc.spi.R2dbcDataIntegrityViolationException;
import io.r2dbc.spi.R2dbcException;
import io.shardflux.driver.failure.FailedShards;
import io.shardflux.driver.failure.OutdatedColumnsException;
import io.shardflux.driver.transaction.VirtualTransaction;
import io.shardflux.r2dbc.atomic.SpanningTransaction;
import io.shardflux.r2dbc.failure.TopologyChangedException;
import io.shardflux.r2dbc.observe.ShardStatistics.Status;
import io.shardflux.r2dbc.settings.Timeouts;
import io.shardflux.r2dbc.spi.ShardPart;
import io.shardflux.r2dbc.spi.ShardScatter;
import io.shardflux.r2dbc.spi.Snapshot;
import io.shardflux.r2dbc.statement.StatementSpec;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A write on several shards, in a transaction of its own or in its caller's. A write that fails
 * leaves nothing on any shard. So does one that is cancelled before its own transaction is
 * committed; in its caller's transaction a cancel leaves nothing but a rollback.
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
   * @param behind asks the shard something behind all statements, within the given times
   */
  public record Share(
      ShardId shard,
      List<StatementSpec> statements,
      BiFunction<ShardPart, Timeouts, Mono<Void>> before,
      BiFunction<ShardPart, Timeouts, Mono<Void>> behind) {}

  private final Snapshot snapshot;
  private final Set<String> tables;
  private final Timeouts timeouts;
  private final List<Share> shares;

  /** The shards whose copies are being made, and the error for what the first of them told. */
  private final Set<ShardId> joining;

  private final AtomicReference<@Nullable TopologyChangedException> ofCopy =
      new AtomicReference<>();

  /**
   * A write, which must be run only once.
   *
   * @param tables the tables that it names
   * @param timeouts the times for everything before the commit together
   */
  public JointWrite(
      Snapshot snapshot, Set<String> tables, Timeouts timeouts, Collection<Share> shares) {
    this.snapshot = snapshot;
    this.tables = Set.copyOf(tables);
    this.timeouts = timeouts;
    this.shares = shares.stream().sorted(Comparator.comparing(Share::shard)).toList();
    this.joining = snapshot.joining();
  }

  /**
   * Writes in a transaction of its own. Once that is being committed it goes on even if nobody
   * waits for it.
   *
   * @return the number of rows that each shard changed, but those that get their copy
   */
  public Mono<List<Long>> alone(Supplier<SpanningTransaction> begin) {
    return snapshot.enter(shards(), entered -> alone(begin, entered).flux()).single();
  }

  private Mono<List<Long>> alone(Supplier<SpanningTransaction> begin, Snapshot.Entered entered) {
    return Mono.usingWhen(
        Mono.fromSupplier(begin),
        own ->
            new Run(shard -> entered.in(own, shard))
                .written()
                .delayUntil(rows -> unmoved())
                .delayUntil(rows -> own.commitAnswered()),
        own -> Mono.empty(),
        (own, error) -> rolledBack(own),
        JointWrite::rolledBack);
  }

  private static Mono<Void> rolledBack(SpanningTransaction own) {
    // The write's own error is told; a connection that can't roll back is closed. Where a rollback
    // goes on after that, the pool takes the connection back.
    return own.rollback().onErrorComplete().timeout(ROLLBACK_BOUND, Mono.empty());
  }

  /**
   * Writes in that transaction, which is open behind an error.
   *
   * @return the number of rows that each shard changed, but those that get their copy
   */
  public Mono<List<Long>> within(VirtualTransaction transaction) {
    return transaction.undoable(
        Mono.defer(
            () ->
                new Run(shard -> transaction.on(snapshot, shard))
                    .written()
                    .delayUntil(rows -> keptIn(transaction))));
  }

  private Mono<Void> keptIn(VirtualTransaction transaction) {
    if (snapshot.looks() || snapshot.writesCopies()) {
      transaction.moving(snapshot);
    }
    return snapshot.watches()
        ? Flux.fromIterable(shards()).concatMap(snapshot::<Void>unmoved, 1).then()
        : inTime();
  }

  private List<ShardId> shards() {
    return shares.stream().map(Share::shard).toList();
  }

  /** Completes if the rows lie as the write has it, so that each shard wrote those that it had. */
  private Mono<Void> unmoved() {
    return snapshot.watches() ? snapshot.looked(shards()) : Mono.defer(this::inTime);
  }

  private Mono<Void> inTime() {
    Throwable late = snapshot.late(tables);
    return late == null ? snapshot.copied() : Mono.error(late);
  }

  /** Completes if each shard that gets its copy took the write, as all others did. */
  private Mono<Void> joined() {
    TopologyChangedException error = ofCopy.get();
    return error == null ? Mono.empty() : Mono.error(error);
  }

  private static boolean isOfRows(Throwable error) {
    return error instanceof R2dbcDataIntegrityViolationException;
  }

  private Flux<Long> apart(Share share, Throwable error) {
    ofCopy.compareAndSet(null, Snapshot.ofCopy(share.shard(), error));
    return Flux.empty();
  }

  /** An error of the first error's kind, as one server would have told it. */
  private Throwable nothingWritten(Map<ShardId, Throwable> errors) {
    Throwable first = errors.values().iterator().next();
    if (!(first instanceof R2dbcException known)) {
      return first;
    }
    R2dbcException told =
        ShardScatter.like(
            known,
            known.getMessage() + "; nothing was written, all of " + shards() + " rolled back");
    errors.values().stream().skip(1).forEach(told::addSuppressed);
    return told;
  }

  /** The statements of the write on all shards, in a transaction that is not ended here. */
  private final class Run {

    private final Function<ShardId, ShardPart> parts;
    private final long start = System.nanoTime();

    Run(Function<ShardId, ShardPart> parts) {
      this.parts = parts;
    }

    /**
     * Writes one shard after the other. Two writes may meet on several shards, and no server sees
     * that each has a row that the other waits for. So all writes take the shards in one order.
     */
    Mono<List<Long>> written() {
      List<Share> down =
          shares.stream().filter(each -> snapshot.status(each.shard()) == Status.DOWN).toList();
      return atOnce(down, share -> part(share).joined(left()).then(Mono.empty()))
          .thenMany(Flux.fromIterable(shares))
          .concatMap(this::inTurn, 1)
          .collectList()
          .delayUntil(rows -> joined())
          .delayUntil(rows -> answering());
    }

    private ShardPart part(Share share) {
      return parts.apply(share.shard());
    }

    private Flux<Long> inTurn(Share share) {
      Flux<Long> rows = atOnce(List.of(share), this::rows);
      // Its rows may not be those of the others yet: neither their number nor an error counts.
      return joining.contains(share.shard())
          ? rows.filter(counted -> false)
              .onErrorResume(JointWrite::isOfRows, error -> apart(share, error))
          : rows;
    }

    private Mono<Long> rows(Share share) {
      ShardPart there = part(share);
      return there
          .joined(left())
          .then(Mono.defer(JointWrite.this::inTime))
          .then(Mono.defer(() -> share.before().apply(there, left())))
          .then(Mono.defer(() -> rows(share, there)));
    }

    private Mono<Long> rows(Share share, ShardPart there) {
      return Flux.fromIterable(share.statements())
          .concatMap(each -> there.sql(each).timeouts(left()).rowsUpdated(), 1)
          .reduce(0L, Long::sum);
    }

    /**
     * Shows which connections were lost since their statement ran. It also shows that the tables
     * are those that the statement was planned for; transactions keep them as they are.
     */
    private Mono<Void> answering() {
      return atOnce(shares, share -> share.behind().apply(part(share), left())).then();
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
    private Timeouts left() {
      Duration left = timeouts.total().minusNanos(System.nanoTime() - start);
      return timeouts.withTotal(left.compareTo(SHORTEST) < 0 ? SHORTEST : left);
    }
  }
}
