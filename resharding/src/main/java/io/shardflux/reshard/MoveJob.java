package io.shardflux.reshard;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.cluster.Jobs.Owned;
import io.shardflux.reshard.JobState.Phase;
import io.shardflux.reshard.MovedTable.KeyRange;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Step;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves the keys of one strategy to where another has them, a step after the other. Each method is
 * one thing that a step needs, and may be done again by another owner after a crash at any point.
 */
final class MoveJob {

  private static final Logger log = LoggerFactory.getLogger(MoveJob.class);

  /** The time for which writers wait at most for the fence to close. */
  private static final Duration CLOSE_BOUND = Duration.ofMillis(100);

  private static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
  private static final Duration MOST_BACKOFF = Duration.ofSeconds(60);

  /** Rows that differ are compared again, as their changes may have been on their way. */
  private static final int COMPARISONS = 20;

  private static final Duration COMPARE_GAP = Duration.ofMillis(100);
  private static final int COMPARED_ROWS = 10_000;
  private static final int CLEANED_ROWS = 1_000;

  /** What a test takes out or waits at, to see what then becomes of rows. */
  interface Guards {

    Guards ALL = new Guards() {};

    /** Called before each piece of work, which it may delay or stop. */
    default Mono<Void> before(String what) {
      return Mono.empty();
    }

    /** Whether the fence is closed for the switch. */
    default boolean closesFence() {
      return true;
    }

    /** Whether statements that were located by an earlier topology are waited for. */
    default boolean settles() {
      return true;
    }
  }

  private final ClusterAccess cluster;
  private final Servers servers;
  private final Owned owned;
  private final String strategy;
  private final ShardingStrategy next;
  private final Pace pace;
  private final Guards guards;
  private final AtomicReference<Stage> stage = new AtomicReference<>(Stage.FREE);
  private volatile JobState state;

  /** Whether the job may be stopped. */
  private enum Stage {
    FREE,
    /** Writers wait for the end of a switch. */
    TURNING,
    STOPPED
  }

  MoveJob(
      ClusterAccess cluster,
      Servers servers,
      Owned owned,
      String strategy,
      ShardingStrategy next,
      Pace pace,
      JobState state,
      Guards guards) {
    this.cluster = cluster;
    this.servers = servers;
    this.owned = owned;
    this.strategy = strategy;
    this.next = next;
    this.pace = pace;
    this.state = state;
    this.guards = guards;
  }

  /**
   * Keeps the job from going on, unless writers wait for the end of a switch at this moment.
   *
   * @return whether it may be given up now
   */
  boolean stopped() {
    return stage.compareAndSet(Stage.FREE, Stage.STOPPED) || stage.get() == Stage.STOPPED;
  }

  /** Does all that is left. */
  Mono<Void> run() {
    return begun().then(Mono.defer(this::steps)).then(Mono.defer(this::finished));
  }

  /** Publishes that the strategy is on its way, unless that was done before. */
  private Mono<Void> begun() {
    return cluster
        .look()
        .then(
            Mono.defer(
                () ->
                    now().strategies().get(strategy) instanceof TransitionStrategy
                        ? Mono.just(now().epoch())
                        : publish(this::onTheWay, "keys of " + strategy + " begin to move")))
        .flatMap(cluster::awaited);
  }

  private Topology now() {
    return cluster.opened().topology();
  }

  private Topology onTheWay(Topology topology) {
    ShardingStrategy old = Objects.requireNonNull(topology.strategies().get(strategy));
    return topology.withStrategy(strategy, TransitionStrategy.of(old, next, pairs(old, next)));
  }

  /** A step for each shard that may lose keys and each that may get them. */
  static List<Step> pairs(ShardingStrategy old, ShardingStrategy next) {
    List<Step> steps = new ArrayList<>();
    for (ShardId from : old.shards()) {
      for (ShardId to : next.shards()) {
        if (!from.equals(to)) {
          steps.add(new Step(from, to, TransitionStrategy.Phase.COPYING));
        }
      }
    }
    return steps;
  }

  private Mono<Long> publish(Function<Topology, Topology> change, String why) {
    return guards
        .before("publish")
        .then(Mono.defer(() -> cluster.publish(owned, change::apply, why)));
  }

  private TransitionStrategy transition() {
    if (now().strategies().get(strategy) instanceof TransitionStrategy way) {
      return way;
    }
    throw new IllegalStateException(
        "strategies." + strategy + ": not on its way (expected: as the job published it)");
  }

  private Mono<Void> steps() {
    return Mono.defer(
            () -> {
              List<Step> steps = transition().steps();
              return state.step() < steps.size() ? step(steps.get(state.step())) : Mono.empty();
            })
        .repeat(() -> state.step() < transition().steps().size())
        .then();
  }

  /** Goes on with a step where it is. */
  private Mono<Void> step(Step step) {
    return onBoth(step, (transfers, source, target) -> phases(step, transfers, source, target));
  }

  private interface StepWork {
    Mono<Void> on(List<Transfer> transfers, Session source, Session target);
  }

  /** Does the work with a connection to each shard of a step, which is taken for this owner. */
  private Mono<Void> onBoth(Step step, StepWork work) {
    return tables()
        .collectList()
        .flatMap(
            rules ->
                moving(step, rules)
                    .flatMap(
                        moving ->
                            servers
                                .on(
                                    step.from(),
                                    step.to(),
                                    (source, target) ->
                                        transfers(rules, moving, source, target)
                                            .flatMap(all -> work.on(all, source, target))
                                            .thenReturn(true))
                                .then()));
  }

  /** The tables of the strategy, which move together. */
  private Flux<TableRule.Sharded> tables() {
    return Flux.fromIterable(now().tables().values())
        .ofType(TableRule.Sharded.class)
        .filter(rule -> rule.strategy().equals(strategy));
  }

  /** The condition of the rows that a step moves, by table. */
  private Mono<Map<String, String>> moving(Step step, List<TableRule.Sharded> rules) {
    Map<String, String> moving = new LinkedHashMap<>();
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                transition()
                    .moving(step, rule.key())
                    .doOnNext(condition -> moving.put(rule.table(), condition)))
        .then(Mono.fromSupplier(() -> moving));
  }

  /** The tables of a step, on both its shards, which are taken for this owner. */
  private Mono<List<Transfer>> transfers(
      List<TableRule.Sharded> rules, Map<String, String> moving, Session source, Session target) {
    return Capture.prepare(source, owned)
        .then(Capture.prepare(target, owned))
        .then(source.update("SET @shardflux_mover = 1"))
        .thenMany(Flux.fromIterable(rules))
        .concatMap(rule -> table(source, rule.table(), rule.key()))
        .index(
            (position, table) ->
                new Transfer(
                    source,
                    target,
                    new Capture(
                        owned.job(),
                        state.step(),
                        table,
                        position.intValue(),
                        Objects.requireNonNull(moving.get(table.name()))),
                    owned))
        .collectList();
  }

  private static Mono<MovedTable> table(Session source, String name, List<KeyColumn> key) {
    return MovedTable.read(source, name, key)
        .switchIfEmpty(
            Mono.error(
                () ->
                    new IllegalStateException(
                        "table: " + name + ", gone on " + source.shard() + " (expected: there)")));
  }

  private Mono<Void> phases(Step step, List<Transfer> transfers, Session source, Session target) {
    return Mono.defer(
            () ->
                switch (state.phase()) {
                  case PREPARE -> prepared(transfers, source, target);
                  case COPY -> copied(transfers);
                  case VERIFY -> verified(transfers);
                  case SWITCH -> switched(step, transfers, source, target);
                  case CLEAN -> cleaned(transfers, source);
                })
        .thenReturn(state.step())
        .repeat(() -> state.step() == before(transfers))
        .then();
  }

  private static int before(List<Transfer> transfers) {
    return transfers.isEmpty() ? -1 : transfers.get(0).capture().step();
  }

  private Mono<Void> at(JobState reached) {
    return guards
        .before("note " + reached.phase())
        .then(cluster.jobs().note(owned, reached.text()))
        .doOnSuccess(done -> state = reached);
  }

  private Mono<Void> prepared(List<Transfer> transfers, Session source, Session target) {
    Map<String, String> marks = new LinkedHashMap<>();
    return Capture.fence(source, owned.job(), state.step())
        .thenMany(Flux.fromIterable(transfers))
        .concatMap(
            transfer ->
                created(transfer.capture().table(), source, target)
                    .then(guards.before("install"))
                    .then(transfer.capture().install(source))
                    .then(transfer.capture().mark(source))
                    .doOnNext(mark -> marks.put(transfer.capture().table().name(), mark)))
        // A statement that was planned while no key moved must not find a row twice.
        .then(Mono.defer(() -> state.step() == 0 ? settled(source) : Mono.<Void>empty()))
        .then(Mono.defer(() -> at(state.marked(marks).at(Phase.COPY))));
  }

  /** Makes a table that the target does not have yet. */
  private static Mono<Void> created(MovedTable table, Session source, Session target) {
    return source
        .rows(
            "SHOW CREATE TABLE " + table.quoted(),
            row -> Objects.requireNonNull(row.get(1, String.class)))
        .single()
        .flatMap(
            sql ->
                target.update(
                    sql.replaceFirst("^CREATE TABLE ", "CREATE TABLE IF NOT EXISTS ")
                        .replaceFirst(" AUTO_INCREMENT=\\d+", "")))
        .then();
  }

  private Mono<Void> copied(List<Transfer> transfers) {
    return ranges(
            transfers,
            Transfer.ROWS,
            (transfer, range) ->
                guards
                    .before("copy")
                    .then(pace.kept(transfer.copy(range)))
                    .doOnNext(rows -> state = state.copied(rows))
                    .then(guards.before("apply"))
                    .then(transfer.applied())
                    .then())
        .then(Mono.defer(() -> at(state.at(Phase.VERIFY))));
  }

  /** Does the work for each range of each table's keys, from where the job is. */
  private Mono<Void> ranges(
      List<Transfer> transfers, int rows, BiFunction<Transfer, KeyRange, Mono<Void>> work) {
    return Mono.defer(
            () -> {
              if (state.table() >= transfers.size()) {
                return Mono.<Void>empty();
              }
              Transfer transfer = transfers.get(state.table());
              List<String> after = state.key();
              return transfer
                  .bound(after, rows)
                  .defaultIfEmpty(List.of())
                  .flatMap(
                      upTo ->
                          work.apply(transfer, new KeyRange(after, upTo))
                              .then(
                                  Mono.defer(
                                      () ->
                                          at(
                                              upTo.isEmpty()
                                                  ? state.at(state.table() + 1, List.of())
                                                  : state.at(state.table(), upTo)))));
            })
        .repeat(() -> state.table() < transfers.size())
        .then();
  }

  private Mono<Void> verified(List<Transfer> transfers) {
    return ranges(transfers, COMPARED_ROWS, this::verified)
        .then(Mono.defer(() -> at(state.at(Phase.SWITCH))));
  }

  private Mono<Void> verified(Transfer transfer, KeyRange range) {
    return guards
        .before("verify")
        .then(transfer.different(range))
        .flatMap(keys -> settled(transfer, keys, COMPARISONS));
  }

  /** Looks at rows that differ again and again, as their changes may have been on their way. */
  private Mono<Void> settled(Transfer transfer, List<List<String>> keys, int tries) {
    if (keys.isEmpty()) {
      return Mono.empty();
    }
    if (tries == 0) {
      return Mono.error(
          new IllegalStateException(
              "table: "
                  + transfer.capture().table().name()
                  + ", "
                  + keys.size()
                  + " rows differ on both sides, the first of key "
                  + keys.get(0)
                  + " (expected: the same after their changes were applied)"));
    }
    return Mono.delay(COMPARE_GAP)
        .then(Mono.defer(() -> transfer.different(keys)))
        .flatMap(left -> settled(transfer, left, tries - 1));
  }

  /** Publishes, fences, applies the last changes and publishes again, until it succeeds. */
  private Mono<Void> switched(Step step, List<Transfer> transfers, Session source, Session target) {
    return phaseOf(step) == TransitionStrategy.Phase.SWITCHED
        ? at(state.at(Phase.CLEAN))
        : reopened(source)
            .then(intactOrAnew(transfers, source, target))
            .thenMany(Flux.fromIterable(transfers))
            .concatMap(Transfer::caughtUp)
            .then(Mono.defer(() -> turned(step, transfers, source)))
            .filter(done -> done)
            .repeatWhenEmpty(this::backingOff)
            .then(Mono.defer(() -> at(state.at(Phase.CLEAN))));
  }

  private TransitionStrategy.Phase phaseOf(Step step) {
    return transition().steps().stream()
        .filter(each -> each.from().equals(step.from()) && each.to().equals(step.to()))
        .findFirst()
        .orElseThrow()
        .phase();
  }

  private Flux<Long> backingOff(Flux<Long> tries) {
    return tries.concatMap(
        failed -> {
          Duration pause = FIRST_BACKOFF.multipliedBy(1L << Math.min(failed, 6));
          return Mono.delay(pause.compareTo(MOST_BACKOFF) < 0 ? pause : MOST_BACKOFF);
        });
  }

  private Mono<Void> drainedAll(List<Transfer> transfers) {
    return Flux.fromIterable(transfers).concatMap(Transfer::drained).then();
  }

  /**
   * Has the step begin anew where a table is not intact and the job can't be cancelled any more.
   */
  private Mono<Void> intactOrAnew(List<Transfer> transfers, Session source, Session target) {
    return intact(transfers, source)
        .onErrorResume(
            IllegalStateException.class,
            error ->
                (keysMoved(transition()) ? anew(transfers, source, target) : Mono.<Void>empty())
                    .then(Mono.error(error)));
  }

  private Mono<Void> anew(List<Transfer> transfers, Session source, Session target) {
    return undone(transfers, source, target).then(Mono.defer(() -> at(state.at(Phase.PREPARE))));
  }

  private static boolean keysMoved(TransitionStrategy way) {
    return way.steps().stream().anyMatch(step -> step.phase() == TransitionStrategy.Phase.SWITCHED);
  }

  /** Stops where a table lost its triggers or was made anew, as its changes were not noted then. */
  private Mono<Void> intact(List<Transfer> transfers, Session source) {
    return Flux.fromIterable(transfers)
        .concatMap(
            transfer ->
                Mono.zip(transfer.capture().complete(source), transfer.capture().mark(source))
                    .flatMap(
                        both -> {
                          String name = transfer.capture().table().name();
                          boolean same = both.getT2().equals(state.marks().get(name));
                          return both.getT1() && same
                              ? Mono.<Void>empty()
                              : Mono.<Void>error(
                                  new IllegalStateException(
                                      "table: "
                                          + name
                                          + ", emptied, made anew or without its triggers on "
                                          + source.shard()
                                          + " (expected: as when the copy began; cancel the job"
                                          + " and start it again; once keys have moved the step"
                                          + " begins anew by itself)"));
                        }))
        .then();
  }

  private Mono<Boolean> turned(Step step, List<Transfer> transfers, Session source) {
    return Mono.defer(
        () ->
            stage.compareAndSet(Stage.FREE, Stage.TURNING)
                ? turnedNow(step, transfers, source)
                    .doFinally(end -> stage.compareAndSet(Stage.TURNING, Stage.FREE))
                // It is about to be cancelled.
                : Mono.never());
  }

  private Mono<Boolean> turnedNow(Step step, List<Transfer> transfers, Session source) {
    return guards
        .before("switching")
        .then(publish(in(step, TransitionStrategy.Phase.SWITCHING), "writes of moving keys wait"))
        .flatMap(cluster::awaited)
        .then(guards.before("close"))
        .then(guards.closesFence() ? closed(source) : Mono.just(1L))
        .flatMap(
            rows ->
                definitionsHeld(step, transfers, () -> drained(step, transfers, source))
                    .thenReturn(true))
        .switchIfEmpty(
            Mono.defer(
                () ->
                    publish(
                            in(step, TransitionStrategy.Phase.COPYING),
                            "open transactions hold the fence; it is tried again")
                        .thenReturn(false)))
        .onErrorResume(error -> given(step, source, error));
  }

  /** Behind the closed fence: applies the last changes, and publishes the new place. */
  private Mono<Void> drained(Step step, List<Transfer> transfers, Session source) {
    return guards
        .before("drain")
        .then(intact(transfers, source))
        .then(drainedAll(transfers))
        .then(
            publish(
                in(step, TransitionStrategy.Phase.SWITCHED),
                "keys moved from " + step.from() + " to " + step.to()))
        .flatMap(cluster::awaited);
  }

  /** Does the work while nobody can empty or alter the source's tables, which no fence refuses. */
  private Mono<Void> definitionsHeld(
      Step step, List<Transfer> transfers, Supplier<Mono<Void>> work) {
    return servers
        .on(
            step.from(),
            holder ->
                holder
                    .inTransaction(
                        Flux.fromIterable(transfers)
                            .concatMap(transfer -> holder.used(transfer.capture().table()))
                            .then(Mono.defer(work)))
                    .thenReturn(true))
        .then();
  }

  /**
   * Takes a failed switch back, unless it was published after all. While that is not known the
   * fence stays as it is.
   */
  private Mono<Boolean> given(Step step, Session source, Throwable error) {
    return cluster
        .look()
        .then(
            Mono.defer(
                () ->
                    phaseOf(step) == TransitionStrategy.Phase.SWITCHED
                        ? Mono.just(true)
                        // Published first: a place that was published unseen is met here.
                        : publish(in(step, TransitionStrategy.Phase.COPYING), "the switch failed")
                            .then(reopened(source))
                            .then(Mono.<Boolean>error(error))))
        .onErrorMap(other -> other == error ? error : withSuppressed(error, other));
  }

  private static Throwable withSuppressed(Throwable error, Throwable other) {
    error.addSuppressed(other);
    return error;
  }

  private Function<Topology, Topology> in(Step step, TransitionStrategy.Phase phase) {
    return topology -> {
      TransitionStrategy way = transition();
      List<Step> steps =
          way.steps().stream()
              .map(
                  each ->
                      each.from().equals(step.from()) && each.to().equals(step.to())
                          ? each.in(phase)
                          : each)
              .toList();
      return topology.withStrategy(strategy, way.with(steps));
    };
  }

  /** Closes the fence once all writers under way have ended; empty if that takes too long. */
  private Mono<Long> closed(Session source) {
    return fence(source, source.bounded(fenceSql(1), CLOSE_BOUND));
  }

  /**
   * Opens the fence if it is closed, whatever it takes: writers that meet it closed are refused. An
   * open one is not touched: a change would wait for open transactions, and all writers behind it.
   */
  private Mono<Void> reopened(Session source) {
    return source
        .rows(
            "SELECT closed FROM shardflux_fence" + fenceRow(),
            row -> Objects.requireNonNull(row.get(0, Long.class)))
        .filter(closed -> closed != 0)
        .concatMap(closed -> fence(source, source.update(fenceSql(0))))
        .then();
  }

  private String fenceSql(int closed) {
    return "UPDATE shardflux_fence SET closed = " + closed + fenceRow();
  }

  private String fenceRow() {
    return " WHERE job = " + owned.job() + " AND step = " + state.step();
  }

  /** Changes the fence in one transaction with the look at who owns the job. */
  private Mono<Long> fence(Session source, Mono<Long> change) {
    return source
        .update("START TRANSACTION")
        .then(Capture.check(source, owned))
        .then(change)
        .flatMap(rows -> source.update("COMMIT").thenReturn(rows))
        .switchIfEmpty(source.update("ROLLBACK").then(Mono.empty()))
        // The first error is told; a session that is lost rolls back by itself.
        .onErrorResume(
            error -> source.update("ROLLBACK").onErrorComplete().then(Mono.error(error)));
  }

  /**
   * Completes when no statement is under way that was located by an earlier topology, also by a
   * router that alone has lost the control server: that one follows the source's database. No
   * trigger sees a statement that finds no row.
   */
  private Mono<Void> settled(Session source) {
    Duration lease = cluster.lease();
    Duration followed = lease.plus(lease.dividedBy(4));
    return cluster
        .awaited(now().epoch())
        .then(cluster.noted(source.shard()))
        .then(
            guards.settles()
                ? Mono.delay(followed.plus(cluster.own().options().timeouts().acquire()))
                : Mono.empty())
        .then();
  }

  /** Deletes the rows that moved from the source, once no router reads them there any more. */
  private Mono<Void> cleaned(List<Transfer> transfers, Session source) {
    return settled(source)
        .then(
            ranges(
                transfers,
                CLEANED_ROWS,
                (transfer, range) -> {
                  MovedTable table = transfer.capture().table();
                  String moved = range.condition(table) + " AND " + transfer.capture().moving();
                  return guards
                      .before("clean")
                      .then(pace.kept(deleted(source, table.delete(moved))))
                      .then();
                }))
        .thenMany(Flux.fromIterable(transfers))
        .concatMap(transfer -> transfer.capture().remove(source))
        .then(Mono.defer(() -> at(state.nextStep())))
        .doOnSuccess(done -> log.info("job {}: step {} is done", owned.job(), state.step()));
  }

  private Mono<Long> deleted(Session source, String delete) {
    AtomicLong rows = new AtomicLong();
    return source
        .inTransaction(
            Capture.check(source, owned).then(source.update(delete).doOnNext(rows::set)).then())
        .then(Mono.fromSupplier(rows::get));
  }

  /**
   * Undoes all: takes the triggers and what was copied away, and publishes the old strategy.
   *
   * @return false if keys have moved, and then nothing is undone
   */
  Mono<Boolean> cancelled() {
    return cluster.look().then(Mono.defer(this::cancelledNow));
  }

  private Mono<Boolean> cancelledNow() {
    if (!(now().strategies().get(strategy) instanceof TransitionStrategy way)) {
      return Mono.just(true);
    }
    if (keysMoved(way)) {
      return Mono.just(false);
    }
    return onBoth(way.steps().get(state.step()), this::undone)
        .then(
            publish(
                topology -> topology.withStrategy(strategy, way.old()),
                "the move of " + strategy + " was cancelled"))
        .thenReturn(true);
  }

  private Mono<Void> undone(List<Transfer> transfers, Session source, Session target) {
    return reopened(source)
        .thenMany(Flux.fromIterable(transfers))
        .concatMap(
            transfer ->
                transfer
                    .capture()
                    .remove(source)
                    .then(
                        target.inTransaction(
                            Capture.check(target, owned)
                                .then(
                                    target.update(
                                        transfer
                                            .capture()
                                            .table()
                                            .delete(transfer.capture().moving())))
                                .then())))
        .then();
  }

  private Mono<Void> finished() {
    return now().strategies().get(strategy) instanceof TransitionStrategy
        ? publish(
                topology -> topology.withStrategy(strategy, next),
                "all keys of " + strategy + " moved")
            .then()
        : Mono.empty();
  }
}
