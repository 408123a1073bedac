package io.shardflux.reshard.job;

import io.shardflux.reshard.plan.Passage;
import io.shardflux.reshard.transfer.Capture;
import io.shardflux.reshard.transfer.Fence;
import io.shardflux.reshard.transfer.Joined;
import io.shardflux.reshard.transfer.Lane;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Session;
import io.shardflux.reshard.transfer.Transfer;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A step with a connection to each of its shards, which are taken for this owner.
 *
 * @param number the step's position in the plan, from 0
 * @param transfers its tables, which move together
 */
@Internal
public record OpenStep(
    OwnedMove move,
    Step step,
    int number,
    List<Transfer> transfers,
    Session source,
    Session target) {

  /** Does the work with a step; the connections are closed then. */
  public static Mono<Void> on(OwnedMove move, int number, Function<OpenStep, Mono<Void>> work) {
    return on(move, number, Sides.SOURCE, work);
  }

  /** The sides of which one must have a table. */
  public enum Sides {
    SOURCE,
    EITHER
  }

  /** The same, where a table may be gone. */
  public static Mono<Void> on(
      OwnedMove move, int number, Sides sides, Function<OpenStep, Mono<Void>> work) {
    Step step = move.transition().steps().get(number);
    return move.servers()
        .on(
            step.from(),
            step.to(),
            (source, target) ->
                of(move, number, source, target, sides).flatMap(work).thenReturn(true))
        .then();
  }

  /** Does the work with each of the first steps, from where the job is. */
  public static Mono<Void> each(OwnedMove move, int steps, Function<OpenStep, Mono<Void>> work) {
    return each(move, steps, Sides.SOURCE, work);
  }

  /** The same, where a table may be gone. */
  public static Mono<Void> each(
      OwnedMove move, int steps, Sides sides, Function<OpenStep, Mono<Void>> work) {
    return Mono.defer(
            () ->
                move.state().step() >= steps
                    ? Mono.<Void>empty()
                    : on(move, move.state().step(), sides, work)
                        .then(
                            Mono.defer(
                                () ->
                                    move.at(
                                        move.state()
                                            .at(move.state().step() + 1, move.state().phase())))))
        .repeat(() -> move.state().step() < steps)
        .then();
  }

  /** A step by connections that are there. */
  public static Mono<OpenStep> of(OwnedMove move, int number, Session source, Session target) {
    return of(move, number, source, target, Sides.SOURCE);
  }

  private static Mono<OpenStep> of(
      OwnedMove move, int number, Session source, Session target, Sides sides) {
    Step step = move.transition().steps().get(number);
    return tables(move)
        .collectList()
        .flatMap(
            rules ->
                moving(move, step, rules)
                    .flatMap(
                        moving ->
                            transfers(move, number, step, rules, moving, source, target, sides)))
        .map(all -> new OpenStep(move, step, number, all, source, target));
  }

  /** Does the work with the tables that are copied; the connections are closed then. */
  public static Mono<Void> onCopies(OwnedMove move, Function<OpenStep, Mono<Void>> work) {
    Passage passage = move.passage();
    return onCopies(move, passage.source(), passage.target(), OpenStep::copied, work);
  }

  /** The same with those that are there, on one of both shards alone where the other has gone. */
  public static Mono<Void> onCopiesLeft(OwnedMove move, Function<OpenStep, Mono<Void>> work) {
    List<ShardId> both =
        Stream.of(move.passage().source(), move.passage().target())
            .filter(move.now().shards()::contains)
            .toList();
    return both.isEmpty()
        ? Mono.empty()
        : onCopies(move, both.get(0), both.get(both.size() - 1), OpenStep::left, work);
  }

  private static Mono<Void> onCopies(
      OwnedMove move,
      ShardId from,
      ShardId to,
      Tables tables,
      Function<OpenStep, Mono<Void>> work) {
    Step step = new Step(move.passage().source(), move.passage().target(), Phase.COPYING);
    return move.servers()
        .on(
            from,
            to,
            (source, target) ->
                taken(move, 0, step, source)
                    .then(taken(move, 0, step, target))
                    .thenMany(Flux.fromIterable(move.passage().tables()))
                    .concatMap(table -> tables.read(source, target, table))
                    .index(
                        (position, table) ->
                            new Transfer(
                                source,
                                target,
                                new Capture(
                                    move.owned().job(), 0, table, position.intValue(), "TRUE"),
                                move.owned()))
                    .collectList()
                    .map(all -> new OpenStep(move, step, 0, all, source, target))
                    .flatMap(work)
                    .thenReturn(true))
        .then();
  }

  /** Does work with the step over further connections, if there may be some. */
  public Mono<Void> onLanes(Function<OpenStep, Mono<Void>> work) {
    return move.servers()
        .onLanes(
            source.shard(),
            target.shard(),
            lanes ->
                Flux.fromIterable(lanes)
                    .concatMap(lane -> unnoted(lane.source()).then(unnoted(lane.target())))
                    .then(Mono.defer(() -> work.apply(with(lanes))))
                    .thenReturn(true))
        .then();
  }

  private OpenStep with(List<Lane> lanes) {
    return new OpenStep(
        move,
        step,
        number,
        transfers.stream().map(transfer -> transfer.with(lanes)).toList(),
        source,
        target);
  }

  /** The same step, whose changes are applied as {@link Joined} says. */
  public OpenStep joined() {
    return new OpenStep(
        move, step, number, transfers.stream().map(Transfer::joined).toList(), source, target);
  }

  /** The tables of the strategy. */
  private static Flux<TableRule.Sharded> tables(OwnedMove move) {
    return Flux.fromIterable(move.now().tables().values())
        .ofType(TableRule.Sharded.class)
        .filter(rule -> rule.strategy().equals(move.strategy()));
  }

  /** The condition of the rows that a step moves, by table. */
  private static Mono<Map<String, String>> moving(
      OwnedMove move, Step step, List<TableRule.Sharded> rules) {
    Map<String, String> moving = new LinkedHashMap<>();
    return Flux.fromIterable(rules)
        .concatMap(
            rule ->
                move.transition()
                    .moving(step, rule.key())
                    .doOnNext(condition -> moving.put(rule.table(), condition)))
        .then(Mono.fromSupplier(() -> moving));
  }

  private static Mono<List<Transfer>> transfers(
      OwnedMove move,
      int number,
      Step step,
      List<TableRule.Sharded> rules,
      Map<String, String> moving,
      Session source,
      Session target,
      Sides sides) {
    return taken(move, number, step, source)
        .then(taken(move, number, step, target))
        .thenMany(Flux.fromIterable(rules))
        .concatMap(rule -> table(source, target, sides, rule))
        .index(
            (position, table) ->
                new Transfer(
                    source,
                    target,
                    new Capture(
                        move.owned().job(),
                        number,
                        table,
                        position.intValue(),
                        Objects.requireNonNull(moving.get(table.name()))),
                    move.owned()))
        .collectList();
  }

  /** Writes of the mover are not noted, and no fence refuses them. */
  private static Mono<Long> taken(OwnedMove move, int number, Step step, Session session) {
    return Capture.prepare(session.telling(move.watch().delays(number, step)), move.owned())
        .then(unnoted(session));
  }

  private static Mono<Long> unnoted(Session session) {
    return session.update("SET @shardflux_mover = 1");
  }

  /** Reads a table that is copied. */
  private interface Tables {

    Mono<MovedTable> read(Session source, Session target, String table);
  }

  private static Mono<MovedTable> left(Session source, Session target, String table) {
    return MovedTable.read(source, table, List.of())
        .switchIfEmpty(MovedTable.read(target, table, List.of()));
  }

  private static Mono<MovedTable> copied(Session source, Session target, String table) {
    return MovedTable.read(source, table, List.of())
        .switchIfEmpty(Mono.error(() -> gone(source, table)));
  }

  private static IllegalStateException gone(Session source, String table) {
    return new IllegalStateException(
        "table: " + table + ", gone on " + source.shard() + " (expected: there)");
  }

  private static Mono<MovedTable> table(
      Session source, Session target, Sides sides, TableRule.Sharded rule) {
    return MovedTable.read(source, rule.table(), rule.key())
        .switchIfEmpty(
            sides == Sides.EITHER
                ? MovedTable.read(target, rule.table(), rule.key())
                : Mono.empty())
        .switchIfEmpty(Mono.error(() -> gone(source, rule.table())));
  }

  /** Does the work for each table, one after the other. */
  public Mono<Void> each(Function<Transfer, Mono<Void>> work) {
    return Flux.fromIterable(transfers).concatMap(work).then();
  }

  /** The transfers of what changes on the target, to the source. */
  public List<Transfer> back() {
    return transfers.stream().map(Transfer::back).toList();
  }

  public Fence fence() {
    return new Fence(move.owned(), number);
  }

  /** Tells whether the target has the keys, whatever was published of it. */
  public Mono<Boolean> crossed() {
    return fence().crossed(source, target);
  }

  /** Stops where a table lost its triggers or was made anew, as its changes were not noted then. */
  public Mono<Void> intact() {
    return each(
        transfer -> intact(transfer.capture(), source).then(intact(transfer.capture(), target)));
  }

  /** The same of the source alone, where the target has no triggers. */
  public Mono<Void> sourceIntact() {
    return each(transfer -> intact(transfer.capture(), source));
  }

  private Mono<Void> intact(Capture capture, Session session) {
    String name = mark(capture, session);
    return Mono.zip(capture.complete(session), capture.mark(session))
        .filter(both -> !both.getT1() || !both.getT2().equals(move.state().marks().get(name)))
        .flatMap(
            both ->
                Mono.error(
                    new IllegalStateException(
                        "table: "
                            + capture.table().name()
                            + ", emptied, made anew or without its triggers on "
                            + session.shard()
                            + " (expected: as when the copy began; cancel the job"
                            + " and start it again; once keys have moved the step"
                            + " begins anew by itself)")));
  }

  /** The name of a table's mark. */
  public String mark(Capture capture, Session session) {
    return number + " " + session.shard() + " " + capture.table().name();
  }
}
