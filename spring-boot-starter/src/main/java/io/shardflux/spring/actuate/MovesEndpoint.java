package io.shardflux.spring.actuate;

import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.router.Internal;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** The endpoint {@code /actuator/moves}: plans, starts and steers moves, and shows them. */
@Endpoint(id = "moves")
@Internal
public final class MovesEndpoint {

  private final ShardMoves moves;

  public MovesEndpoint(ShardMoves moves) {
    this.moves = moves;
  }

  /** The last moves, the newest first. */
  record Moves(List<Move> moves) {}

  /** How far a move is. */
  record Move(
      long job,
      String strategy,
      MoveProgress.Wanted wanted,
      String owner,
      boolean running,
      int step,
      int steps,
      String from,
      String to,
      String phase,
      long rows,
      long rowsAbout,
      boolean stuck,
      @Nullable Instant reversibleUntil,
      MoveProgress.Report report,
      boolean ended,
      @Nullable String error) {

    static Move of(MoveProgress progress) {
      return new Move(
          progress.job(),
          progress.strategy(),
          progress.wanted(),
          progress.owner(),
          progress.running(),
          progress.step(),
          progress.steps(),
          progress.from(),
          progress.to(),
          progress.phase(),
          progress.rowsCopied(),
          progress.rowsAbout(),
          progress.stuck(),
          progress.reversibleUntil(),
          progress.report(),
          progress.ended(),
          progress.error());
    }
  }

  /** What a move would do; with the number of its job if it was started. */
  record Planned(
      @Nullable Long job,
      String strategy,
      List<MovePlan.Table> tables,
      List<Pair> pairs,
      List<Target> targets,
      MoveOptions options,
      List<String> statements,
      List<MovePlan.Refusal> refusals) {

    static Planned of(@Nullable Long job, MovePlan plan, List<MovePlan.Refusal> refusals) {
      return new Planned(
          job,
          plan.strategy(),
          plan.tables(),
          plan.pairs().stream()
              .map(pair -> new Pair(pair.from().value(), pair.to().value(), pair.rowsAbout()))
              .toList(),
          plan.targets().stream()
              .map(at -> new Target(at.shard().value(), at.bytesAbout(), at.bytesFree()))
              .toList(),
          plan.options(),
          plan.statements(),
          refusals);
    }
  }

  /** Two shards between which rows may move. */
  record Pair(String from, String to, long rowsAbout) {}

  /** A shard that gets rows, and the room for them. */
  record Target(String shard, long bytesAbout, @Nullable Long bytesFree) {}

  @ReadOperation
  Mono<Moves> moves() {
    return moves.all().map(Move::of).collectList().map(Moves::new);
  }

  /** Empty, which is a 404, if there is no such job. */
  @ReadOperation
  Mono<Move> move(@Selector long job) {
    return moves.progress(job).next().map(Move::of).onErrorComplete(IllegalArgumentException.class);
  }

  /**
   * Plans a move, and starts it if there are no refusals.
   *
   * @param strategy the name of the strategy whose keys shall move
   * @param next the strategy that shall take the place of that one, as the router's document has it
   * @param intent what is wanted in place of these two, as {@link Intent#parse} reads it
   * @param accept the refusals that are accepted, with commas between them, as {@link
   *     MovePlan#accepting(List)} reads them
   * @param options other options than those of the router's document, in a text as there
   * @param planOnly whether it is not started
   */
  @WriteOperation
  Mono<Planned> start(
      @Nullable String strategy,
      @Nullable String next,
      @Nullable String intent,
      @Nullable String accept,
      @Nullable String options,
      @Nullable Boolean planOnly) {
    return plan(strategy, next, intent)
        .map(plan -> plan.accepting(accepted(accept)))
        // A text may be as long as a document.
        .publishOn(Schedulers.boundedElastic())
        .map(plan -> options == null ? plan : plan.with(plan.options().with(options)))
        .flatMap(
            plan ->
                Boolean.TRUE.equals(planOnly) || !plan.refusals().isEmpty()
                    ? Mono.just(Planned.of(null, plan, plan.refusals()))
                    : started(plan))
        .onErrorMap(IllegalArgumentException.class, MovesEndpoint::invalid);
  }

  private Mono<MovePlan> plan(
      @Nullable String strategy, @Nullable String next, @Nullable String intent) {
    if (intent == null && strategy != null && next != null) {
      return moves.plan(strategy, next);
    }
    if (intent == null || strategy != null || next != null) {
      return Mono.error(
          new IllegalArgumentException(
              "intent: " + intent + " (expected: an intent alone, or a strategy and its next)"));
    }
    // A text may be as long as a document.
    return Mono.fromCallable(() -> Intent.parse(intent))
        .subscribeOn(Schedulers.boundedElastic())
        .flatMap(moves::plan);
  }

  private static List<String> accepted(@Nullable String accept) {
    return accept == null || accept.isBlank() ? List.of() : List.of(accept.split(",", -1));
  }

  private Mono<Planned> started(MovePlan plan) {
    return moves
        .start(plan)
        .map(job -> Planned.of(job, plan, List.of()))
        .onErrorResume(
            MoveRefusedException.class,
            error -> Mono.just(Planned.of(null, plan, error.refusals())));
  }

  /** Answers with the move, which obeys a moment later. An unknown job is a 400. */
  @WriteOperation
  Mono<Move> change(@Selector long job, MoveProgress.Wanted want) {
    return move(job)
        .switchIfEmpty(
            Mono.error(
                () ->
                    invalid(
                        new IllegalArgumentException(
                            "job: " + job + " (expected: one of GET /actuator/moves)"))))
        .then(Mono.defer(() -> moves.want(job, want)))
        .then(move(job));
  }

  /** Takes away what moves have left at a strategy's tables. */
  @DeleteOperation
  Mono<Void> unfence(String strategy) {
    return moves
        .unfence(strategy)
        .onErrorMap(IllegalArgumentException.class, MovesEndpoint::invalid)
        .onErrorMap(
            MoveRefusedException.class,
            error -> invalid(new IllegalArgumentException(error.getMessage())));
  }

  private static InvalidEndpointRequestException invalid(IllegalArgumentException error) {
    String reason = String.valueOf(error.getMessage());
    return new InvalidEndpointRequestException(reason, reason);
  }
}
