package io.shardflux.reshard;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.Intent;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.plan.MoveRefusedException;
import io.shardflux.reshard.progress.MoveProgress;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/**
 * Does moves in a process of its own, or tells the routers of a cluster what is wanted of moves,
 * from a command line. Only {@code host} does moves; the other commands write down what is wanted,
 * and end.
 *
 * <pre>
 * MoveRunner document.yaml host                    does moves until it is ended by SIGTERM
 * MoveRunner document.yaml list                    the last 20 moves
 * MoveRunner document.yaml plan INTENT [ACCEPT…]   what it would do, and what is in its way
 * MoveRunner document.yaml start INTENT [ACCEPT…]  starts it; prints the number of its job
 * MoveRunner document.yaml watch JOB               lines until it has ended
 * MoveRunner document.yaml WANTED JOB              run, pause, switch, cancel, reverse, complete, stay
 * </pre>
 *
 * <p>An intent is a text as {@link Intent#parse} reads it, and what is accepted one as {@link
 * MovePlan#accepting(List)} reads it. The process ends with 0; with 1 where something is refused or
 * fails; with 2 where the command line is malformed.
 */
public final class MoveRunner {

  /** A switch that has begun is ended first. */
  private static final Duration CLOSE_BOUND = Duration.ofSeconds(90);

  private static final int FAILED = 1;
  private static final int MALFORMED = 2;

  private static final List<String> WANTED =
      Stream.of(Wanted.values()).map(wanted -> wanted.name().toLowerCase(Locale.ROOT)).toList();

  private static final String USAGE =
      "usage: MoveRunner document.yaml host | list | plan INTENT [ACCEPT...] | start INTENT"
          + " [ACCEPT...] | watch JOB | "
          + String.join(" | ", WANTED)
          + " JOB";

  private final List<String> arguments;
  private final PrintStream out;
  private final Sinks.Empty<Void> stopped = Sinks.empty();
  private final CountDownLatch closed = new CountDownLatch(1);

  private MoveRunner(List<String> arguments, PrintStream out) {
    this.arguments = arguments;
    this.out = out;
  }

  /**
   * Runs a command.
   *
   * @param arguments the document's file, the command, and what belongs to it
   */
  public static void main(String[] arguments) {
    MoveRunner runner = new MoveRunner(List.of(arguments), System.out);
    Runtime.getRuntime().addShutdownHook(new Thread(runner::stop));
    System.exit(runner.run(System.err));
  }

  /** The number that the process ends with. */
  static int run(List<String> arguments, PrintStream out, PrintStream errors) {
    return new MoveRunner(arguments, out).run(errors);
  }

  private int run(PrintStream errors) {
    try {
      return run();
    } catch (IllegalUsage e) {
      errors.println(e.getMessage());
      return MALFORMED;
    } catch (IOException e) {
      errors.println("document: " + e.getMessage() + " (expected: a file that can be read)");
      return FAILED;
    } catch (CompletionException e) {
      errors.println(e.getCause() == null ? e.getMessage() : e.getCause().getMessage());
      return FAILED;
    } finally {
      closed.countDown();
    }
  }

  /** Ends what is done, and leaves a move and the router in order, before the process ends. */
  private void stop() {
    var unused = stopped.tryEmitEmpty();
    awaitClosed();
  }

  /** A command line that means nothing. */
  private static final class IllegalUsage extends RuntimeException {

    private static final long serialVersionUID = 1;

    IllegalUsage(String message) {
      super(message);
    }
  }

  private int run() throws IOException {
    if (arguments.size() < 2) {
      throw new IllegalUsage(USAGE);
    }
    String command = arguments.get(1);
    Function<ShardMoves, Mono<Integer>> work = command(command);
    String document = Files.readString(Path.of(arguments.get(0)));
    return Mono.usingWhen(
            ClusterRouter.open(document),
            cluster ->
                Mono.usingWhen(
                    Mono.fromSupplier(() -> moves(cluster, command.equals("host"))),
                    moves ->
                        Mono.firstWithSignal(
                            work.apply(moves), stopped.asMono().thenReturn(FAILED)),
                    ShardMoves::close),
            ClusterRouter::close)
        .toFuture()
        .join();
  }

  private static ShardMoves moves(ClusterRouter cluster, boolean host) {
    return new DefaultShardMoves(cluster, MoveJob.Guards.ALL, then -> Flux.empty(), host);
  }

  private Function<ShardMoves, Mono<Integer>> command(String command) {
    if (WANTED.contains(command)) {
      long job = job();
      Wanted wanted = Wanted.valueOf(command.toUpperCase(Locale.ROOT));
      return moves -> moves.want(job, wanted).then(moves.progress(job).next()).map(this::show);
    }
    return switch (command) {
      case "host" ->
          moves -> {
            out.println("host: does moves until it is ended");
            return Mono.never();
          };
      case "list" -> moves -> moves.all().doOnNext(this::show).then(Mono.just(0));
      case "plan" -> {
        Intent intent = intent();
        yield moves -> moves.plan(intent).map(this::accepted).map(this::show);
      }
      case "start" -> {
        Intent intent = intent();
        yield moves -> moves.plan(intent).map(this::accepted).flatMap(plan -> start(moves, plan));
      }
      case "watch" -> {
        long job = job();
        yield moves -> moves.progress(job).doOnNext(this::show).last().map(MoveRunner::end);
      }
      default -> throw new IllegalUsage(command + ": unknown\n" + USAGE);
    };
  }

  private long job() {
    try {
      return Long.parseLong(argument("a job's number"));
    } catch (NumberFormatException e) {
      throw new IllegalUsage("job: " + arguments.get(2) + " (expected: a job's number)\n" + USAGE);
    }
  }

  private Intent intent() {
    try {
      return Intent.parse(argument("an intent"));
    } catch (IllegalArgumentException e) {
      throw new IllegalUsage(e.getMessage() + "\n" + USAGE);
    }
  }

  private String argument(String expected) {
    if (arguments.size() < 3) {
      throw new IllegalUsage(arguments.get(1) + ": alone (expected: " + expected + ")\n" + USAGE);
    }
    return arguments.get(2);
  }

  private MovePlan accepted(MovePlan plan) {
    return plan.accepting(arguments.subList(3, arguments.size()));
  }

  /** The process would end before the move is left in order. */
  private void awaitClosed() {
    try {
      var unused = closed.await(CLOSE_BOUND.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Mono<Integer> start(ShardMoves moves, MovePlan plan) {
    return plan.refusals().isEmpty()
        ? moves
            .start(plan)
            .map(
                job -> {
                  out.println("job " + job);
                  return 0;
                })
            .onErrorResume(MoveRefusedException.class, e -> Mono.just(refused(e.refusals())))
        : Mono.just(show(plan));
  }

  private int show(MovePlan plan) {
    plan.parts().forEach(part -> out.println("part " + part.strategy() + ": " + part.next()));
    plan.tables()
        .forEach(
            table ->
                out.println("table " + table.name() + ": about " + table.rowsAbout() + " rows"));
    plan.pairs()
        .forEach(
            pair ->
                out.println(
                    pair.from()
                        + " to "
                        + pair.to()
                        + ": about "
                        + pair.rowsAbout()
                        + " rows, "
                        + pair.bytesAbout()
                        + " bytes"));
    return refused(plan.refusals());
  }

  private int refused(List<MovePlan.Refusal> refusals) {
    refusals.forEach(
        refusal ->
            out.println(
                "refused " + refusal.code() + ", " + refusal.where() + ": " + refusal.message()));
    return refusals.isEmpty() ? 0 : FAILED;
  }

  private int show(MoveProgress at) {
    out.println(
        Stream.of(
                "job " + at.job() + ", " + at.strategy() + ", " + at.wanted(),
                at.phase(),
                at.from().isEmpty() ? "" : at.from() + " to " + at.to(),
                "step " + Math.min(at.step() + 1, at.steps()) + " of " + at.steps(),
                at.rowsCopied() + " of about " + at.rowsAbout() + " rows",
                Math.round(at.report().done() * 100) + " %",
                named("throttled by ", at.report().throttledBy()),
                at.stuck() ? "stuck" : "",
                at.ended() ? "ended" : at.running() ? "by " + at.owner() : "nobody does it",
                named("", at.error()))
            .filter(part -> !part.isEmpty())
            .collect(Collectors.joining(", ")));
    return 0;
  }

  private static String named(String name, @Nullable String text) {
    return text == null ? "" : name + text;
  }

  private static int end(MoveProgress last) {
    return last.error() == null ? 0 : FAILED;
  }
}
