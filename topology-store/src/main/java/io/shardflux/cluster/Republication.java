package io.shardflux.cluster;

import io.r2dbc.spi.Connection;
import io.shardflux.cluster.ControlTables.Draft;
import io.shardflux.cluster.ControlTables.Head;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.cluster.PublishedTopology.Origin;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import io.shardflux.router.TransitionStrategy.Phase;
import io.shardflux.router.TransitionStrategy.Step;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Publishes what routers and shards know over a control server that has an older copy. */
final class Republication {

  private final ControlTables tables;
  private final TopologyWatch watch;
  private final RouterParts own;
  private final Member member;
  private final Set<ShardId> givenUp;

  /**
   * Does nothing yet.
   *
   * @param givenUp the shards that are not asked
   */
  Republication(
      ControlTables tables,
      TopologyWatch watch,
      RouterParts own,
      Member member,
      Set<ShardId> givenUp) {
    this.givenUp = givenUp;
    this.tables = tables;
    this.watch = watch;
    this.own = own;
    this.member = member;
  }

  Mono<Long> done(String why) {
    return Mono.defer(this::lost)
        .then(tables.head())
        .flatMap(
            head ->
                inForce(head)
                    .then(Mono.defer(this::others))
                    .then(Mono.defer(() -> published(head, why))))
        // A look that is under way may have begun before.
        .flatMap(epoch -> watch.seen(epoch).thenReturn(epoch));
  }

  private UUID cluster() {
    return UUID.fromString(watch.cluster());
  }

  private long epoch() {
    return watch.opened().topology().epoch();
  }

  private <T> Mono<T> onShards(Function<IdentityTables, Mono<T>> work) {
    List<Shard> left =
        watch.opened().shards().stream().filter(shard -> !givenUp.contains(shard.id())).toList();
    return IdentityTables.on(left, own.options().timeouts().total(), work);
  }

  /** None that is given up may answer. */
  private Mono<Void> lost() {
    Set<ShardId> all = watch.opened().topology().shards();
    if (!all.containsAll(givenUp) || givenUp.containsAll(all)) {
      throw new IllegalArgumentException(
          "givenUp: " + givenUp + " (expected: some of " + all + ", and not all)");
    }
    List<Shard> lost =
        watch.opened().shards().stream().filter(shard -> givenUp.contains(shard.id())).toList();
    return lost.isEmpty()
        ? Mono.empty()
        : IdentityTables.on(lost, own.options().timeouts().total(), IdentityTables::reached)
            .filter(answering -> !answering.isEmpty())
            .flatMap(
                answering ->
                    Mono.error(
                        new IllegalStateException(
                            "givenUp: "
                                + answering
                                + ", which answer (expected: shards whose servers are lost)")));
  }

  /** Puts the newest topology of all shards in force here. A later one may name more shards. */
  private Mono<Void> inForce(Head head) {
    return Mono.defer(
        () -> {
          if (!head.cluster().equals(cluster())) {
            return Mono.error(
                new IllegalStateException(
                    "control: of cluster " + head.cluster() + " (expected: " + cluster() + ")"));
          }
          long before = epoch();
          return onShards(shards -> shards.newestOfAll(cluster()))
              .publishOn(Schedulers.boundedElastic())
              .flatMap(found -> watch.putInForce(found).then(Mono.defer(() -> taken(found))))
              .then(
                  Mono.defer(
                      () ->
                          epoch() > before
                              ? inForce(head)
                              : head.epoch() < before || !givenUp.isEmpty()
                                  ? Mono.empty()
                                  : Mono.error(notBehind(head.epoch()))));
        });
  }

  /** An older one must not be published in its place, nor under its epoch. */
  private Mono<Void> taken(IdentityTables.Identity found) {
    return epoch() >= found.epoch()
        ? Mono.empty()
        : Mono.error(
            () ->
                new IllegalStateException(
                    "topology: epoch "
                        + found.epoch()
                        + " of the database of "
                        + found.shard()
                        + ", which this router can't put in force (expected: all of its accounts"
                        + " and servers in this router's document; TopologyRefused in events() and"
                        + " the log say what is missing; republish where it is in force)"));
  }

  private static IllegalStateException notBehind(long epoch) {
    return new IllegalStateException(
        "control: epoch "
            + epoch
            + ", which is the newest that this router and the shards know (expected: an older copy;"
            + " there is nothing to republish)");
  }

  private Mono<Void> others() {
    return tables
        .routers()
        .filter(router -> router.live() && router.epoch() > epoch())
        .next()
        .flatMap(
            router ->
                Mono.error(
                    new IllegalStateException(
                        "router: "
                            + router.host()
                            + " routes by epoch "
                            + router.epoch()
                            + " (expected: none later than "
                            + epoch()
                            + ", which this router and the shards know; republish there)")));
  }

  private Mono<Long> published(Head head, String why) {
    return Mono.zip(
            onShards(IdentityTables::copies),
            tables.published(TopologyDocument.of(own).routing()),
            (copies, known) ->
                tables
                    .publish(
                        head.epoch(),
                        epoch() + 1,
                        drafts(known, why),
                        connection -> restored(connection, head, copies))
                    .switchIfEmpty(
                        Mono.error(
                            () ->
                                new IllegalStateException(
                                    "control: another topology was published meanwhile (expected:"
                                        + " none; look at history)"))))
        .flatMap(publishing -> publishing);
  }

  /** A document that is not known any more could start no router. */
  private List<Draft> drafts(boolean known, String why) {
    List<Draft> drafts = new ArrayList<>();
    if (!known) {
      drafts.add(draft(TopologyDocument.of(own), Origin.DOCUMENT, why));
    }
    TopologyDocument.Opened now = watch.opened();
    TopologyDocument rested =
        givenUp.isEmpty()
            ? now.document()
            : now.document().next(rested(now.topology()), now.shards(), own.accounts());
    drafts.add(draft(rested, Origin.OPERATION, why));
    return drafts;
  }

  private Draft draft(TopologyDocument document, Origin origin, String why) {
    return new Draft(document.json(), document.routing(), origin, member.toString(), why);
  }

  /** A switch with a shard that is given up can't be ended: the keys stay where they were. */
  private Topology rested(Topology now) {
    Topology rested = now;
    for (Map.Entry<String, ShardingStrategy> each : now.strategies().entrySet()) {
      if (each.getValue() instanceof TransitionStrategy way) {
        rested =
            rested.withStrategy(
                each.getKey(), way.with(way.steps().stream().map(this::rested).toList()));
      }
    }
    return rested;
  }

  private Step rested(Step step) {
    boolean lost = givenUp.contains(step.from()) || givenUp.contains(step.to());
    return !lost || !step.phase().waits()
        ? step
        : step.in(step.phase() == Phase.RETURNING ? Phase.SWITCHED : Phase.COPYING);
  }

  private Mono<Void> restored(Connection connection, Head head, List<JobCopies.Copy> copies) {
    Mono<Void> jobs =
        head.epoch() < epoch()
            ? Flux.fromIterable(copies).concatMap(copy -> Jobs.restore(connection, copy)).then()
            : Mono.empty();
    return watch
        .orders()
        .known()
        .map(orders -> jobs.then(ordered(connection, orders)))
        .orElse(jobs)
        .then(takenOut(connection));
  }

  private Mono<Void> takenOut(Connection connection) {
    return Flux.fromIterable(givenUp)
        .concatMap(
            shard ->
                ControlTables.updated(
                    connection
                        .createStatement(
                            "REPLACE INTO shardflux_order VALUES (?, 'OPEN', ?, UTC_TIMESTAMP(6),"
                                + " 'given up')")
                        .bind(0, shard.value())
                        .bind(1, member.toString())))
        .then(
            givenUp.isEmpty()
                ? Mono.empty()
                : ControlTables.updated(
                    connection.createStatement(
                        "UPDATE shardflux_control SET orders = orders + 1 WHERE id = 1")))
        .then();
  }

  /** The orders that this router obeys take the place of the older ones. */
  private Mono<Void> ordered(Connection connection, Map<ShardId, ShardOrder.Kind> orders) {
    return tables
        .orders()
        .filter(order -> orders.get(order.shard()) != order.kind())
        .concatMap(
            order ->
                ControlTables.updated(
                    connection
                        .createStatement("DELETE FROM shardflux_order WHERE shard = ?")
                        .bind(0, order.shard().value())))
        .thenMany(Flux.fromIterable(orders.entrySet()))
        .concatMap(
            order ->
                ControlTables.updated(
                    connection
                        .createStatement(
                            "INSERT IGNORE INTO shardflux_order VALUES (?, ?, ?,"
                                + " UTC_TIMESTAMP(6), 'republished')")
                        .bind(0, order.getKey().value())
                        .bind(1, order.getValue().name())
                        .bind(2, member.toString())))
        .then();
  }
}
