package io.shardflux.reshard.plan;

import io.shardflux.cluster.ClusterAccess;
import io.shardflux.reshard.plan.DirectoryKeys.Moved;
import io.shardflux.reshard.plan.MovePlan.Code;
import io.shardflux.reshard.plan.MovePlan.Part;
import io.shardflux.reshard.plan.MovePlan.Refusal;
import io.shardflux.reshard.transfer.MovedTable;
import io.shardflux.reshard.transfer.Servers;
import io.shardflux.router.Internal;
import io.shardflux.router.KeyColumn;
import io.shardflux.router.ShardId;
import io.shardflux.router.TableRule;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Says what an intent would do, and what is in its way. Changes nothing. */
@Internal
public final class MovePlanner {

  /** The time beyond two leases within which routers say what they reached, or are gone. */
  private static final Duration REACHED = Duration.ofSeconds(2);

  private final ClusterAccess cluster;

  public MovePlanner(ClusterAccess cluster) {
    this.cluster = cluster;
  }

  public Mono<MovePlan> plan(Intent intent) {
    return cluster
        .look()
        .then(
            Mono.defer(
                () -> {
                  Topology now = cluster.opened().topology();
                  return DirectoryKeys.of(intent, now)
                      .flatMap(directories -> plan(intent, now, directories));
                }));
  }

  private Mono<MovePlan> plan(Intent intent, Topology now, Map<String, Moved> directories) {
    List<Draft> drafts = Draft.of(intent, now, directories);
    return Mono.usingWhen(
        Mono.fromCallable(
                () -> new Servers(cluster.opened().shards(), cluster.resharding().maxConnections()))
            .subscribeOn(Schedulers.boundedElastic()),
        servers ->
            Flux.fromIterable(drafts)
                .concatMap(draft -> planned(servers, now, intent, draft))
                .collectList()
                .flatMap(
                    parts ->
                        Mono.zip(
                            unreached(drafts),
                            Room.of(servers, pairs(parts)),
                            (unreached, targets) -> together(parts, unreached, targets))),
        Servers::close);
  }

  private record Planned(Part part, List<Refusal> refusals) {}

  /** The routers that could not go on where rows shall be. */
  private Mono<List<Refusal>> unreached(List<Draft> drafts) {
    Set<ShardId> shards = new LinkedHashSet<>();
    drafts.forEach(draft -> shards.addAll(draft.next().shards()));
    return cluster
        .unreached(shards, cluster.lease().multipliedBy(2).plus(REACHED))
        .map(
            routers ->
                routers.stream()
                    .map(
                        router ->
                            new Refusal(
                                Code.ROUTER_UNREACHED,
                                "routers",
                                router
                                    + " (expected: each router of the cluster; look at its log,"
                                    + " its control.credentials and its way to the server)"))
                    .toList());
  }

  private static List<MovePlan.Pair> pairs(List<Planned> parts) {
    return parts.stream().flatMap(planned -> planned.part().pairs().stream()).toList();
  }

  private MovePlan together(
      List<Planned> parts, List<Refusal> unreached, List<MovePlan.Target> targets) {
    return new MovePlan(
        parts.stream().map(Planned::part).toList(),
        Stream.of(
                parts.stream().flatMap(part -> part.refusals().stream()),
                unreached.stream(),
                Room.refusals(targets).stream())
            .flatMap(all -> all)
            .distinct()
            .toList(),
        MoveOptions.of(cluster.resharding()),
        targets,
        List.of());
  }

  private Mono<Planned> planned(Servers servers, Topology now, Intent intent, Draft draft) {
    return draft.kind() == MovePlan.Kind.PINNED || draft.kind() == MovePlan.Kind.COPY
        ? wholeTables(servers, draft).flatMap(rules -> planned(servers, now, intent, draft, rules))
        : planned(servers, now, intent, draft, draft.rules());
  }

  /** The rules of tables that move whole, by the first column of their primary key. */
  private static Mono<List<TableRule.Sharded>> wholeTables(Servers servers, Draft draft) {
    return Flux.fromIterable(draft.tables())
        .concatMap(
            table ->
                servers
                    .on(
                        draft.old().shards().iterator().next(),
                        session -> MovedTable.read(session, table, List.of()))
                    .map(found -> found.primary().isEmpty() ? found.columns() : found.primary())
                    .map(columns -> columns.get(0).name())
                    // The checks say that a table is missing, or has no primary key.
                    .single("id")
                    .map(
                        column ->
                            new TableRule.Sharded(
                                table, List.of(KeyColumn.text(column)), draft.strategy())))
        .collectList();
  }

  private Mono<Planned> planned(
      Servers servers, Topology now, Intent intent, Draft draft, List<TableRule.Sharded> rules) {
    TransitionStrategy way = Passage.way(draft.kind(), draft.old(), draft.next(), rules);
    SizeEstimate sizes = new SizeEstimate(servers, way, rules);
    return new MoveCheck(servers, rules, draft.old(), draft.next(), beside(now, draft))
        .refusals()
        .zipWith(
            new GuaranteeCheck(cluster, servers, rules, draft.old(), draft.next())
                .refusals()
                .zipWith(new CopyCheck(servers, now, draft).refusals(), MovePlanner::both),
            (found, more) -> {
              List<Refusal> refusals = both(found, more);
              if (rules.isEmpty() && !(intent instanceof Intent.RemoveShard)) {
                refusals.add(
                    new Refusal(
                        Code.NO_TABLE,
                        draft.strategy(),
                        "no table has it (expected: at least one)"));
              }
              return refusals;
            })
        .flatMap(
            refusals ->
                Mono.zip(
                    sizes.tables(),
                    // A strategy that the server can't say has no condition to ask for.
                    refusals.stream().anyMatch(each -> each.code() == Code.STRATEGY_SQL)
                        ? Mono.just(unknown(way))
                        : sizes.pairs(),
                    (tables, pairs) ->
                        new Planned(
                            new Part(
                                draft.kind(),
                                draft.strategy(),
                                draft.old(),
                                draft.next(),
                                draft.into(),
                                draft.kind().hasRules() ? rules : List.of(),
                                tables,
                                pairs),
                            refusals)));
  }

  private static List<MovePlan.Pair> unknown(TransitionStrategy way) {
    return way.steps().stream()
        .map(step -> new MovePlan.Pair(step.from(), step.to(), 0, 0))
        .toList();
  }

  private static List<Refusal> both(List<Refusal> some, List<Refusal> others) {
    List<Refusal> all = new ArrayList<>(some);
    all.addAll(others);
    return all;
  }

  /** The reference tables that stand beside copies on their shard; null if none are copied. */
  private static @Nullable Set<String> beside(Topology now, Draft draft) {
    if (draft.kind() != MovePlan.Kind.COPY) {
      return null;
    }
    ShardId target = draft.next().shards().iterator().next();
    return now.tables().values().stream()
        .filter(rule -> rule instanceof TableRule.Reference copies && copies.isReadOn(target))
        .map(TableRule::table)
        .collect(Collectors.toSet());
  }
}
