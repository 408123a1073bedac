package io.shardflux.reshard;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveEvent;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.ShardingStrategy;
import io.shardflux.router.Topology;
import java.util.Optional;
import java.util.function.Function;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Moves rows between shards while statements go on, for all routers of a cluster at once. A move
 * takes the keys of one strategy to where another one has them: to a shard that was added, off a
 * shard that shall go, or from one kind of strategy to another.
 *
 * <p>A router that has called {@link #of} also does the moves that others started, or that died
 * under another one, unless its document says {@code resharding.enabled: false}. One move runs at a
 * time. Thread-safe and non-blocking. A cancel of a {@code Mono} here does not stop a move; {@link
 * #want} does.
 */
public interface ShardMoves {

  /**
   * {@return the moves of a router's cluster} It must be closed before the router.
   *
   * @param router a router that {@link ClusterRouter#open} made
   * @throws IllegalArgumentException if it is of another kind
   */
  static ShardMoves of(ClusterRouter router) {
    return of(router, then -> Flux.empty());
  }

  /**
   * {@return the same, whose plans say what becomes of an application's statements}
   *
   * @param router a router that {@link ClusterRouter#open} made
   * @param statements a line for each statement that would be answered at a higher price by a
   *     topology, or refused, as {@code ShardfluxConnectionFactory.foresee} has them; a plan shows
   *     the first {@value MovePlan#MOST_STATEMENTS}, and waits 30 s for them at most
   * @throws IllegalArgumentException if the router is of another kind
   */
  static ShardMoves of(ClusterRouter router, Function<Topology, Flux<String>> statements) {
    return new DefaultShardMoves(router, MoveJob.Guards.ALL, statements);
  }

  /**
   * {@return what an intent would do} Asks all shards about their tables and changes nothing.
   * Errors with {@link IllegalArgumentException} if it names a strategy, table or shard that is not
   * there or is on its way already, or asks of a strategy what its kind can't do.
   *
   * @param intent what is wanted
   */
  Mono<MovePlan> plan(Intent intent);

  /**
   * {@return what a {@linkplain Intent.Change change} of a strategy would do}
   *
   * @param strategy the name of the strategy whose keys shall move
   * @param next the strategy that shall take its place
   */
  default Mono<MovePlan> plan(String strategy, ShardingStrategy next) {
    return plan(new Intent.Change(strategy, next));
  }

  /**
   * {@return what a move would do; see {@link #plan(String, ShardingStrategy)}} Errors with {@link
   * IllegalArgumentException} also if the text is malformed, and names the place as the router's
   * document does, such as {@code strategies.by_user.shards}. A strategy of the type {@code
   * directory}, also inside another, is refused: it has connections of its own.
   *
   * @param strategy the name of the strategy whose keys shall move
   * @param next the strategy that shall take its place, in YAML or JSON as a router's document has
   *     it: {@code {type: hash, shards: [shard_0, shard_1]}}
   */
  Mono<MovePlan> plan(String strategy, String next);

  /**
   * Starts a move. Errors with {@link MoveRefusedException} if the plan has refusals, or another
   * move is under way.
   *
   * @param plan what {@link #plan} gave
   * @return the number of the first part's job, as soon as it is written down; {@link #progress}
   *     and {@link #want} take it for all parts
   */
  Mono<Long> start(MovePlan plan);

  /**
   * Tells what is wanted of a move. A cancel is refused once keys have moved: the job then goes on
   * and says so.
   *
   * @param job its number
   * @param wanted what is wanted
   * @return completes when it is written down
   */
  Mono<Void> want(long job, MoveProgress.Wanted wanted);

  /**
   * {@return how far a move is, now and about each half second, until it has ended} Errors with
   * {@link IllegalArgumentException} if there is no such job.
   *
   * @param job its number
   */
  Flux<MoveProgress> progress(long job);

  /**
   * {@return how far the newest move was when this router saw it last, about a second ago} Empty if
   * there is none, or this router does no moves. Asks no server.
   */
  Optional<MoveProgress> newest();

  /**
   * {@return what becomes of moves from now on, as this router sees it} Nothing comes where this
   * router does no moves. A subscriber that is more than 256 events behind loses the oldest; no
   * move waits for it. The stream completes after {@link #close}.
   */
  Flux<MoveEvent> events();

  /** {@return how far the last 20 moves are or were, the newest first} */
  Flux<MoveProgress> all();

  /**
   * Takes away what moves have left by {@link MoveOptions#keepsFence()} at a strategy's tables, on
   * all shards. Errors with {@link MoveRefusedException} while a move is under way, with {@link
   * IllegalArgumentException} if no table has the strategy and no pinned table has that name, and
   * as a statement does if a shard does not answer; shards before that one are done then.
   *
   * @param strategy the name of the strategy, or of a table that is pinned
   * @return completes when all is taken away, also if there was nothing
   */
  Mono<Void> unfence(String strategy);

  /** {@return completes when this router does no move any more} A move goes on elsewhere. */
  Mono<Void> close();
}
