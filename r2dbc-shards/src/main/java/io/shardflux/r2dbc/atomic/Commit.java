package io.shardflux.r2dbc.atomic;

import io.r2dbc.spi.R2dbcException;
import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcRollbackException;
import io.shardflux.r2dbc.atomic.Protocol.Point;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.failure.TransactionInDoubtException;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * The end of a transaction. One shard that wrote alone commits by itself. Otherwise all that wrote,
 * but the lead, are prepared; the lead's own commit has the decision; then the others are
 * committed. Without XA branches each commits by itself. What only read takes no part and keeps its
 * locks until then.
 */
final class Commit {

  /** ER_DUP_ENTRY. */
  private static final int DUPLICATE = 1062;

  /** ER_BAD_NULL_ERROR: no barrier with the id that the transaction began with. */
  private static final int NO_BARRIER = 1048;

  private final SpanningTransactions home;
  private final @Nullable Branch lead;
  private final List<Branch> branches;
  private final @Nullable Name name;
  private final BooleanSupplier givenUp;

  /**
   * What the decision names.
   *
   * @param placeId the id in the lead's database, as it was when the transaction got its name
   */
  record Name(String transaction, String placeId) {}

  /**
   * The end of a transaction that has not begun.
   *
   * @param lead the branch that is a plain transaction, or null if there is none
   * @param branches all, with the lead
   * @param name its name, or null if it has no XA branch
   * @param givenUp whether nobody waits for it any more
   */
  Commit(
      SpanningTransactions home,
      @Nullable Branch lead,
      List<Branch> branches,
      @Nullable Name name,
      BooleanSupplier givenUp) {
    this.home = home;
    this.lead = lead;
    this.branches = branches;
    this.name = name;
    this.givenUp = givenUp;
  }

  /**
   * Commits. Errors once all is rolled back, or nothing is known in time.
   *
   * @param answered whether each shard has just answered
   */
  Mono<Void> run(boolean answered) {
    return Mono.defer(
        () -> {
          List<Branch> writers = branches.stream().filter(Branch::wrote).toList();
          if (writers.size() <= 1) {
            return alone(writers.isEmpty() ? onlyOne() : writers.get(0));
          }
          return name == null
              ? apart(writers, answered)
              : together(Objects.requireNonNull(lead), name);
        });
  }

  /** A shard that is alone commits its locks as it would commit changes. */
  private @Nullable Branch onlyOne() {
    return branches.size() == 1 && branches.get(0).locked() ? branches.get(0) : null;
  }

  /** Rolls all back, and completes when that was answered, or can't be. */
  Mono<Void> rollBack() {
    return each(branches, this::rollBack);
  }

  /** One shard alone has anything to commit. */
  private Mono<Void> alone(@Nullable Branch writer) {
    List<Branch> others = branches.stream().filter(branch -> branch != writer).toList();
    Mono<Void> held = writer == null ? Mono.empty() : each(lockedOf(others), Branch::hold);
    return held.then(Mono.defer(this::waitedFor))
        .onErrorResume(this::rolledBack)
        .then(Mono.defer(() -> writer == null ? Mono.empty() : committed(writer)))
        .then(Mono.defer(() -> each(others, this::ended)));
  }

  private Mono<Void> committed(Branch writer) {
    return writer
        .sure(home.options().timeouts())
        .then(Mono.defer(() -> writer.last(writer.commitAlone())))
        .doOnSuccess(done -> writer.release())
        .onErrorResume(
            error -> {
              writer.abandon();
              return each(
                      branches.stream().filter(branch -> branch != writer).toList(), this::rollBack)
                  .then(Mono.error(error));
            });
  }

  /** Ends what has nothing to commit; its locks were held to the end. */
  private Mono<Void> ended(Branch branch) {
    return branch
        .last(branch.commitAlone())
        .doOnSuccess(done -> branch.release())
        .onErrorResume(
            error -> {
              branch.abandon();
              return Mono.empty();
            });
  }

  /** Each commits by itself, once all have answered. */
  private Mono<Void> apart(List<Branch> writers, boolean answered) {
    List<Branch> others = branches.stream().filter(branch -> !writers.contains(branch)).toList();
    Parts parts = new Parts();
    return (answered ? Mono.<Void>empty() : each(writers, Branch::hold))
        .then(Mono.<Void>defer(() -> each(lockedOf(others), Branch::hold)))
        .then(Mono.<Void>defer(this::waitedFor))
        .onErrorResume(this::rolledBack)
        .then(Mono.<Void>defer(() -> each(writers, writer -> committed(writer, parts))))
        .then(Mono.<Void>defer(() -> each(others, this::ended)))
        .then(Mono.defer(() -> told(parts)));
  }

  private static List<Branch> lockedOf(List<Branch> some) {
    return some.stream().filter(Branch::locked).toList();
  }

  private Mono<Void> committed(Branch writer, Parts parts) {
    return writer
        .sure(home.options().timeouts())
        .doOnError(error -> parts.add(writer.shard(), Parts.ROLLED_BACK, error))
        .then(
            Mono.defer(
                () ->
                    writer
                        .last(writer.commitAlone())
                        .doOnError(
                            error ->
                                parts.add(
                                    writer.shard(),
                                    ShardErrors.refusedWrite(error)
                                        ? Parts.ROLLED_BACK
                                        : Parts.UNKNOWN,
                                    error))))
        .doOnSuccess(
            done -> {
              parts.add(writer.shard(), Parts.COMMITTED, null);
              writer.release();
            })
        .onErrorResume(
            error -> {
              writer.abandon();
              return Mono.empty();
            });
  }

  private Mono<Void> told(Parts parts) {
    Throwable first = parts.error();
    if (first == null) {
      home.counts().ended(TransactionOutcome.COMMITTED);
      return Mono.empty();
    }
    if (parts.noneCommitted()) {
      home.counts().ended(TransactionOutcome.ROLLED_BACK);
      return Mono.error(nothingWritten(first));
    }
    home.counts().endedInPart();
    return Mono.error(parts.inPart());
  }

  /** What became of each shard's part, of those that commit by themselves. */
  private static final class Parts {

    static final String COMMITTED = "committed";
    static final String ROLLED_BACK = "rolled back";
    static final String UNKNOWN = "unknown";

    // Guarded by this.
    private final Map<ShardId, String> all = new TreeMap<>();
    private final List<Throwable> errors = new ArrayList<>();

    synchronized void add(ShardId shard, String outcome, @Nullable Throwable error) {
      all.put(shard, outcome);
      if (error != null) {
        errors.add(error);
      }
    }

    synchronized @Nullable Throwable error() {
      return errors.isEmpty() ? null : errors.get(0);
    }

    synchronized boolean noneCommitted() {
      return all.values().stream().allMatch(ROLLED_BACK::equals);
    }

    synchronized R2dbcException inPart() {
      Throwable first = errors.get(0);
      R2dbcException known = first instanceof R2dbcException said ? said : null;
      R2dbcException told =
          new R2dbcNonTransientResourceException(
              "commit: "
                  + all
                  + " (expected: all committed; look at the rows before it is run again); "
                  + first.getMessage(),
              known == null ? null : known.getSqlState(),
              known == null ? 0 : known.getErrorCode(),
              first);
      errors.stream().skip(1).forEach(told::addSuppressed);
      return told;
    }
  }

  private Mono<Void> together(Branch first, Name named) {
    String name = named.transaction();
    List<Branch> others = branches.stream().filter(branch -> branch != first).toList();
    List<Branch> written = others.stream().filter(Branch::wrote).toList();
    Protocol protocol = home.protocol();
    return protocol
        .past(Point.BEGUN, name)
        .then(Mono.defer(() -> prepared(first, others)))
        .then(
            Mono.defer(
                () -> protocol.decidesFirst() ? Mono.empty() : each(written, this::commitPrepared)))
        .then(Mono.defer(() -> protocol.past(Point.PREPARED, name)))
        .then(Mono.<Void>defer(this::waitedFor))
        .onErrorResume(this::rolledBack)
        .then(Mono.defer(() -> decision(first, named, written)))
        .flatMap(
            outcome ->
                protocol
                    .past(Point.DECIDED, name)
                    .then(Mono.defer(() -> finished(outcome, others, written)))
                    .then(protocol.past(Point.COMMITTED, name)));
  }

  private Mono<Void> prepared(Branch first, List<Branch> others) {
    List<Mono<Void>> steps = new ArrayList<>();
    // Decided in a session whose transaction is gone, it would be stored alone.
    steps.add(first.there(home.options().timeouts()));
    others.stream()
        .filter(branch -> branch.wrote() || branch.locked())
        .forEach(branch -> steps.add(branch.prepare()));
    return all(steps);
  }

  private Mono<Void> waitedFor() {
    return givenUp.getAsBoolean()
        ? Mono.error(new CancellationException("transaction: given up"))
        : Mono.empty();
  }

  /** The lead commits, and decides by that. Errors once all is rolled back. */
  private Mono<TransactionOutcome> decision(Branch first, Name named, List<Branch> written) {
    String name = named.transaction();
    List<ShardId> shards = written.stream().map(Branch::shard).toList();
    String text =
        home.protocol().writesDecision()
            ? Decisions.commit(name, named.placeId(), shards)
            : "COMMIT";
    return first
        .last(text)
        .doOnSuccess(done -> first.release())
        .thenReturn(TransactionOutcome.COMMITTED)
        .onErrorResume(error -> undecided(first, name, error));
  }

  private Mono<TransactionOutcome> undecided(Branch first, String name, Throwable error) {
    if (ShardErrors.refusedWrite(error)) {
      // The text ends with the statement that is refused.
      return rolledBack(said(first, name, error));
    }
    return replaced(first, asked(first, name))
        .flatMap(
            outcome ->
                outcome == TransactionOutcome.COMMITTED
                    ? Mono.just(outcome)
                    : this.<TransactionOutcome>rolledBack(error));
  }

  /** Asks for the outcome, which is that of all: a lead that has none rolls back for ever. */
  private Mono<TransactionOutcome> asked(Branch first, String name) {
    Duration time = home.options().timeouts().total();
    return home.tables()
        .outcome(first.servers(), name)
        .retryWhen(
            Retry.backoff(Long.MAX_VALUE, Duration.ofMillis(50)).maxBackoff(Duration.ofSeconds(1)))
        .timeout(
            time,
            Mono.error(() -> new TransactionInDoubtException(name, first.shard(), time, null)));
  }

  private Throwable said(Branch first, String name, Throwable error) {
    int code = error instanceof R2dbcException said ? said.getErrorCode() : 0;
    if (code == NO_BARRIER) {
      home.tables().forget(first.servers());
      return madeAnew(first, error);
    }
    return code == DUPLICATE ? abandoned(first, name, error) : error;
  }

  private static Throwable madeAnew(Branch first, Throwable error) {
    return new R2dbcRollbackException(
        first.shard()
            + ": another place in shardflux_barrier than at the beginning (expected: tables that"
            + " nobody makes anew while transactions are open); run it again",
        null,
        NO_BARRIER,
        error);
  }

  private static Throwable abandoned(Branch first, String name, Throwable error) {
    return new R2dbcRollbackException(
        first.shard()
            + ": transaction "
            + name
            + " was rolled back by a router that took it for abandoned (expected: a commit within"
            + " transactions.recover-every of its preparation); run it again",
        null,
        DUPLICATE,
        error);
  }

  private Mono<Void> finished(
      TransactionOutcome outcome, List<Branch> others, List<Branch> written) {
    List<Branch> readers = others.stream().filter(branch -> !branch.wrote()).toList();
    home.counts().ended(outcome);
    return Mono.when(
        home.protocol().decidesFirst() ? each(written, this::commitPrepared) : Mono.empty(),
        each(readers, this::ended));
  }

  private Mono<Void> commitPrepared(Branch branch) {
    Xid xid = Objects.requireNonNull(branch.xid());
    return branch
        .last("XA COMMIT " + xid.sql())
        .doOnSuccess(done -> branch.release())
        .onErrorResume(error -> resolved(branch, xid, TransactionOutcome.COMMITTED));
  }

  private Mono<Void> rollBack(Branch branch) {
    String text = branch.rollBack();
    if (text == null) {
      branch.abandon();
      return Mono.empty();
    }
    return branch
        .last(text)
        .doOnSuccess(done -> branch.release())
        .onErrorResume(
            error -> {
              Xid xid = branch.xid();
              if (xid == null || !branch.prepared()) {
                branch.abandon();
              } else {
                // It may be prepared all the same.
                resolved(branch, xid, TransactionOutcome.ROLLED_BACK).subscribe();
              }
              return Mono.empty();
            });
  }

  /** Ends a branch by another connection, as its own one gave no answer. */
  private Mono<Void> resolved(Branch branch, Xid xid, TransactionOutcome outcome) {
    return replaced(branch, home.resolved(branch.servers(), xid, outcome));
  }

  /** Has a branch's connection closed, and goes on by another, as part of what is under way. */
  private static <T> Mono<T> replaced(Branch branch, Mono<T> work) {
    return branch
        .servers()
        .inside(
            Flux.defer(
                () -> {
                  branch.abandon();
                  return work;
                }))
        .singleOrEmpty();
  }

  private <T> Mono<T> rolledBack(Throwable error) {
    home.counts().ended(TransactionOutcome.ROLLED_BACK);
    return rollBack().then(Mono.error(() -> nothingWritten(error)));
  }

  private Throwable nothingWritten(Throwable error) {
    List<ShardId> all = branches.stream().map(Branch::shard).toList();
    return error instanceof R2dbcException known
        ? ShardErrors.like(
            known, known.getMessage() + "; nothing was written, all of " + all + " rolled back")
        : error;
  }

  private static Mono<Void> each(List<Branch> some, Function<Branch, Mono<Void>> step) {
    return all(some.stream().map(step).toList());
  }

  /** Takes all steps, and errors with the first error when all have ended. */
  private static Mono<Void> all(List<Mono<Void>> steps) {
    return Mono.whenDelayError(steps).onErrorMap(error -> Exceptions.unwrapMultiple(error).get(0));
  }
}
