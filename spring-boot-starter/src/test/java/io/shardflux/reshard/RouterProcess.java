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
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.UnaryOperator;
import org.yaml.snakeyaml.Yaml;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * A router in a JVM of its own, which a test may kill or stop. It does moves, or it writes; it
 * prints a line for each write of which it was told, and obeys lines.
 *
 * <pre>
 * RouterProcess DOCUMENT mover                 obeys: move, hold, want, die, spare; prints: job N
 * RouterProcess DOCUMENT writer FIRST STEP     obeys: WRITE, CALM, REST, stop; prints: see Ledger
 * </pre>
 */
final class RouterProcess {

  private static final Duration BOUND = Duration.ofSeconds(60);

  /** Those of a mover; a control leaves one out by {@code -Dmoves.without=fence}. */
  private static final MoveJob.Guards GUARDS =
      new MoveJob.Guards() {
        @Override
        public boolean closesFence() {
          return !isWithout("fence");
        }
      };

  private final ClusterRouter cluster;

  private RouterProcess(ClusterRouter cluster) {
    this.cluster = cluster;
  }

  private static boolean isWithout(String guard) {
    return ProcessesFixture.WITHOUT.equals(guard);
  }

  public static void main(String[] arguments) throws IOException {
    Map<String, Object> document = new Yaml().load(Files.readString(Path.of(arguments[0])));
    RouterProcess process =
        new RouterProcess(
            ClusterRouter.open(
                    document,
                    isWithout("look")
                        ? builder -> builder.seeing(Sure::new)
                        : UnaryOperator.identity())
                .blockOptional(BOUND)
                .orElseThrow());
    if (arguments[1].equals("mover")) {
      process.move();
    } else {
      process.write(Integer.parseInt(arguments[2]), Integer.parseInt(arguments[3]));
    }
  }

  private static synchronized void say(String line) {
    System.out.println(line);
  }

  private static BufferedReader orders() {
    return new BufferedReader(new InputStreamReader(System.in, UTF_8));
  }

  private void move() throws IOException {
    ShardMoves moves = new DefaultShardMoves(cluster, GUARDS);
    AtStatement at = new AtStatement(RouterProcess::say);
    say("ready");
    BufferedReader orders = orders();
    for (String order = orders.readLine(); order != null; order = orders.readLine()) {
      String[] words = order.split(" ", -1);
      switch (words[0]) {
        case "move" -> say("job " + started(moves, words[1], Duration.ZERO));
        case "hold" -> say("job " + started(moves, words[1], Duration.ofHours(1)));
        case "want" ->
            // By another mover, the keys may be on their way back already.
            moves
                .want(Long.parseLong(words[2]), Wanted.valueOf(words[1]))
                .onErrorComplete()
                .block(BOUND);
        case "die" -> at.order(words[1], Integer.parseInt(words[2]));
        default -> {
          at.spare();
          say("spared");
        }
      }
    }
  }

  private static long started(ShardMoves moves, String strategy, Duration window) {
    MovePlan plan =
        moves
            .plan("by_user", ProcessesFixture.STRATEGIES.get(Integer.parseInt(strategy)))
            // A machine that is busy with many processes may be late for a connection.
            .retryWhen(Retry.fixedDelay(5, Duration.ofSeconds(1)))
            .blockOptional(BOUND)
            .orElseThrow();
    MoveOptions options = plan.options().toBuilder().rollbackWindow(window).build();
    // A router that stands still is none that is registered.
    return moves
        .start(plan.with(options).accepting(MovePlan.Code.OTHER_CLIENT))
        .blockOptional(BOUND)
        .orElseThrow();
  }

  private void write(int first, int step) throws IOException {
    AtomicBoolean over = new AtomicBoolean();
    EveryWrite writes = new EveryWrite(cluster.router(), first, step, RouterProcess::say);
    Mono<Void> all = writes.until(over::get).cache();
    all.subscribe(never -> {}, error -> say(Ledger.WRONG + " " + error));
    say("ready");
    BufferedReader orders = orders();
    for (String order = orders.readLine(); !order.equals("stop"); order = orders.readLine()) {
      writes.turn(EveryWrite.Mode.valueOf(order)).block(BOUND);
      say(order);
    }
    over.set(true);
    all.block(BOUND);
    say("stopped");
    cluster.close().block(BOUND);
  }
}
