package io.shardflux.r2dbc.atomic;

import io.shardflux.r2dbc.atomic.Decisions.Old;
import io.shardflux.r2dbc.atomic.TransactionTables.Located;
import io.shardflux.r2dbc.failure.ShardErrors;
import io.shardflux.r2dbc.shard.ShardServers;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Ends the transactions that a router left behind, whichever router that was. It looks at all
 * shards for prepared branches; one that it sees at two looks in turn it ends as the lead has it,
 * and where the lead has nothing, has it rolled back for ever first. It needs nothing but the
 * shards, and any number of routers may do it at once.
 */
@Internal
public final class Recovery {

  private static final Logger log = LoggerFactory.getLogger(Recovery.class);

  private static final int SHARDS_AT_ONCE = 16;

  /** The batches of decisions that are deleted of a shard at a look. */
  private static final int BATCHES = 100;

  private final SpanningTransactions home;
  private final TransactionTables tables;
  // Of the branches that were there at the last look of their shard.
  private final Map<Found, Sight> seen = new ConcurrentHashMap<>();
  private final Map<ShardId, String> silent = new ConcurrentHashMap<>();
  private final Map<ShardId, Old> reached = new ConcurrentHashMap<>();
  private final Set<ShardId> undeleted = ConcurrentHashMap.newKeySet();
  private volatile @Nullable Disposable looking;
  // Guarded by this.
  private boolean stopped;

  Recovery(SpanningTransactions home) {
    this.home = home;
    this.tables = home.tables();
  }

  /** A branch on a shard. */
  private record Found(ShardId shard, Xid branch) {}

  /**
   * When a branch was seen first, of {@link System#nanoTime}, and what was done then.
   *
   * @param looks the looks at which it was there
   */
  private record Sight(long since, int looks, InDoubt.State state) {}

  /** What a look found: the places of the shards that answered, the branches there, the others. */
  private record View(
      Map<String, ShardServers> places,
      Map<ShardServers, Set<Xid>> branches,
      Map<ShardId, String> unanswered) {

    @Nullable ShardServers lead(String transaction) {
      return places.get(Xid.lead(transaction));
    }
  }

  /** Looks now, and then again and again, unless it does so already or was stopped. */
  void start(Duration every) {
    if (looking == null) {
      startOnce(every);
    }
  }

  private synchronized void startOnce(Duration every) {
    if (looking != null || stopped) {
      return;
    }
    looking =
        Flux.interval(Duration.ZERO, every)
            .onBackpressureDrop()
            .concatMap(tick -> look().onErrorResume(Recovery::failed), 1)
            .subscribe();
  }

  synchronized void stop() {
    stopped = true;
    Disposable now = looking;
    if (now != null) {
      now.dispose();
    }
  }

  private static Mono<Void> failed(Throwable error) {
    log.warn("transactions in doubt could not be looked for: {}", error.toString());
    return Mono.empty();
  }

  /** Looks once: ends what was there at the look before too, and deletes old decisions. */
  public Mono<Void> look() {
    return view()
        .flatMap(
            view -> {
              note(view);
              return ended(view).then(Mono.defer(() -> forgotten(view)));
            });
  }

  /** The transactions in doubt, as all shards that answer have them now. */
  public Mono<TransactionsInDoubt> inDoubt() {
    return view().map(view -> new TransactionsInDoubt(told(view), view.unanswered()));
  }

  private Mono<View> view() {
    return Mono.fromSupplier(() -> home.live().all())
        .flatMap(
            shards ->
                Flux.fromIterable(shards)
                    .flatMap(
                        shard -> seenThere(shard).onErrorResume(e -> unseen(shard, e)),
                        SHARDS_AT_ONCE)
                    .collectList()
                    .map(all -> view(shards, all)));
  }

  private View view(Collection<ShardServers> shards, List<Seen> all) {
    Map<String, ShardServers> places = new HashMap<>();
    Map<ShardServers, Set<Xid>> branches = new HashMap<>();
    all.forEach(
        each -> {
          places.put(each.place().key(), each.shard());
          branches.put(each.shard(), each.branches());
        });
    silent.keySet().retainAll(shards.stream().map(ShardServers::id).toList());
    return new View(places, branches, Map.copyOf(silent));
  }

  private record Seen(ShardServers shard, Place place, Set<Xid> branches) {}

  /**
   * A server has the branches of all its databases; here those of this one count. Its place may
   * have become another one since the last look.
   */
  private Mono<Seen> seenThere(ShardServers shard) {
    return tables
        .place(shard)
        .map(Located::place)
        .flatMap(
            place ->
                tables
                    .branches(shard)
                    .filter(branch -> branch.place().equals(place.key()))
                    .collectList()
                    .map(branches -> new Seen(shard, place, Set.copyOf(branches))))
        .doOnNext(seen -> silent.remove(shard.id()));
  }

  private Mono<Seen> unseen(ShardServers shard, Throwable error) {
    String what = ShardErrors.brief(error);
    if (!what.equals(silent.put(shard.id(), what))) {
      log.atWarn()
          .addKeyValue("shard", shard.id())
          .log("{} can't be looked at for transactions in doubt: {}", shard.id(), what);
    }
    return Mono.empty();
  }

  private void note(View view) {
    Set<Found> there = new HashSet<>();
    view.branches()
        .forEach(
            (shard, branches) ->
                branches.forEach(branch -> there.add(new Found(shard.id(), branch))));
    seen.keySet()
        .removeIf(each -> !view.unanswered().containsKey(each.shard()) && !there.contains(each));
    long now = System.nanoTime();
    there.forEach(
        each ->
            seen.compute(
                each,
                (found, sight) ->
                    sight == null
                        ? new Sight(now, 1, InDoubt.State.FRESH)
                        : new Sight(sight.since(), sight.looks() + 1, sight.state())));
    home.counts()
        .inDoubt(
            (int) there.stream().map(f -> f.branch().transaction()).distinct().count(),
            seen.values().stream().mapToLong(sight -> now - sight.since()).max().orElse(0));
  }

  private Mono<Void> ended(View view) {
    Map<String, List<Found>> old = new TreeMap<>();
    seen.forEach(
        (found, sight) -> {
          if (sight.looks() > 1) {
            old.computeIfAbsent(found.branch().transaction(), name -> new ArrayList<>()).add(found);
          }
        });
    return Flux.fromIterable(old.entrySet())
        .concatMap(each -> ended(view, each.getKey(), each.getValue()))
        .then();
  }

  private Mono<Void> ended(View view, String transaction, List<Found> branches) {
    ShardServers lead = view.lead(transaction);
    if (lead == null) {
      InDoubt.State state =
          view.unanswered().isEmpty() ? InDoubt.State.LEAD_UNKNOWN : InDoubt.State.LEAD_SILENT;
      if (branches.stream().anyMatch(each -> mark(each, state) != state)) {
        warn(transaction, branches, state);
      }
      return Mono.empty();
    }
    branches.forEach(each -> mark(each, InDoubt.State.ENDING));
    Mono<TransactionOutcome> outcome =
        home.protocol().recoversByDecision()
            ? tables.outcome(lead, transaction)
            : tables.decided(lead, transaction).defaultIfEmpty(TransactionOutcome.ROLLED_BACK);
    return outcome
        .flatMapMany(
            decided -> Flux.fromIterable(branches).concatMap(each -> ended(view, each, decided)))
        .then()
        .onErrorResume(
            error -> {
              branches.forEach(each -> mark(each, InDoubt.State.LEAD_SILENT));
              log.atWarn()
                  .addKeyValue("shard", lead.id())
                  .addKeyValue("transaction", transaction)
                  .log(
                      "{}: a transaction in doubt stays so, its lead does not tell: {}",
                      lead.id(),
                      ShardErrors.brief(error));
              return Mono.empty();
            });
  }

  /** Notes what is done about a branch, and gives what was done before. */
  private InDoubt.State mark(Found found, InDoubt.State state) {
    Sight before = seen.get(found);
    seen.computeIfPresent(found, (same, sight) -> new Sight(sight.since(), sight.looks(), state));
    return before == null ? state : before.state();
  }

  private static void warn(String transaction, List<Found> branches, InDoubt.State state) {
    log.atWarn()
        .addKeyValue("transaction", transaction)
        .log(
            "transaction {} stays in doubt on {}: {}",
            transaction,
            branches.stream().map(Found::shard).toList(),
            state == InDoubt.State.LEAD_SILENT
                ? "a shard that may be its lead does not answer"
                : "no shard is its lead (expected: one; end it by operations().resolve)");
  }

  private Mono<Void> ended(View view, Found found, TransactionOutcome outcome) {
    return Flux.fromIterable(view.branches().keySet())
        .filter(shard -> shard.id().equals(found.shard()))
        .next()
        .flatMap(shard -> tables.end(shard, found.branch(), outcome))
        .doOnNext(
            done -> {
              // On MariaDB it is known to its own connection alone, until that is gone.
              if (done) {
                home.counts().branchRecovered();
                log.atInfo()
                    .addKeyValue("shard", found.shard())
                    .addKeyValue("transaction", found.branch().transaction())
                    .log("{}: its part of an abandoned transaction: {}", found.shard(), outcome);
              }
            })
        .onErrorResume(
            error -> {
              log.atWarn()
                  .addKeyValue("shard", found.shard())
                  .addKeyValue("transaction", found.branch().transaction())
                  .log(
                      "{}: its part of an abandoned transaction can't be ended: {}",
                      found.shard(),
                      ShardErrors.brief(error));
              return Mono.empty();
            })
        .then();
  }

  private List<InDoubt> told(View view) {
    Map<String, Set<ShardId>> byTransaction = new TreeMap<>();
    view.branches()
        .forEach(
            (shard, branches) ->
                branches.forEach(
                    branch ->
                        byTransaction
                            .computeIfAbsent(branch.transaction(), name -> new HashSet<>())
                            .add(shard.id())));
    long now = System.nanoTime();
    List<InDoubt> all = new ArrayList<>();
    byTransaction.forEach((name, shards) -> all.add(told(view, name, shards, now)));
    return all;
  }

  private InDoubt told(View view, String transaction, Set<ShardId> shards, long now) {
    Sight first = new Sight(now, 0, InDoubt.State.FRESH);
    for (Map.Entry<Found, Sight> each : seen.entrySet()) {
      if (each.getKey().branch().transaction().equals(transaction)
          && each.getValue().since() <= first.since()) {
        first = each.getValue();
      }
    }
    ShardServers lead = view.lead(transaction);
    return new InDoubt(
        transaction,
        lead == null ? null : lead.id(),
        shards.stream().sorted().toList(),
        Duration.ofNanos(now - first.since()),
        first.state());
  }

  /** Deletes old decisions that no shard needs; each that may need one must have answered. */
  private Mono<Void> forgotten(View view) {
    Set<String> needed = new HashSet<>();
    Set<ShardId> answered = new HashSet<>();
    view.branches()
        .forEach(
            (shard, branches) -> {
              answered.add(shard.id());
              branches.forEach(branch -> needed.add(branch.transaction()));
            });
    Set<ShardId> all = home.live().all().stream().map(ShardServers::id).collect(Collectors.toSet());
    // A shard that this router does not know may be one that another router has had added.
    Predicate<Old> needless =
        old ->
            !needed.contains(old.transaction())
                && old.shards().stream()
                    .allMatch(
                        shard ->
                            answered.contains(shard) || (old.oldest() && !all.contains(shard)));
    return Flux.fromIterable(view.branches().keySet())
        .concatMap(
            shard ->
                forgotten(shard, needless)
                    .doOnSuccess(done -> undeleted.remove(shard.id()))
                    .onErrorResume(error -> kept(shard, error)))
        .then();
  }

  private Mono<Void> kept(ShardServers shard, Throwable error) {
    boolean first = undeleted.add(shard.id());
    log.atLevel(first ? Level.WARN : Level.DEBUG)
        .addKeyValue("shard", shard.id())
        .log("{}: old decisions of transactions stay: {}", shard.id(), ShardErrors.brief(error));
    return Mono.empty();
  }

  /** Goes on until no batch is full; the next look goes on where this one must end. */
  private Mono<Void> forgotten(ShardServers lead, Predicate<Old> needless) {
    return Mono.defer(() -> batchForgotten(lead, needless))
        .repeat(BATCHES - 1)
        .takeUntil(full -> !full)
        .then();
  }

  /** Deletes what is needless of a batch, and tells whether the batch was full. */
  private Mono<Boolean> batchForgotten(ShardServers lead, Predicate<Old> needless) {
    return tables
        .rows(lead, Decisions.old(reached.get(lead.id())), Old::of)
        .collectList()
        .flatMap(
            batch -> {
              List<String> gone = batch.stream().filter(needless).map(Old::transaction).toList();
              Mono<Long> deletion =
                  gone.isEmpty() ? Mono.just(0L) : tables.run(lead, Decisions.delete(gone));
              return deletion.map(done -> full(lead, batch));
            });
  }

  private boolean full(ShardServers lead, List<Old> batch) {
    if (batch.size() < Decisions.BATCH) {
      reached.remove(lead.id());
      return false;
    }
    reached.put(lead.id(), batch.get(batch.size() - 1));
    return true;
  }

  /** The outcome of a transaction, or empty if its lead has decided nothing. */
  public Mono<TransactionOutcome> outcome(String transaction) {
    return Mono.defer(
        () -> {
          check(transaction);
          return view()
              .flatMap(
                  view -> {
                    ShardServers lead = view.lead(transaction);
                    return lead == null
                        ? Mono.error(unknownLead(transaction))
                        : tables.decided(lead, transaction);
                  });
        });
  }

  /**
   * Ends a transaction by hand. Its lead's decision stands, whatever is asked for; where the lead
   * is not known or does not answer, what it may have committed by itself stays as it is.
   */
  public Mono<TransactionOutcome> resolve(String transaction, TransactionOutcome wanted) {
    return Mono.defer(
        () -> {
          check(transaction);
          return view().flatMap(view -> resolved(view, transaction, wanted));
        });
  }

  private Mono<TransactionOutcome> resolved(
      View view, String transaction, TransactionOutcome wanted) {
    ShardServers lead = view.lead(transaction);
    Mono<TransactionOutcome> outcome =
        lead == null ? Mono.just(wanted) : tables.outcome(lead, transaction);
    log.atWarn()
        .addKeyValue("transaction", transaction)
        .log(
            "transaction {} is ended by hand: {}",
            transaction,
            lead == null ? wanted : "by its lead");
    return outcome.delayUntil(
        decided ->
            Flux.fromIterable(view.branches().entrySet())
                .concatMap(
                    there ->
                        Flux.fromIterable(there.getValue())
                            .filter(branch -> branch.transaction().equals(transaction))
                            .concatMap(branch -> tables.end(there.getKey(), branch, decided))));
  }

  /** Errors with {@link IllegalStateException} if other shards may need what this one has. */
  public Mono<Void> refuseIfNeeded(ShardServers shard) {
    return Mono.defer(
        () ->
            tables.knownPlace(shard) == null && !home.spans()
                ? Mono.empty()
                : seenThere(shard)
                    .flatMap(
                        seen ->
                            tables
                                .rows(
                                    shard,
                                    Decisions.kept(),
                                    row -> Objects.requireNonNull(row.get(0, Long.class)))
                                .single()
                                .flatMap(count -> refuse(seen, count)))
                    .onErrorResume(TransactionTables.MissingException.class, none -> Mono.empty()));
  }

  private static Mono<Void> refuse(Seen seen, long decisions) {
    if (seen.branches().isEmpty() && decisions == 0) {
      return Mono.empty();
    }
    return Mono.error(
        new IllegalStateException(
            seen.shard().id()
                + ": has "
                + decisions
                + " decisions of transactions over shards and "
                + seen.branches().size()
                + " prepared parts of such (expected: none; drain the shard, its decisions are"
                + " deleted "
                + Decisions.COMMITS_KEPT.toMinutes()
                + " min later)"));
  }

  private static void check(String transaction) {
    if (!Xid.isTransaction(transaction)) {
      throw new IllegalArgumentException(
          "transaction: no name of one (expected: as operations().inDoubt() tells it)");
    }
  }

  private static IllegalStateException unknownLead(String transaction) {
    return new IllegalStateException(
        "transaction "
            + transaction
            + ": its lead is none of the shards that answer (expected: one of them)");
  }
}
