package io.shardflux.cluster;

import io.shardflux.r2dbc.ShardRouter;
import io.shardflux.r2dbc.ShardRouterBuilder;
import io.shardflux.r2dbc.config.RouterDefinition;
import io.shardflux.r2dbc.config.RouterDocument;
import io.shardflux.r2dbc.settings.Shard;
import io.shardflux.router.ShardId;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * A router that shares its topology with others. The topology stands in tables of a control server,
 * which the section {@code control} of the router's document names. The router polls them, and puts
 * a later topology in force without ending a statement.
 *
 * <p>No statement asks the control server. While it is down, statements go on, and a router that
 * starts takes the newest topology that a shard's database has. Each database says which cluster
 * and which shard it is; a connection to any other is refused before its first statement.
 *
 * <p>Thread-safe and non-blocking. The work of a {@code Mono} is done with each subscription; a
 * cancel leaves the work that has begun on a server to its end.
 */
public interface ClusterRouter {

  /**
   * {@return a router of a document with a section {@code control}; see {@link
   * ShardRouter#fromYaml}} Errors with {@link IllegalArgumentException} if the document is
   * malformed or has no such section. Errors with {@link IllegalStateException} if the control
   * tables are missing or of a version that is not known, if the document was never published and
   * must not be, or if a database is another shard's. Errors as a statement does if neither the
   * control server nor a shard answers.
   *
   * @param yaml the document
   */
  static Mono<ClusterRouter> open(String yaml) {
    return open(() -> RouterDocument.read(yaml), builder -> builder);
  }

  /**
   * {@return a router of a document that is a nested map; see {@link #open(String)}}
   *
   * @param document its keys as there
   * @param more sets what no document says, such as a registry of observations
   */
  static Mono<ClusterRouter> open(Map<String, ?> document, UnaryOperator<ShardRouterBuilder> more) {
    return open(() -> RouterDocument.read(document), more);
  }

  private static Mono<ClusterRouter> open(
      Supplier<RouterDefinition> document, UnaryOperator<ShardRouterBuilder> more) {
    // Documents name files of certificates, and the driver's set-up looks into jar files.
    return Mono.defer(() -> DefaultClusterRouter.open(document.get(), more))
        .subscribeOn(Schedulers.boundedElastic());
  }

  /**
   * {@return the router; always the same object} It must not be closed by itself, and its own
   * operations must not add or remove shards.
   */
  ShardRouter router();

  /** {@return the cluster as the control server has it at this moment} */
  Mono<ClusterState> state();

  /**
   * {@return the topologies that were published, the newest first}
   *
   * @param most 1 to 1,000
   * @throws IllegalArgumentException if {@code most} is out of bounds
   */
  Flux<PublishedTopology> history(int most);

  /**
   * Adds a shard for all routers. It has no reference table: no statement of one goes there until a
   * move has made its copy. It is reached by its URL, with the account of the document's {@code
   * control.credentials} that has its user and password. Errors with {@link
   * IllegalArgumentException} if there is such a shard already or no such account, and with {@link
   * IllegalStateException} if its database is another shard's.
   *
   * @param shard the shard to add; its pool bounds hold for this router alone
   * @param why the reason, for the history
   * @return the epoch from which on it is there; it is in force here by then, and in the other
   *     routers within their {@code control.poll}
   */
  Mono<Long> addShard(Shard shard, String why);

  /**
   * Removes a shard for all routers. Errors with {@link IllegalArgumentException} if there is no
   * such shard, or a strategy or table still names it. Its database keeps its identity, so that it
   * can be added again under its name.
   *
   * @param shard the shard to remove
   * @param why the reason, for the history
   * @return the epoch from which on it is no longer there, as for {@link #addShard}
   */
  Mono<Long> removeShard(ShardId shard, String why);

  /**
   * Publishes the newest topology that this router and the shards know, over a control server that
   * was restored from an older copy. Jobs and orders that the copy lacks are brought back, and
   * former owners of jobs lose them. All routers follow, and route keys that move again. Do this
   * once all shards answer, on a router that had lived before, if there is one.
   *
   * <p>Errors with {@link IllegalStateException} if the control server is not behind, if a shard
   * has the database of another one, if a registered router has a later topology than the shards
   * and this router, or if this router can't put the shards' newest in force; then another one must
   * republish. Errors as a statement does if a shard does not answer. Nothing is published then.
   *
   * @param why the reason, for the history
   * @return the epoch of it, later than all before; it is in force here by then, and in the other
   *     routers within their {@code control.poll}
   */
  default Mono<Long> republish(String why) {
    return republish(why, Set.of());
  }

  /**
   * The same without shards whose servers are lost for good. <b>What only these shards knew is lost
   * with them:</b> rows, and a later place of keys that was about to be published. Every router has
   * the order to {@linkplain #takeOut take such a shard out}, so that one which comes back with old
   * rows serves nothing until {@link #resume}. A switch of keys that none of the others knows to be
   * done is taken back. A topology is published also where the control server is not behind.
   *
   * <p>Errors with {@link IllegalArgumentException} if there is no such shard, or no other one, and
   * with {@link IllegalStateException} if a shard that is given up answers; otherwise as {@link
   * #republish(String)}.
   *
   * @param why the reason, for the history
   * @param givenUp the shards
   * @return as there
   */
  Mono<Long> republish(String why, Set<ShardId> givenUp);

  /**
   * Has every router drain a shard, until {@link #resume}, also those that start later; see {@link
   * io.shardflux.r2dbc.ShardOperations#drain}. It takes the place of another order for that shard.
   * Errors with {@link IllegalArgumentException} if there is no such shard.
   *
   * @param shard the shard to drain
   * @param why the reason, for the other operators
   * @return completes when the order is given; other routers obey within their {@code control.poll}
   */
  Mono<Void> drain(ShardId shard, String why);

  /**
   * Has every router take a shard out, until {@link #resume}; see {@link
   * io.shardflux.r2dbc.ShardOperations#openBreaker}. Otherwise as {@link #drain}.
   *
   * @param shard the shard to take out
   * @param why the reason, for the other operators
   * @return completes as there
   */
  Mono<Void> takeOut(ShardId shard, String why);

  /**
   * Takes the order for a shard back. Completes also if there was none.
   *
   * @param shard the shard to resume
   * @return completes when the order is taken back; other routers obey within their {@code
   *     control.poll}
   */
  Mono<Void> resume(ShardId shard);

  /**
   * {@return what this router meets from now on} A subscriber that is more than 256 events behind
   * loses the oldest. The stream completes when the router is closed.
   */
  Flux<ClusterEvent> events();

  /**
   * {@return completes when the router is closed as {@link ShardRouter#close} says, and no longer
   * registered}
   */
  Mono<Void> close();
}
