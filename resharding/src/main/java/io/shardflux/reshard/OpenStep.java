package io.shardflux.reshard;

import io.shardflux.router.KeyColumn;
import io.shardflux.router.TableRule;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * A step with a connection to each of its shards, which are taken for this owner.
 *
 * @param number the step's position in the plan, from 0
 * @param transfers its tables, which move together
 */
record OpenStep(Step step, int number, List<Transfer> transfers, Session source, Session target) {

  /** Does the work with the step; the connections are closed then. */
  static Mono<Void> on(OwnedMove move, Step step, int number, Function<OpenStep, Mono<Void>> work) {
    return tables(move)
        .collectList()
        .flatMap(
            rules ->
                moving(move, step, rules)
                    .flatMap(
                        moving ->
                            move.servers()
                                .on(
                                    step.from(),
                                    step.to(),
                                    (source, target) ->
                                        transfers(move, number, rules, moving, source, target)
                                            .map(
                                                all ->
                                                    new OpenStep(step, number, all, source, target))
                                            .flatMap(work)
                                            .thenReturn(true))
                                .then()));
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
      List<TableRule.Sharded> rules,
      Map<String, String> moving,
      Session source,
      Session target) {
    return Capture.prepare(source, move.owned())
        .then(Capture.prepare(target, move.owned()))
        .then(source.update("SET @shardflux_mover = 1"))
        .thenMany(Flux.fromIterable(rules))
        .concatMap(rule -> table(source, rule.table(), rule.key()))
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

  private static Mono<MovedTable> table(Session source, String name, List<KeyColumn> key) {
    return MovedTable.read(source, name, key)
        .switchIfEmpty(
            Mono.error(
                () ->
                    new IllegalStateException(
                        "table: " + name + ", gone on " + source.shard() + " (expected: there)")));
  }

  /** Does the work for each table, one after the other. */
  Mono<Void> each(Function<Transfer, Mono<Void>> work) {
    return Flux.fromIterable(transfers).concatMap(work).then();
  }
}
