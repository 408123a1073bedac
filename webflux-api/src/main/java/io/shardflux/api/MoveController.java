package io.shardflux.api;

import io.shardflux.api.failure.Failure;
import io.shardflux.api.failure.FieldError;
import io.shardflux.api.failure.Refusal;
import io.shardflux.api.request.MoveRequest;
import io.shardflux.api.request.UserReader;
import io.shardflux.api.users.JsonBody;
import io.shardflux.reshard.ShardMoves;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.server.ServerWebExchange;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.annotation.JsonNaming;

/** The routes {@code /moves}, for operators: rows that go to other shards. */
@RestController
final class MoveController {

  private final ObjectProvider<ShardMoves> moves;
  private final Operators operators;

  MoveController(ObjectProvider<ShardMoves> moves, Operators operators) {
    this.moves = moves;
    this.operators = operators;
  }

  /** How far a move is. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record MoveView(
      long job,
      String strategy,
      String want,
      String owner,
      boolean running,
      int step,
      int steps,
      String from,
      String to,
      String phase,
      long rows,
      long rowsAbout,
      double done,
      long rowsPerSecond,
      long changesWaiting,
      @Nullable Long leftSeconds,
      @Nullable String throttledBy,
      List<String> notKnown,
      @Nullable WaitView waiting,
      @Nullable Instant reversibleUntil,
      boolean stuck,
      boolean ended,
      @Nullable String error) {

    static MoveView of(MoveProgress move) {
      MoveProgress.Report report = move.report();
      Duration left = report.left();
      return new MoveView(
          move.job(),
          move.strategy(),
          move.wanted().name().toLowerCase(Locale.ROOT),
          move.owner(),
          move.running(),
          move.step(),
          move.steps(),
          move.from(),
          move.to(),
          move.phase(),
          move.rowsCopied(),
          move.rowsAbout(),
          report.done(),
          report.rowsPerSecond(),
          report.changesWaiting(),
          left == null ? null : left.toSeconds(),
          report.throttledBy(),
          report.notKnown(),
          report.waiting() == null ? null : WaitView.of(report.waiting()),
          move.reversibleUntil(),
          move.stuck(),
          move.ended(),
          move.error());
    }
  }

  /** What a switch waits for. */
  record WaitView(Instant since, String on, List<HolderView> holders) {

    static WaitView of(MoveProgress.Wait wait) {
      return new WaitView(
          wait.since(), wait.on(), wait.holders().stream().map(HolderView::of).toList());
    }
  }

  /** Who has a transaction open. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record HolderView(long connection, String user, String host, long ageSeconds) {

    static HolderView of(MoveProgress.Holder holder) {
      return new HolderView(
          holder.connection(), holder.user(), holder.host(), holder.age().toSeconds());
    }
  }

  /** What a move would do; with its job if it was started. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record PlanView(
      @Nullable Long job,
      String strategy,
      List<TableView> tables,
      List<PairView> pairs,
      List<String> statements,
      List<MovePlan.Refusal> refusals) {

    static PlanView of(@Nullable Long job, MovePlan plan) {
      return new PlanView(
          job,
          plan.strategy(),
          plan.tables().stream()
              .map(table -> new TableView(table.name(), table.rowsAbout()))
              .toList(),
          plan.pairs().stream()
              .map(pair -> new PairView(pair.from().value(), pair.to().value(), pair.rowsAbout()))
              .toList(),
          plan.statements(),
          plan.refusals());
    }
  }

  /** A table whose rows move. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record TableView(String name, long rowsAbout) {}

  /** Two shards between which rows move. */
  @JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
  record PairView(String from, String to, long rowsAbout) {}

  @GetMapping(
      path = "/moves",
      produces = {MediaType.APPLICATION_NDJSON_VALUE, MediaType.APPLICATION_JSON_VALUE})
  Flux<MoveView> all(ServerWebExchange exchange) {
    return moves(exchange).all().map(MoveView::of);
  }

  @GetMapping(path = "/moves/{job}", produces = MediaType.APPLICATION_NDJSON_VALUE)
  Flux<MoveView> progress(@PathVariable String job, ServerWebExchange exchange) {
    return progress(moves(exchange), job);
  }

  @PostMapping(
      path = "/moves",
      consumes = MediaType.APPLICATION_JSON_VALUE,
      produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<PlanView> start(ServerWebExchange exchange) {
    ShardMoves all = moves(exchange);
    return JsonBody.of(exchange)
        .map(MoveRequest::read)
        .flatMap(
            request ->
                request
                    .plan(all)
                    // A text may be long.
                    .publishOn(Schedulers.boundedElastic())
                    .map(request::applied)
                    .flatMap(
                        plan ->
                            request.planOnly()
                                ? Mono.just(PlanView.of(null, plan))
                                : all.start(plan).map(job -> PlanView.of(job, plan))))
        .onErrorMap(
            IllegalArgumentException.class,
            error -> Refusal.invalid(String.valueOf(error.getMessage())))
        .onErrorMap(MoveRefusedException.class, MoveController::refused);
  }

  @PostMapping(
      path = "/moves/{job}",
      consumes = MediaType.APPLICATION_JSON_VALUE,
      produces = MediaType.APPLICATION_JSON_VALUE)
  Mono<MoveView> want(@PathVariable String job, ServerWebExchange exchange) {
    ShardMoves all = moves(exchange);
    return JsonBody.of(exchange)
        .map(MoveRequest::wanted)
        .map(wanted -> MoveProgress.Wanted.valueOf(wanted.toUpperCase(Locale.ROOT)))
        .flatMap(
            wanted ->
                progress(all, job)
                    .next()
                    .flatMap(move -> all.want(move.job(), wanted))
                    .then(Mono.defer(() -> progress(all, job).next())));
  }

  private ShardMoves moves(ServerWebExchange exchange) {
    operators.check(exchange.getRequest());
    ShardMoves all = moves.getIfAvailable();
    if (all == null) {
      throw Refusal.of(
          "not_found",
          HttpStatus.NOT_FOUND,
          "moves: none here (expected: shardflux.control, by which routers share a topology)");
    }
    return all;
  }

  private static Flux<MoveView> progress(ShardMoves all, String job) {
    long number;
    try {
      number = Long.parseLong(job);
    } catch (NumberFormatException e) {
      throw Refusal.invalid("job: " + UserReader.cut(job) + " (expected: a number)");
    }
    return all.progress(number)
        .map(MoveView::of)
        .onErrorMap(
            IllegalArgumentException.class,
            error ->
                Refusal.of("not_found", HttpStatus.NOT_FOUND, "job: " + number + ", no such move"));
  }

  private static Refusal refused(MoveRefusedException error) {
    List<FieldError> reasons =
        error.refusals().stream()
            .map(each -> new FieldError(each.where(), each.code() + ": " + each.message()))
            .toList();
    return new Refusal(
        new Failure("refused", HttpStatus.CONFLICT, "the move can't start", reasons));
  }
}
