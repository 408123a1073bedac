package io.shardflux.reshard;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.shardflux.cluster.ClusterRouter;
import io.shardflux.reshard.job.MoveJob;
import io.shardflux.reshard.plan.MoveOptions;
import io.shardflux.reshard.plan.MovePlan;
import io.shardflux.reshard.progress.MoveProgress.Wanted;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import reactor.core.publisher.Mono;

/**
 * A router in a JVM of its own, which a test may kill or stop. It does moves, or it writes; it
 * prints a line for each write of which it was told, and obeys lines.
 *
 * <pre>
 * RouterProcess DOCUMENT mover                 obeys: the number of a strategy; prints: job N
 * RouterProcess DOCUMENT writer FIRST STEP     obeys: stop; prints: stored, unknown, wrong
 * </pre>
 */
final class RouterProcess {

  private static final Duration BOUND = Duration.ofSeconds(60);

  /** Those of a mover; a control leaves one out by {@code -Dmoves.without=fence}. */
  private static final MoveJob.Guards GUARDS =
      new MoveJob.Guards() {
        @Override
        public boolean closesFence() {
          return !System.getProperty("moves.without", "").equals("fence");
        }
      };

  private final ClusterRouter cluster;

  private RouterProcess(ClusterRouter cluster) {
    this.cluster = cluster;
  }

  public static void main(String[] arguments) throws IOException {
    String document = Files.readString(Path.of(arguments[0]));
    RouterProcess process =
        new RouterProcess(ClusterRouter.open(document).blockOptional(BOUND).orElseThrow());
    if (arguments[1].equals("mover")) {
      process.move();
    } else {
      process.write(Integer.parseInt(arguments[2]), Integer.parseInt(arguments[3]));
    }
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }

  private void move() throws IOException {
    ShardMoves moves = new DefaultShardMoves(cluster, GUARDS);
    say("ready");
    BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, UTF_8));
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      int space = order.indexOf(' ');
      int number = Integer.parseInt(order.substring(space + 1));
      switch (order.substring(0, space)) {
        case "move" -> say("job " + started(moves, number, Duration.ZERO));
        case "hold" -> say("job " + started(moves, number, Duration.ofHours(1)));
        // By another mover, the keys may be on their way back already.
        default -> moves.want(number, Wanted.REVERSE).onErrorComplete().block(BOUND);
      }
    }
  }

  private static long started(ShardMoves moves, int strategy, Duration window) {
    MovePlan plan =
        moves
            .plan("by_user", ProcessesFixture.STRATEGIES.get(strategy))
            .blockOptional(BOUND)
            .orElseThrow();
    MoveOptions options = plan.options().toBuilder().rollbackWindow(window).build();
    return moves.start(plan.with(options)).blockOptional(BOUND).orElseThrow();
  }

  private void write(int first, int step) throws IOException {
    AtomicBoolean over = new AtomicBoolean();
    Mono<Void> all =
        new Writes(cluster.router(), first, step, RouterProcess::say).until(over::get).cache();
    all.subscribe(never -> {}, error -> say("wrong " + error));
    say("ready");
    new BufferedReader(new InputStreamReader(System.in, UTF_8)).readLine();
    over.set(true);
    all.block(BOUND);
    say("stopped");
    cluster.close().block(BOUND);
  }
}
