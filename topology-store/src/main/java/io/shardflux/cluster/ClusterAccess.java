package io.shardflux.cluster;

import io.shardflux.r2dbc.config.ReshardingOptions;
import io.shardflux.r2dbc.config.RouterParts;
import io.shardflux.r2dbc.config.TopologyDocument;
import io.shardflux.router.Internal;
import io.shardflux.router.ShardId;
import io.shardflux.router.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import reactor.core.publisher.Mono;

/** A cluster, for what changes its topology in steps: jobs that move data. Thread-safe. */
@Internal
public interface ClusterAccess {

  /**
   * The access to a cluster.
   *
   * @throws IllegalArgumentException if the router was not opened by {@link ClusterRouter#open}
   */
  static ClusterAccess of(ClusterRouter router) {
    if (router instanceof ClusterAccess own) {
      return own;
    }
    throw new IllegalArgumentException(
        "router: of " + router.getClass() + " (expected: one that ClusterRouter.open() made)");
  }

  /** The topology in force, as it was published. */
  TopologyDocument.Opened opened();

  /** The parts that the router's own document describes. */
  RouterParts own();

  /** The section on moves of the router's own document. */
  ReshardingOptions resharding();

  /** Tells whether the router's own document describes ids for rows. */
  boolean givesIds();

  /** The time for which a router may go on by an epoch that it has read. */
  Duration lease();

  /** Looks at the control server now. */
  Mono<Void> look();

  /** The jobs of the cluster. */
  Jobs jobs();

  /** The copies of jobs in the shards' databases. */
  JobCopies copies();

  /**
   * A topology that is published next, as a shard's database may know it before.
   *
   * @param note the statement by which a shard's database takes it, if it has no later one
   */
  record Ahead(long epoch, String document, String routing, String note) {}

  /** The topology in force with a change, as it would be published next. */
  Mono<Ahead> ahead(UnaryOperator<Topology> change);

  /** The same, as a shard's database has it already. */
  Mono<Ahead> ahead(String document);

  /** Publishes such a topology, as {@link #publish(Jobs.Owned, UnaryOperator, String)} does. */
  Mono<Long> publish(Jobs.Owned owner, Ahead ahead, String why);

  /**
   * Looks at the control server. Where that has the topology before the one in force, and a switch
   * in it, the owner's switch was not published in time: then that is done now.
   */
  Mono<Void> forward(Jobs.Owned owner);

  /**
   * Publishes what is made of the topology in force, and puts it in force here. Errors with {@link
   * JobLostException} if the job has another owner, and with {@link IllegalStateException} if
   * another topology was published meanwhile.
   *
   * @param owner the job for which it is done
   * @return the new epoch
   */
  Mono<Long> publish(Jobs.Owned owner, UnaryOperator<Topology> change, String why);

  /**
   * Completes when a shard's database has the topology in force, which a router follows that alone
   * has lost the control server. Errors as a statement does.
   */
  Mono<Void> noted(ShardId shard);

  /** The shards that every router must take out, by an operator's order. */
  Mono<Set<ShardId>> takenOut();

  /**
   * Completes when every router whose lease is not over was heard of a moment ago, so that writes
   * which wait for all of them do not wait for one that stands still. Errors after a time.
   */
  Mono<Void> attentive();

  /**
   * The routers whose lease is not over and that have not said that they route by the topology in
   * force and reached these shards, as texts for a person. None as soon as all have said so;
   * otherwise it waits for them.
   *
   * @param bound the time for which it waits
   */
  Mono<List<String>> unreached(Set<ShardId> shards, Duration bound);

  /**
   * Those of some connections to a server that no router of the cluster has. Only where there are
   * such, it waits until each has told so again, for two leases and some seconds at most. Empty if
   * a router does not tell its connections.
   *
   * @param server the server's own name, of {@link
   *     io.shardflux.r2dbc.settings.ProcessConnections#SERVER}
   * @param ids the connections' ids on that server
   */
  Mono<Set<Long>> strangers(String server, Set<Long> ids);

  /**
   * Completes when every router routes by that epoch or a later one, or has not been heard of for
   * longer than its lease. Errors after a time if one that lives does not.
   */
  Mono<Void> awaited(long epoch);

  /** The same, with the time after which it errors. */
  Mono<Void> awaited(long epoch, Duration bound);
}
