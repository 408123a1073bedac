package io.shardflux.reshard.plan;

import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Kind;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Compares the copies of reference tables. A shard that shall get its first copy must have no other
 * rows, as a copy takes their place. A new shard that has copies by the topology must have them.
 */
final class CopyCheck {

  /** Writers may be between two copies at a look. */
  private static final int LOOKS = 5;

  private static final Duration GAP = Duration.ofMillis(100);

  private final Servers servers;
  private final Topology now;
  private final Draft draft;

  CopyCheck(Servers servers, Topology now, Draft draft) {
    this.servers = servers;
    this.now = now;
    this.draft = draft;
  }

  Mono<List<Refusal>> refusals() {
    return draft.kind() == Kind.COPY ? ofCopies() : ofNewShards();
  }

  private Mono<List<Refusal>> ofCopies() {
    ShardId source = draft.old().shards().iterator().next();
    ShardId target = draft.next().shards().iterator().next();
    return Flux.fromIterable(draft.tables())
        .concatMap(
            table ->
                compared(source, target, table)
                    .filter(found -> !found.isEmpty() && !found.startsWith("0 "))
                    .map(
                        found ->
                            refusal(
                                table + " on " + target,
                                "other rows than on "
                                    + source
                                    + " (expected: none, or no such table; drop it, and the move"
                                    + " copies it there)")))
        .collectList();
  }

  /** The topology may be a document's, which says that all have them. */
  private Mono<List<Refusal>> ofNewShards() {
    Set<ShardId> old = draft.old().shards();
    return Flux.fromIterable(now.tables().values())
        .ofType(TableRule.Reference.class)
        .concatMap(
            rule ->
                Flux.fromIterable(old)
                    .filter(rule::isReadOn)
                    .take(1)
                    .concatMap(
                        first ->
                            Flux.fromIterable(draft.next().shards())
                                .filter(shard -> !old.contains(shard) && rule.isReadOn(shard))
                                .concatMap(shard -> like(first, shard, rule.table()))))
        .collectList();
  }

  private Mono<Refusal> like(ShardId first, ShardId shard, String table) {
    return compared(first, shard, table)
        .map(
            found ->
                refusal(
                    table + " on " + shard,
                    (found.isEmpty() ? "missing" : "other rows than on " + first)
                        + " (expected: the same rows, as the topology says that it is there; copy"
                        + " it, as by mariadb-dump)"));
  }

  private static Refusal refusal(String where, String message) {
    return new Refusal(Code.REFERENCE_TABLE, where, message);
  }

  /**
   * The state of a shard's copy where it differs from another one's; empty if both are the same.
   */
  private Mono<String> compared(ShardId expected, ShardId shard, String table) {
    return Mono.zip(state(expected, table), state(shard, table))
        .filter(both -> !both.getT1().equals(both.getT2()))
        .map(both -> both.getT2())
        // No writer makes a table, or the first of its rows, in between.
        .map(found -> new Seen(found, found.isEmpty() || found.startsWith("0 ")))
        .defaultIfEmpty(Seen.SAME)
        .repeatWhen(looks -> looks.take(LOOKS).delayElements(GAP))
        .takeUntil(Seen::last)
        .last()
        .filter(seen -> !seen.equals(Seen.SAME))
        .map(Seen::found);
  }

  /**
   * A look at both copies.
   *
   * @param last whether no other look can tell more
   */
  private record Seen(String found, boolean last) {

    static final Seen SAME = new Seen("same", true);
  }

  /** A table's number of rows and checksum; an empty text if it is missing. */
  private Mono<String> state(ShardId shard, String table) {
    return servers
        .on(
            shard,
            session ->
                MovedTable.read(session, table, List.of())
                    .flatMap(
                        found ->
                            session
                                .rows(
                                    found.checksum("TRUE"),
                                    row ->
                                        row.get(0, Long.class)
                                            + " rows, checksum "
                                            + row.get(2, String.class))
                                .single())
                    .defaultIfEmpty(""))
        .single();
  }
}
