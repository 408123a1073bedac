package io.shardflux.cluster;

import io.shardflux.cluster.ClusterAccess.Ahead;
import io.shardflux.cluster.ControlTables.Draft;
import io.shardflux.cluster.ControlTables.Member;
import io.shardflux.cluster.PublishedTopology.Origin;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.router.Topology;
import io.shardflux.router.TransitionStrategy;
import java.util.UUID;
import java.util.function.UnaryOperator;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** Publishes for the owner of a job. The shards may know a topology before the control server. */
final class OwnerPublication {

  private final ControlTables tables;
  private final TopologyWatch watch;
  private final RouterParts own;
  private final Member member;

  OwnerPublication(ControlTables tables, TopologyWatch watch, RouterParts own, Member member) {
    this.tables = tables;
    this.watch = watch;
    this.own = own;
    this.member = member;
  }

  /** Tells whether writes wait for a switch, behind whose epoch its owner alone publishes. */
  static boolean isSwitching(Topology topology) {
    return topology.strategies().values().stream()
        .anyMatch(
            strategy ->
                strategy instanceof TransitionStrategy way
                    && way.steps().stream().anyMatch(step -> step.phase().waits()));
  }

  Mono<Ahead> ahead(UnaryOperator<Topology> change) {
    return Mono.fromCallable(
            () -> {
              TopologyDocument.Opened now = watch.opened();
              return ahead(
                  now.topology().epoch() + 1,
                  now.document().next(change.apply(now.topology()), now.shards(), own.accounts()));
            })
        .subscribeOn(Schedulers.boundedElastic());
  }

  Mono<Ahead> ahead(String document) {
    return Mono.fromCallable(
            () -> ahead(watch.opened().topology().epoch() + 1, TopologyDocument.parse(document)))
        .subscribeOn(Schedulers.boundedElastic());
  }

  private Ahead ahead(long epoch, TopologyDocument made) {
    return new Ahead(
        epoch,
        made.json(),
        made.routing(),
        IdentityTables.noteOf(UUID.fromString(watch.cluster()), epoch, made.json()));
  }

  Mono<Long> publish(Jobs.Owned owner, Ahead ahead, String why) {
    Draft draft = new Draft(ahead.document(), ahead.routing(), Origin.MOVE, member.toString(), why);
    return tables
        .publish(ahead.epoch() - 1, draft, owner)
        .flatMap(epoch -> watch.seen(epoch).thenReturn(epoch))
        .switchIfEmpty(
            Mono.error(
                () ->
                    new IllegalStateException(
                        "topology: another one than epoch "
                            + (ahead.epoch() - 1)
                            + " was published meanwhile (expected: none)")));
  }

  Mono<Void> forward(Jobs.Owned owner) {
    return watch
        .look()
        .onErrorResume(
            ControlBehindException.class,
            behind ->
                behind.published() + 1 == behind.inForce()
                    ? forward(owner, behind)
                    : Mono.error(behind));
  }

  private Mono<Void> forward(Jobs.Owned owner, ControlBehindException behind) {
    TopologyDocument.Opened now = watch.opened();
    return tables
        .topology(behind.published())
        .publishOn(Schedulers.boundedElastic())
        .filter(
            published ->
                now.topology().epoch() == behind.inForce()
                    && isSwitching(
                        TopologyDocument.parse(published.document())
                            .open(published.epoch(), own, now)
                            .topology()))
        .switchIfEmpty(Mono.error(behind))
        .flatMap(
            published ->
                publish(
                    owner,
                    ahead(behind.inForce(), now.document()),
                    "as the shards had it before the control server"))
        .then(Mono.defer(watch::look));
  }
}
